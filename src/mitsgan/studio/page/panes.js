// The pictures on the page: three planes of one series, or of two.
import { PLANES, savePicture } from "/slices.js";
import { draw, isSimulated } from "/drawing.js";
import { distance, placeAt, samePlaces, toVoxel, toWorld } from "/geometry.js";
import { fetchPlane, indexOf, sizeOf } from "/planes.js";
import { say } from "/work.js";
import { changed, el, first, on, second, state } from "/state.js";

const POINT = el("readout").textContent;
let toldOf = "";
let panes = [];
let shownAs = "";

const build = () => {
  const sides = state.mode === "side" && second() ? ["first", "second"] : ["first"];
  const wanted = `${sides}`;
  if (wanted === shownAs) return;
  shownAs = wanted;
  panes = sides.flatMap((side) => Object.keys(PLANES).map((plane) => pane(side, plane)));
  el("panes").replaceChildren(
    ...sides.map((side) => {
      const row = document.createElement("div");
      row.className = "row";
      const title = document.createElement("h3");
      title.id = `title-${side}`;
      row.append(title, ...panes.filter((p) => p.side === side).map((p) => p.figure));
      return row;
    }),
  );
};

const pane = (side, plane) => {
  const figure = document.createElement("figure");
  const make = (tag, values, text = "") => Object.assign(document.createElement(tag), values, { textContent: text });
  const canvas = make("canvas", { id: `${side}-${plane}`, tabIndex: 0, role: "img" });
  const slider = make("input", { id: `${side}-${plane}-slider`, type: "range", min: 0 });
  const label = make("label", {}, plane[0].toUpperCase() + plane.slice(1));
  const number = make("output", { id: `${side}-${plane}-number` });
  const button = make("button", { type: "button", id: `${side}-${plane}-save` }, "Save picture");
  label.append(" ", number, slider);
  figure.append(canvas, label, button);
  const made = { side, plane, figure, canvas, slider, number, wish: 0 };
  slider.addEventListener("input", () => step(made, Number(slider.value)));
  button.addEventListener("click", () => save(made));
  listen(made);
  return made;
};

const seriesIn = (pane) => (pane.side === "second" ? second() : first());

const step = (pane, to) => {
  const series = seriesIn(pane);
  if (!series) return;
  const along = PLANES[pane.plane][0];
  const voxel = toVoxel(series, state.place);
  const by = Math.min(Math.max(to, 0), series.shape[along] - 1) - voxel[along];
  // Along the series' own axis, so that the place stays where it is in the plane.
  state.place = state.place.map((v, k) => v + by * series.axes[along][k] * series.spacing[along]);
  changed();
};

const at = (pane, event) => {
  const box = pane.canvas.getBoundingClientRect();
  const part = (v) => Math.min(Math.max(v, 0), 0.9999);
  return [part((event.clientX - box.left) / box.width), part((event.clientY - box.top) / box.height)];
};

const listen = (pane) => {
  const { canvas, plane } = pane;
  const placeOf = (event) => placeAt(seriesIn(pane), plane, ...at(pane, event), state.place);
  canvas.addEventListener("pointermove", (event) => {
    if (!seriesIn(pane)) return;
    if (state.measuring && event.buttons === 1 && state.ruler.length) {
      state.ruler = [state.ruler[0], placeOf(event)];
      changed();
    }
    readout(pane, placeOf(event));
  });
  canvas.addEventListener("pointerdown", (event) => {
    if (!seriesIn(pane)) return;
    if (state.measuring) state.ruler = [placeOf(event)];
    else state.place = placeOf(event);
    changed();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (seriesIn(pane)) step(pane, indexOf(seriesIn(pane), plane, state.place) - Math.sign(event.deltaY));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => keyed(pane, event));
};

const keyed = (pane, event) => {
  const series = seriesIn(pane);
  if (!series) return;
  const [, down, across] = PLANES[pane.plane];
  const index = indexOf(series, pane.plane, state.place);
  const steps = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
  const moves = { ArrowLeft: [across, -1], ArrowRight: [across, 1], ArrowUp: [down, down === 0 ? 1 : -1], ArrowDown: [down, down === 0 ? -1 : 1] };
  if (event.shiftKey && event.key in moves) {
    const [axis, by] = moves[event.key];
    const voxel = toVoxel(series, state.place);
    voxel[axis] = Math.min(Math.max(voxel[axis] + by, 0), series.shape[axis] - 1);
    state.place = toWorld(series, voxel);
    changed();
    readout(pane, state.place);
  } else if (event.key in steps) {
    step(pane, index + steps[event.key]);
    readout(pane, state.place);
  } else if (event.key.toLowerCase() === "m") {
    state.ruler = state.ruler.length === 1 ? [state.ruler[0], state.place] : [state.place];
    changed();
    readout(pane, state.place);
  } else return;
  event.preventDefault();
};

// HU of the series that are shown, in the voxel at a place, and where its middle is.
const readout = async (pane, place) => {
  const series = seriesIn(pane);
  const voxel = toVoxel(series, place);
  const texts = [];
  const values = [];
  const both = second() && state.mode !== "one" ? [first(), second()] : [series];
  for (const one of both) {
    const [, down, across] = PLANES[pane.plane];
    const own = toVoxel(one, place);
    const plane = await fetchPlane(one, pane.plane, own[PLANES[pane.plane][0]]).catch(() => null);
    if (!plane) return;
    const [rows, columns] = sizeOf(one, pane.plane);
    const row = down === 0 ? rows - 1 - own[down] : own[down];
    values.push(plane[row * columns + own[across]]);
    texts.push(`${one.name} ${values.at(-1)} HU`);
  }
  if (values.length === 2) texts.push(`second minus first ${values[1] - values[0]} HU`);
  const mm = toWorld(series, voxel).map((v) => v.toFixed(1)).join(", ");
  const ruler = state.ruler.length === 2 ? `; ruler ${distance(...state.ruler).toFixed(1)} mm` : "";
  el("readout").textContent = `${texts.join("; ")} at voxel ${voxel.join(", ")} [z, y, x], ${mm} mm (LPS)${ruler}`;
};

const save = (pane) => {
  const series = seriesIn(pane);
  const other = state.mode === "one" || state.mode === "side" ? null : second();
  const words = [series.name, other?.name, pane.plane, indexOf(series, pane.plane, state.place)];
  if (isSimulated(series, other)) words.unshift(state.session.draw.mark);
  savePicture(pane.canvas, `${words.filter((w) => w !== undefined).join("-").replace(/[^\w.-]+/g, "-")}.png`);
};

// How many drawings are under way, for whoever waits until the page is still.
let drawing = 0;

const drawAll = async () => {
  document.documentElement.dataset.drawing = ++drawing;
  try {
    await drawPanes();
  } finally {
    document.documentElement.dataset.drawing = --drawing;
  }
};

const drawPanes = async () => {
  build();
  // What was told of other scans is not true of these.
  const shownNow = `${state.first} ${state.second} ${state.mode}`;
  if (toldOf !== shownNow) el("readout").textContent = POINT;
  toldOf = shownNow;
  el("panes").hidden = !first();
  if (!first()) return;
  if (state.mode === "difference" && second() && !samePlaces(first(), second())) {
    say("These two do not share a grid, so there is no difference voxel by voxel; shown side by side.");
    state.mode = el("mode").value = "side";
    return changed();
  }
  await Promise.all(panes.map(async (pane) => {
    const series = seriesIn(pane);
    const other = ["one", "side"].includes(state.mode) ? null : second();
    const mine = ++pane.wish;
    const along = PLANES[pane.plane][0];
    const index = indexOf(series, pane.plane, state.place);
    pane.slider.max = series.shape[along] - 1;
    pane.slider.value = index;
    pane.number.textContent = `slice ${index} of 0 to ${series.shape[along] - 1}`;
    const simulated = isSimulated(series, other);
    pane.canvas.ariaLabel = `${pane.plane} slice ${index}, ${series.name}${other ? ` and ${other.name}, ${state.mode}` : ""}${simulated ? ", simulated" : ""}`;
    try {
      if (await draw(pane.canvas, series, other, pane.plane, () => mine === pane.wish)) {
        pane.canvas.dataset.drawn = `${series.id} ${index} ${mine}`;
      }
    } catch (error) {
      if (mine === pane.wish) say(error.message);
    }
  }));
  for (const side of ["first", "second"]) {
    const title = el(`title-${side}`);
    if (title) title.textContent = (side === "second" ? second() : first()).name;
  }
};

export const startPanes = () => on("view", drawAll);
