// One picture: a plane of a series, what it is compared with, layers, guides, ruler, the mark.
import * as slices from "/slices.js";
import { distance, onPlane, toWorld } from "/geometry.js";
import { fetchColours, fetchLayer, fetchPlane, indexOf, sizeOf } from "/planes.js";
import { state } from "/state.js";

const SIDE = 512;
export const LAYERS = {
  lung: [64, 180, 255],
  "mark map": [255, 64, 96],
  "seal regions": [255, 160, 32],
};

const drawPlane = async (pen, series, plane, place, box) => {
  const index = indexOf(series, plane, place);
  const values = await fetchPlane(series, plane, index);
  const [rows, columns] = sizeOf(series, plane);
  const image = slices.greyImage(values, rows, columns, state.session.draw.windows[state.window]);
  return () => slices.paint(pen, image, box);
};

// The rectangle that a plane of another series covers in the picture of this one.
const boxOf = (series, plane, other, canvas) => {
  const [, down, across] = slices.PLANES[plane];
  const corner = (end) => {
    const voxel = [0, 0, 0].map((_, i) => (end ? other.shape[i] - 1 : 0));
    voxel[across] += end ? 0.5 : -0.5;
    voxel[down] += end ? 0.5 : -0.5;
    return onPlane(series, plane, toWorld(other, voxel));
  };
  const [[x0, y0], [x1, y1]] = [corner(false), corner(true)];
  const [left, top] = [Math.min(x0, x1) * canvas.width, Math.min(y0, y1) * canvas.height];
  return [left, top, Math.abs(x1 - x0) * canvas.width, Math.abs(y1 - y0) * canvas.height];
};

// Series whose layers and points are drawn over one: itself, what it was made of, what was made of it.
const related = (series) => [
  series,
  ...state.session.series.filter((other) => other.id === series.original || other.original === series.id),
];

const drawLayers = async (pen, series, plane, place) => {
  const draws = [];
  for (const name of Object.keys(LAYERS)) {
    const owner = state.layers.has(name) && related(series).find((other) => other.layers.includes(name));
    if (!owner) continue;
    const index = indexOf(series, plane, place);
    const values = await fetchLayer(owner, name, series, plane, index);
    const [rows, columns] = sizeOf(series, plane);
    const image = new ImageData(columns, rows);
    values.forEach((value, i) => image.data.set([...LAYERS[name], value * 0.3], 4 * i));
    draws.push(() => slices.paint(pen, image));
  }
  return draws;
};

const drawPoints = (pen, series, plane, place) => {
  const owner = state.layers.has("candidates") && related(series).find((other) => other.points.candidates);
  if (!owner) return;
  const along = slices.PLANES[plane][0];
  const axis = series.axes[along];
  pen.strokeStyle = "#7cff6b";
  pen.lineWidth = 1.5;
  for (const point of owner.points.candidates) {
    const away = Math.abs(point.place.reduce((sum, v, k) => sum + (v - place[k]) * axis[k], 0));
    if (away > Math.max(point.radius_mm, series.spacing[along] / 2)) continue;
    const [x, y] = onPlane(series, plane, point.place);
    const [, , across] = slices.PLANES[plane];
    const mm = pen.canvas.width / (series.shape[across] * series.spacing[across]);
    pen.beginPath();
    pen.arc(x * pen.canvas.width, y * pen.canvas.height, (point.radius_mm + 2) * mm, 0, 2 * Math.PI);
    pen.stroke();
  }
};

const drawRuler = (pen, series, plane) => {
  if (!state.ruler.length) return;
  const ends = state.ruler.map((place) => {
    const [x, y] = onPlane(series, plane, place);
    return [x * pen.canvas.width, y * pen.canvas.height];
  });
  pen.strokeStyle = pen.fillStyle = "#5ee7ff";
  pen.lineWidth = 2;
  for (const [x, y] of ends) pen.fillRect(x - 3, y - 3, 6, 6);
  if (ends.length < 2) return;
  pen.beginPath();
  pen.moveTo(...ends[0]);
  pen.lineTo(...ends[1]);
  pen.stroke();
  pen.font = "600 15px system-ui, sans-serif";
  pen.textAlign = "left";
  pen.shadowColor = "#000";
  pen.shadowBlur = 4;
  pen.fillText(`${distance(...state.ruler).toFixed(1)} mm`, ends[1][0] + 8, ends[1][1]);
  pen.shadowBlur = 0;
};

// The drawn word covers the one that the voxels came with.
const bandOf = (series, plane, canvas) => {
  const [rows] = sizeOf(series, plane);
  return slices.bandHeight(canvas, Math.min(series.marked_rows[plane] / rows, 0.5) * canvas.height);
};

export const isSimulated = (series, other) => series.simulated || Boolean(other?.simulated);

// Draw everything off screen, then at once, so that nothing half drawn is ever seen. What counts
// is told by `current`: a newer wish makes this one void.
export const draw = async (canvas, series, other, plane, current) => {
  const { place, mode } = state;
  const sheet = new OffscreenCanvas(...slices.canvasSize(series.shape, series.spacing, plane, SIDE));
  const pen = sheet.getContext("2d");
  pen.fillRect(0, 0, sheet.width, sheet.height);
  if (mode === "difference" && other) {
    const index = indexOf(series, plane, place);
    const values = await fetchPlane(other, plane, index, series);
    slices.paint(pen, slices.colouredImage(values, ...sizeOf(series, plane), state.limit, await fetchColours()));
  } else {
    (await drawPlane(pen, series, plane, place))();
    if (other && (mode === "swipe" || (mode === "flicker" && state.flickered))) {
      const from = mode === "swipe" ? state.swipe * sheet.width : 0;
      const paintOther = await drawPlane(pen, other, plane, place, boxOf(series, plane, other, sheet));
      pen.save();
      pen.beginPath();
      pen.rect(from, 0, sheet.width - from, sheet.height);
      pen.clip();
      pen.fillRect(from, 0, sheet.width - from, sheet.height);
      paintOther();
      pen.restore();
      if (mode === "swipe") {
        pen.fillStyle = "#5ee7ff";
        pen.fillRect(from - 1, 0, 2, sheet.height);
      }
    }
  }
  for (const layer of await drawLayers(pen, series, plane, place)) layer();
  drawPoints(pen, series, plane, place);
  const simulated = isSimulated(series, mode === "side" ? null : other);
  const band = simulated ? bandOf(series, plane, sheet) : 0;
  if (state.guides) {
    const [x, y] = onPlane(series, plane, place);
    slices.crosshair(pen, x * sheet.width, y * sheet.height);
    slices.letters(pen, plane, series.ends, band);
  }
  drawRuler(pen, series, plane);
  if (simulated) slices.burnIn(pen, band, state.session.draw.mark);
  if (!current()) return false;
  canvas.width = sheet.width;
  canvas.height = sheet.height;
  canvas.getContext("2d").drawImage(sheet, 0, 0);
  return true;
};
