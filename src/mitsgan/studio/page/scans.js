// Open scans, and files that may be opened.
import { post } from "/api.js";
import { finished, refresh, say, trying, work } from "/work.js";
import { el, on, state } from "/state.js";

const below = [];

const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(bytes < 1e7 ? 3 : 2)} GB`;

const button = (text, action, label = text) => {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: text, ariaLabel: label });
  made.addEventListener("click", () => trying(action));
  return made;
};

const item = (...parts) => {
  const made = document.createElement("li");
  made.append(...parts);
  return made;
};

// Whoever works by keyboard goes on where they were: at the button of the same name, else at the
// first that is left, else at the panel's head.
const keepFocus = (list, ...items) => {
  const before = list.contains(document.activeElement) ? document.activeElement.ariaLabel : null;
  list.replaceChildren(...items);
  if (before === null) return;
  const buttons = [...list.querySelectorAll("button")];
  const same = buttons.find((one) => one.ariaLabel === before);
  (same ?? buttons[0] ?? list.closest("details").querySelector("summary")).focus();
};

const fill = () => {
  const { series, memory, folders } = state.session;
  keepFocus(
    el("series"),
    ...series.map((one) => {
      const facts = `${one.shape.join(" x ")}, ${one.spacing.map((v) => v.toFixed(2)).join(" x ")} mm, ${gigabytes(one.bytes)}`;
      const text = document.createElement("span");
      text.append(`${one.name} (${one.simulated ? "SIMULATED" : one.role})`, document.createElement("br"));
      text.append(Object.assign(document.createElement("small"), { textContent: [facts, ...one.notes].join("; ") }));
      const close = async () => {
        await post("close", { series: one.id });
        await refresh();
      };
      return item(text, button("Close", close, `close ${one.name}`));
    }),
  );
  el("memory").textContent = `${gigabytes(memory.used)} of ${gigabytes(memory.limit)} taken`;
  el("where").textContent = series.length ? `${series.length} open` : state.session.tasks.length ? "Opening ..." : "Nothing is open yet.";
  el("open-from").hidden = !folders.length;
  if (el("root").options.length === folders.length) return;
  el("root").replaceChildren(
    ...folders.map((name, i) => Object.assign(document.createElement("option"), { value: i, textContent: name })),
  );
  trying(list);
};

const list = async () => {
  const at = { root: Number(el("root").value), below: below.join("/") };
  const found = await post("files", at);
  const path = (name) => [...below, name].filter(Boolean).join("/");
  const open = (name) => async () => {
    const result = await work("open", { root: at.root, below: path(name) });
    if (result) await refresh();
  };
  const into = (name) => async () => {
    below.push(name);
    await list();
  };
  const up = async () => {
    below.pop();
    await list();
  };
  el("below").replaceChildren(`${el("root").selectedOptions[0].textContent}/${at.below} `, button("Open this", open(""), `open ${at.below || "this"}`));
  const more = found.more ? [item(`and ${found.more} more`)] : [];
  keepFocus(
    el("files"),
    ...(below.length ? [item(button("..", up, "up"))] : []),
    ...found.folders.map((name) => item(button(`${name}/`, into(name), `into ${name}`), button("Open", open(name), `open ${name}`))),
    ...found.files.map((name) => item(name, button("Open", open(name), `open ${name}`))),
    ...more,
  );
};

export const startScans = () => {
  on("session", fill);
  el("root").addEventListener("change", () => {
    below.length = 0;
    trying(list);
  });
};

// Scans that were named at the start may be being opened still, or could not be, long ago.
export const awaitFirst = async () => {
  const failed = new Set();
  for (const task of state.session.tasks) await finished(task).catch((error) => failed.add(error.message));
  for (const error of state.session.not_opened) failed.add(error);
  say([...failed].join("\n"));
};
