// Planes from the server, the latest kept.
import { PLANES } from "/slices.js";
import { bytes, get, query } from "/api.js";
import { toVoxel } from "/geometry.js";

const MOST = 120;
const kept = new Map();

const remembered = (key, make) => {
  if (!kept.has(key)) {
    const coming = make();
    coming.catch(() => kept.delete(key));
    kept.set(key, coming);
    if (kept.size > MOST) kept.delete(kept.keys().next().value);
  }
  return kept.get(key);
};

export const sizeOf = (series, plane) => {
  const [, down, across] = PLANES[plane];
  return [series.shape[down], series.shape[across]];
};

export const indexOf = (series, plane, place) => toVoxel(series, place)[PLANES[plane][0]];

export const fetchPlane = (series, plane, index, minus = null) => {
  const values = { series: series.id, plane, index };
  if (minus) values.minus = minus.id;
  const path = `plane?${query(values)}`;
  return remembered(path, async () => new Int16Array(await bytes(path)));
};

export const fetchLayer = (owner, name, series, plane, index) => {
  const path = `layer?${query({ series: owner.id, name, over: series.id, plane, index })}`;
  // A layer is made anew by every verification, so it is not kept.
  return bytes(path).then((buffer) => new Uint8Array(buffer));
};

// Of differences; asked for when the first one is shown.
let ramp = null;
export const fetchColours = () => {
  ramp ??= get("colours");
  ramp.catch(() => {
    ramp = null;
  });
  return ramp;
};
