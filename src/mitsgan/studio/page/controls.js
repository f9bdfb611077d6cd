// What is shown, and how: menus, windows, layers, swipe, flicker, ruler.
import { LAYERS } from "/drawing.js";
import { middle } from "/geometry.js";
import { fetchColours } from "/planes.js";
import { trying, work } from "/work.js";
import { changed, el, first, on, second, seriesOf, state } from "/state.js";

const FLICKER_MS = 600;
let timer = 0;
let paused = false;

const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });

const named = (series) => `${series.name} (${series.simulated ? "SIMULATED" : series.role})`;

// The budget of what is compared is the scale of the difference, and what that number is goes with it.
const SCALES = {
  "asked for": "the budget that was asked for here",
  stated: "the budget that the file states",
  measured: "the largest difference, for the file states no budget",
  unknown: "no budget is known",
};

// Whichever of the two was protected: to be verified, it stands first.
const scaleOf = (...pair) => {
  const known = pair.flatMap((series) => [series, seriesOf(series?.original)]).find((one) => one?.max_hu);
  return known ? [known.max_hu, SCALES[known.max_hu_is]] : [10, SCALES.unknown];
};

export const show = (firstId, secondId = state.second, mode = state.mode) => {
  const pair = () => `${first()?.id} ${second()?.id}`;
  const before = pair();
  // Nothing is compared with itself: the two change places.
  state.second = secondId === firstId ? (state.first === firstId ? "" : state.first) : secondId;
  state.first = firstId;
  state.mode = second() ? mode : "one";
  if (!state.place && first()) state.place = middle(first());
  if (second() && pair() !== before) [state.limit, state.limitNote] = scaleOf(second(), first());
  fill();
  changed();
};

const fill = () => {
  const all = state.session.series;
  el("first").replaceChildren(...all.map((series) => option(series.id, named(series))));
  el("second").replaceChildren(option("", "nothing"), ...all.map((series) => option(series.id, named(series))));
  el("first").value = state.first;
  el("second").value = state.second;
  el("mode").value = state.mode;
  for (const choice of el("mode").options) choice.disabled = choice.value !== "one" && !second();
  el("limit").value = state.limit;
  el("limit-label").hidden = state.mode !== "difference";
  el("swipe-label").hidden = state.mode !== "swipe";
  el("flicker").hidden = state.mode !== "flicker";
  flicker(state.mode === "flicker" && !paused);
  scale();
};

// The bar below the pictures; a newer wish makes an older one void.
let wish = 0;
const scale = async () => {
  const { draw } = state.session;
  if (!draw || !first()) return;
  const differs = state.mode === "difference";
  const mine = ++wish;
  const colours = differs ? await fetchColours().catch(() => null) : null; // said where it is drawn
  if (mine !== wish || (differs && !colours)) return;
  const [low, high] = differs ? [-state.limit, state.limit] : draw.windows[state.window];
  const bar = document.createElement("canvas");
  Object.assign(bar, { width: 256, height: 1, role: "presentation" });
  const pen = bar.getContext("2d");
  for (let i = 0; i < 256; i++) {
    pen.fillStyle = differs ? `rgb(${colours[i]})` : `rgb(${i}, ${i}, ${i})`;
    pen.fillRect(i, 0, 1, 1);
  }
  const means = Object.assign(document.createElement("span"), { id: "scale-is", textContent: differs ? state.limitNote : "" });
  el("scale").replaceChildren(`${low} HU `, bar, ` ${high} HU`, ...(differs ? [means] : []));
};

const flicker = (runs) => {
  clearInterval(timer);
  timer = 0;
  el("flicker").textContent = runs ? "Pause" : "Go on";
  if (!runs) return;
  timer = setInterval(() => {
    state.flickered = !state.flickered;
    changed();
  }, FLICKER_MS);
};

// A name to save a series under, with the ending of its file, until another one is typed.
export const suggest = (id, stem, series) => {
  const [ending] = series?.name.match(/\.(nii|nii\.gz|mha|mhd|nrrd|nhdr)$/i) ?? [""];
  const input = el(id);
  if (input.value === (input.dataset.suggested ?? stem)) input.value = input.dataset.suggested = stem + ending;
};

// Layers that are not there yet are made first; verifying makes the others.
const layer = async (name, wanted) => {
  if (wanted) state.layers.add(name);
  else state.layers.delete(name);
  const series = first();
  const there = [...series.layers, ...Object.keys(series.points)].includes(name);
  if (wanted && !there && ["lung", "candidates"].includes(name)) {
    const result = await trying(() => work(name, { series: series.id }));
    if (!result) state.layers.delete(name);
  }
  fillLayers();
  changed();
};

const fillLayers = () => {
  const there = new Set(state.session.series.flatMap((s) => [...s.layers, ...Object.keys(s.points)]));
  for (const box of el("layers").querySelectorAll("input")) {
    box.checked = state.layers.has(box.value);
    box.disabled = !first() || (!["lung", "candidates"].includes(box.value) && !there.has(box.value));
  }
};

const tick = (name) => {
  const label = Object.assign(document.createElement("label"), { className: "tick" });
  const box = Object.assign(document.createElement("input"), { type: "checkbox", value: name, id: `layer-${name.replace(" ", "-")}` });
  const key = Object.assign(document.createElement("i"), { className: `key ${name.replace(" ", "-")}` });
  box.addEventListener("change", () => layer(name, box.checked));
  label.append(box, key, name);
  return label;
};

const fillWindows = () => {
  if (el("windows").querySelector("input") || !state.session.draw) return;
  for (const [name, [low, high]] of Object.entries(state.session.draw.windows)) {
    const label = Object.assign(document.createElement("label"), { className: "tick", title: `${low} to ${high} HU` });
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: "window", value: name, checked: name === state.window });
    radio.addEventListener("change", () => {
      state.window = name;
      scale();
      changed();
    });
    label.append(radio, name);
    el("windows").append(label);
  }
};

// What was closed is shown no longer; what comes first is shown at once.
const settle = () => {
  fillWindows();
  const all = state.session.series;
  const chosen = first() ? state.first : all[0]?.id ?? "";
  let compared = second() ? state.second : "";
  const version = all.find((series) => series.original === chosen && series.role === "protected");
  if (!first() || (!compared && version && !state.seen?.has(version.id))) compared ||= version?.id ?? "";
  state.seen = new Set(all.map((series) => series.id));
  show(chosen, compared);
  fillLayers();
};

export const startControls = () => {
  el("layers").append(...[...Object.keys(LAYERS), "candidates"].map(tick));
  el("first").addEventListener("change", (event) => show(event.target.value));
  el("second").addEventListener("change", (event) => {
    show(state.first, event.target.value, state.mode === "one" ? "side" : state.mode);
  });
  el("mode").addEventListener("change", (event) => {
    paused = false;
    show(state.first, state.second, event.target.value);
  });
  el("limit").addEventListener("change", (event) => {
    state.limit = Math.max(Number(event.target.value) || 1, 1);
    state.limitNote = "a scale that was chosen here";
    scale();
    changed();
  });
  el("swipe").addEventListener("input", (event) => {
    state.swipe = event.target.value / 100;
    changed();
  });
  el("flicker").addEventListener("click", () => {
    paused = !paused;
    flicker(!paused);
  });
  el("guides").addEventListener("change", (event) => {
    state.guides = event.target.checked;
    changed();
  });
  el("ruler").addEventListener("click", () => {
    state.measuring = !state.measuring;
    if (!state.measuring) state.ruler = [];
    el("ruler").ariaPressed = `${state.measuring}`;
    changed();
  });
  on("session", settle);
};
