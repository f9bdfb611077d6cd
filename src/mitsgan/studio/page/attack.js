// Simulated tampering at the guides: what becomes of the scan and of its protected version.
import { show } from "/controls.js";
import { trying, work } from "/work.js";
import { el, first, on, second, seriesOf, state } from "/state.js";

// The scan under "Scan" and what it is compared with; of simulated ones, what they were made of.
const subjects = () => {
  const [a, b] = [first(), second()].map((one) => (one?.simulated ? seriesOf(one.original) : one));
  return a?.role === "protected" && b?.role === "scan" ? [b, a] : [a, b?.role === "protected" ? b : null];
};

const term = ([name, text]) => [
  Object.assign(document.createElement("dt"), { textContent: name }),
  Object.assign(document.createElement("dd"), { textContent: text }),
];

const attack = async (action) => {
  const [scan, version] = subjects();
  el("attacked").replaceChildren(); // an earlier attack is forgotten, and may have been another one
  const body = { series: scan.id, protected: version?.id ?? "", action, place: state.place, attacker: el("attacker").value };
  const result = await work("attack", body);
  if (!result) return;
  el("attacked").replaceChildren(...result.lines.flatMap(term));
  show(result.made[0].id, result.made[1]?.id ?? scan.id, "side");
};

const save = async () => {
  el("exported").textContent = "";
  const result = await work("export", { series: first().id, name: el("export-name").value });
  if (result) el("exported").textContent = `Written, with SIMULATED in every slice: ${result.written}`;
};

const allow = () => {
  const { can } = state.session;
  const { attackers } = state.names;
  if (el("attacker").options.length !== attackers.length) {
    el("attacker").replaceChildren(
      ...attackers.map((name) => Object.assign(document.createElement("option"), { value: name, textContent: name })),
    );
  }
  for (const button of el("attack").querySelectorAll("button")) button.disabled = !first() || !attackers.length;
  el("export").hidden = !(can.save && first()?.simulated);
};

export const startAttack = () => {
  on("session", allow);
  on("view", allow);
  el("attack").addEventListener("submit", (event) => {
    event.preventDefault();
    trying(() => attack(event.submitter?.value ?? "inject"));
  });
  el("export").addEventListener("submit", (event) => {
    event.preventDefault();
    trying(save);
  });
};
