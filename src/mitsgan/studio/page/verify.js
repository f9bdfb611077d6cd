// The verdict, where to look, sealed beside found, and what is exported.
import { get, query, response } from "/api.js";
import { show, suggest } from "/controls.js";
import { trying, work } from "/work.js";
import { changed, el, first, on, seriesOf, state } from "/state.js";

let verified = "";
let beside = []; // sealed beside found: pictures of what was verified

const verify = async () => {
  const series = first();
  verified = "";
  el("verdict").hidden = true; // what was found before is no answer where this one fails
  const result = await work("verify", { series: series.id });
  if (!result) return;
  tell(series.id, result.verification);
  if (result.verification.regions.length) go(result.verification.regions[0]);
};

// What was found before this page was loaded, or on another one.
export const recall = async () => {
  const series = state.session.verified;
  if (series && !verified) tell(series, await get(`verification?${query({ series })}`));
};

const tell = (series, verification) => {
  verified = series;
  beside = [];
  el("verdict").hidden = false;
  el("verdict").className = verification.verdict;
  el("sentence").textContent = verification.sentence;
  el("sentences").replaceChildren(...verification.sentences.map((text) => element("li", text)));
  el("regions").replaceChildren(...verification.regions.map(region));
  el("sketch").hidden = !verification.sketch;
  for (const name of ["mark map", "seal regions"]) if (seriesOf(series)?.layers.includes(name)) state.layers.add(name);
  changed("session");
  whose();
};

// A verdict stays while other scans are looked at: it says of which it is, and that it is of no other.
const whose = () => {
  const series = seriesOf(verified);
  if (!series) return;
  const elsewhere = state.first !== verified && !beside.includes(state.first);
  el("whose").textContent = `Of ${series.name}${elsewhere ? ", not of what “Scan” shows now" : ""}:`;
};

const element = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });

const go = (place) => {
  state.place = [...place.place];
  changed();
};

const region = (one) => {
  const made = document.createElement("li");
  const button = Object.assign(element("button", `${one.name} (${one.kind})`), { type: "button" });
  const place = one.place.map((v) => v.toFixed(1)).join(", ");
  button.addEventListener("click", () => go(one));
  made.append(button, element("p", `${one.text}; at ${place} mm (LPS)`));
  return made;
};

const sketch = async () => {
  const result = await work("sketch", { series: verified });
  if (!result) return;
  beside = result.pair.map((series) => series.id);
  show(...result.pair.map((series) => series.id), "side");
};

const report = async () => {
  const answer = await response(`report?${query({ series: verified })}`);
  const name = decodeURIComponent(answer.headers.get("Content-Disposition").split("''")[1]);
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(await answer.blob()), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
};

const findings = async () => {
  el("written").textContent = "";
  const result = await work("findings", { series: verified, name: el("findings-name").value });
  if (result) el("written").textContent = `Written: ${result.written}`;
};

const restore = async () => {
  const passphrase = el("passphrase").value;
  el("passphrase").value = ""; // nowhere longer than it is needed
  el("restored").textContent = "";
  const result = await work("restore", { series: first().id, name: el("restore-name").value, passphrase });
  if (!result) return;
  el("restored").textContent = [result.sentence, ...result.notes].join(" ");
  if (result.series) show(state.first, result.series.id, "side");
};

// What cannot be asked for is said before it is tried.
const allow = () => {
  const { can } = state.session;
  const save = "Start the studio with --output FOLDER to save.";
  el("findings").hidden = !can.save;
  el("restore").hidden = !(can.restore && can.save);
  el("passphrase-label").hidden = !can.passphrase;
  el("passphrase").required = can.passphrase;
  el("verify").disabled = !first();
  if (!can.restore) el("restore-note").textContent = "Start the studio with --private-key KEY.pem to restore an original that was kept.";
  else if (!can.save) el("restore-note").textContent = save;
  if (verified && !state.session.series.some((series) => series.id === verified)) {
    verified = "";
    el("verdict").hidden = true;
  }
};

export const startVerify = () => {
  on("session", allow);
  on("view", whose);
  on("view", () => suggest("restore-name", "original", first()));
  el("verify").addEventListener("click", () => trying(verify));
  el("sketch").addEventListener("click", () => trying(sketch));
  el("report").addEventListener("click", () => trying(report));
  const submitted = (id, action) =>
    el(id).addEventListener("submit", (event) => {
      event.preventDefault();
      trying(action);
    });
  submitted("findings", findings);
  submitted("restore", restore);
};
