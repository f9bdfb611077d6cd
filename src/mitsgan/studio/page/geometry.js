// Voxels [z, y, x] of a series and places in the patient, LPS mm.
import { PLANES } from "/slices.js";

const inverses = new Map();

const rows = (series) => series.axes.map((axis, i) => axis.map((v) => v * series.spacing[i]));

const inverse = (series) => {
  if (!inverses.has(series.id)) {
    const [a, b, c] = rows(series);
    const cross = (p, q) => [
      p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0],
    ];
    const volume = dot(a, cross(b, c));
    // Columns of the inverse of a matrix of rows a, b, c.
    inverses.set(series.id, [cross(b, c), cross(c, a), cross(a, b)].map((v) => v.map((x) => x / volume)));
  }
  return inverses.get(series.id);
};

const dot = (p, q) => p[0] * q[0] + p[1] * q[1] + p[2] * q[2];

export const toWorld = (series, voxel) => {
  const matrix = rows(series);
  return series.origin.map((start, k) => voxel.reduce((sum, v, i) => sum + v * matrix[i][k], start));
};

export const toIndex = (series, place) => {
  const offset = place.map((p, k) => p - series.origin[k]);
  return inverse(series).map((column) => dot(offset, column));
};

export const toVoxel = (series, place) =>
  toIndex(series, place).map((v, i) => Math.min(Math.max(Math.round(v), 0), series.shape[i] - 1));

export const middle = (series) => toWorld(series, series.shape.map((n) => Math.floor(n / 2)));

export const distance = (p, q) => Math.hypot(...p.map((v, i) => v - q[i]));

// A place on a canvas of a plane, in parts of its width and height; and back.
export const onPlane = (series, plane, place) => {
  const [, down, across] = PLANES[plane];
  const index = toIndex(series, place);
  const y = (index[down] + 0.5) / series.shape[down];
  return [(index[across] + 0.5) / series.shape[across], down === 0 ? 1 - y : y];
};

export const placeAt = (series, plane, x, y, place) => {
  const [along, down, across] = PLANES[plane];
  const index = [0, 0, 0];
  index[along] = toVoxel(series, place)[along];
  index[across] = x * series.shape[across] - 0.5;
  index[down] = (down === 0 ? 1 - y : y) * series.shape[down] - 0.5;
  return toWorld(series, index);
};

export const samePlaces = (a, b) =>
  a && b && a.shape.every((n, i) => n === b.shape[i]) &&
  [[0, 0, 0], a.shape.map((n) => n - 1)].every((v) =>
    distance(toWorld(a, v), toWorld(b, v)) < 0.01 * Math.min(...a.spacing));
