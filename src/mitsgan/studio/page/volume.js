// The volume, drawn by NiiVue where the browser has WebGL2; where it has not, a sentence says so and
// the planes above, which need none, show everything.
import { query, response } from "/api.js";
import { trying } from "/work.js";
import { changed, el, first, on, state } from "/state.js";

const HEADER = 352;
let viewer = null;
let shown = "";

const lacking = () => {
  const context = document.createElement("canvas").getContext("webgl2");
  if (!context) return "This browser draws no volume, for it has no WebGL2 (often: no graphics driver); the planes above need none.";
  const most = context.getParameter(context.MAX_3D_TEXTURE_SIZE);
  context.getExtension("WEBGL_lose_context")?.loseContext();
  const longest = Math.max(...first().shape);
  if (longest > 4 * most) return `This graphics card takes ${most} voxels along a side, the scan has ${longest}; the planes above show all of it.`;
  return "";
};

// NIfTI-1 of 16-bit HU, RAS: what NiiVue reads without knowing of us.
const nifti = (series, shape, step, voxels) => {
  const buffer = new ArrayBuffer(HEADER + voxels.byteLength);
  const view = new DataView(buffer);
  const short = (at, value) => view.setInt16(at, value, true);
  const float = (at, value) => view.setFloat32(at, value, true);
  view.setInt32(0, 348, true);
  [3, shape[2], shape[1], shape[0], 1, 1, 1, 1].forEach((n, i) => short(40 + 2 * i, n));
  short(70, 4);
  short(72, 16);
  const spacing = series.spacing.map((v, i) => v * step[i]);
  [1, spacing[2], spacing[1], spacing[0]].forEach((v, i) => float(76 + 4 * i, v));
  float(108, HEADER);
  float(112, 1);
  short(254, 1);
  const signs = [-1, -1, 1];
  for (let k = 0; k < 3; k++) {
    [2, 1, 0].forEach((axis, i) => float(280 + 16 * k + 4 * i, signs[k] * series.axes[axis][k] * spacing[axis]));
    float(280 + 16 * k + 12, signs[k] * series.origin[k]);
  }
  [0x6e, 0x2b, 0x31, 0].forEach((byte, i) => view.setUint8(344 + i, byte));
  new Uint8Array(buffer, HEADER).set(new Uint8Array(voxels));
  return buffer;
};

const show = async () => {
  const reason = lacking();
  const note = el("volume-note");
  if (reason) {
    note.textContent = reason;
    return;
  }
  const series = first();
  note.textContent = "Fetching the volume ...";
  const answer = await response(`volume?${query({ series: series.id })}`);
  const numbers = (name) => answer.headers.get(name).split(",").map(Number);
  const [shape, step] = [numbers("X-Shape"), numbers("X-Step")];
  const { Niivue } = await import("/vendor/niivue-0.69.0.js");
  const canvas = el("volume-canvas");
  el("volume-box").hidden = false;
  if (!viewer) {
    viewer = new Niivue({ backColor: [0, 0, 0, 1], clipPlaneColor: [0, 0, 0, 0], show3Dcrosshair: false, isOrientCube: false, dragAndDropEnabled: false, logLevel: "error" });
    await viewer.attachToCanvas(canvas);
    viewer.setSliceType(viewer.sliceTypeRender);
    viewer.setScale(1.4);
    viewer.setClipPlane([0, 180, 0]); // the front half is cut away, so that the inside is seen
  }
  while (viewer.volumes.length) viewer.removeVolumeByIndex(0);
  await viewer.loadFromArrayBuffer(nifti(series, shape, step, await answer.arrayBuffer()), "scan.nii");
  shown = series.id;
  tint();
  const thinned = step.some((n) => n > 1) ? ` Of its voxels every ${step.join(", ")}th along z, y, x is drawn.` : "";
  note.textContent = `${series.name}${series.simulated ? ", SIMULATED" : ""}: drag to turn, or with H, J, K and L.${thinned}`;
  canvas.dataset.shown = shown;
};

const tint = () => {
  if (!viewer?.volumes.length) return;
  const [low, high] = state.session.draw.windows[state.window];
  const [volume] = viewer.volumes;
  // Air is to be seen through, and of bone the skeleton alone is wanted.
  volume.cal_min = state.window === "bone" ? 150 : Math.max(low, -900);
  volume.cal_max = high;
  viewer.updateGLVolume();
};

export const startVolume = () => {
  el("volume-show").addEventListener("click", () => trying(show));
  on("view", tint);
  on("session", () => {
    el("volume-show").disabled = !first();
  });
};
