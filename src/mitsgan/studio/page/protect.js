// Protect the scan under "Scan": how far voxels may move, and what that changes.
import { show, suggest } from "/controls.js";
import { trying, work } from "/work.js";
import { el, first, on, seriesOf, state } from "/state.js";

const subject = () => (first()?.role === "protected" ? seriesOf(first().original) : first());

const wanted = () => ({
  series: subject().id,
  max_hu: Number(el("budget").value),
  noise_fraction: el("noise-on").checked ? Number(el("noise").value) : null,
  protector: el("protector").value,
  seed: Number(el("seed").value),
  mark: el("mark").checked,
});

const term = ([name, text]) => [
  Object.assign(document.createElement("dt"), { textContent: name }),
  Object.assign(document.createElement("dd"), { textContent: text }),
];

const protect = async () => {
  const scan = subject();
  el("change").hidden = true; // what another one changed is no answer where this one fails
  const result = await work("protect", wanted());
  if (!result) return;
  const { psnr_db: psnr } = result;
  const figures = [
    ["Of", result.series.name],
    ["Largest change", `${result.largest_hu.toFixed(1)} HU`],
    ["RMS change", `${result.rms_hu.toFixed(2)} HU`],
    ["PSNR (2000 HU)", psnr === null ? "infinite: nothing differs" : `${psnr.toFixed(1)} dB`],
    ["SSIM", result.ssim.toFixed(4)],
    ...result.notes.map((note) => ["Note", note]),
  ];
  el("change").hidden = false;
  el("figures").replaceChildren(...figures.flatMap(term));
  histogram(result);
  show(scan.id, result.series.id, "difference");
};

// Bars over HU, in the colours of the page.
const histogram = ({ edges, counts }) => {
  const canvas = el("histogram");
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = style.getPropertyValue("--ours");
  const most = Math.max(...counts);
  const wide = canvas.width / counts.length;
  counts.forEach((count, i) => {
    const high = most ? (canvas.height * count) / most : 0;
    pen.fillRect(i * wide, canvas.height - high, Math.max(wide - 1, 1), high);
  });
  const total = counts.reduce((sum, count) => sum + count, 0);
  const still = counts[Math.floor(counts.length / 2)];
  const step = (edges[1] - edges[0]) / 2;
  el("histogram-text").textContent =
    `${edges[0].toFixed(1)} to ${edges.at(-1).toFixed(1)} HU; ` +
    `${total ? Math.round((100 * still) / total) : 0} % of the voxels moved by less than ${step.toFixed(1)} HU`;
};

const save = async () => {
  el("saved").textContent = "";
  const result = await work("protect", { ...wanted(), name: el("save-name").value });
  if (result) el("saved").textContent = `Written: ${result.written}, largest change ${result.largest_hu} HU`;
};

const allow = () => {
  const { can } = state.session;
  const { protectors } = state.names;
  if (el("protector").options.length !== protectors.length) {
    el("protector").replaceChildren(
      ...protectors.map((name) => Object.assign(document.createElement("option"), { value: name, textContent: name })),
    );
    el("protector").value = state.names.protector;
  }
  const scan = subject();
  el("protect").querySelector("button").disabled = !scan || scan.simulated || !protectors.length;
  el("mark").disabled = !can.mark;
  el("save").hidden = !(can.save && scan?.on_disk);
  suggest("save-name", "protected", scan);
};

export const startProtect = () => {
  on("session", allow);
  on("view", allow);
  el("budget").addEventListener("input", () => {
    el("budget-text").textContent = `${el("budget").value} HU`;
  });
  el("noise-on").addEventListener("change", () => {
    el("noise-label").hidden = !el("noise-on").checked;
  });
  const submitted = (id, action) =>
    el(id).addEventListener("submit", (event) => {
      event.preventDefault();
      trying(action);
    });
  submitted("protect", protect);
  submitted("save", save);
};
