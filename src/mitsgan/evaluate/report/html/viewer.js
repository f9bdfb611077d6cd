// Draws three planes of the voxels that the page holds. Every picture in which a tampering model
// had a hand carries the mark in its pixels, so that saved and copied ones do too. How planes are
// drawn is in slices.js, which the page holds before this.
(() => {
  const root = document.getElementById("viewer");
  if (!root || typeof DecompressionStream === "undefined") return;
  const data = JSON.parse(document.getElementById("viewer-data").textContent);
  const el = (role) => root.querySelector(`[data-role="${role}"]`);
  const SIDE = 420;
  const SIMULATED = ["tampered_original", "tampered_protected", "difference"];
  const limits = { perturbation: "10", difference: "200" };
  const state = { gallery: null, at: [0, 0, 0], shown: null };
  const kept = new Map();

  const unpacked = async (id) => {
    const text = document.getElementById(id).textContent;
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const halves = new Uint8Array(await new Response(stream).arrayBuffer());
    const count = halves.length / 2;
    const voxels = new Int16Array(count);
    for (let i = 0; i < count; i++) voxels[i] = halves[i] | (halves[count + i] << 8);
    return voxels;
  };

  // Volume `number` of a gallery: untouched ones come first, then tampered ones, in the order of
  // the names. Each is stored as what it adds to the one it was made from.
  const volume = (gallery, number) => {
    const key = `${gallery}-${number}`;
    if (!kept.has(key)) {
      const names = data.galleries[gallery].names.length;
      const make = async () => {
        const voxels = await unpacked(`volume-${key}`);
        if (number > 0) {
          const base = await volume(gallery, number < names ? 0 : number - names);
          for (let i = 0; i < voxels.length; i++) voxels[i] += base[i];
        }
        return voxels;
      };
      kept.set(key, make());
    }
    return kept.get(key);
  };

  // What is shown: a volume, or one less another.
  const chosen = async () => {
    const gallery = Number(el("gallery").value);
    const names = data.galleries[gallery].names.length;
    const protector = Number(el("protector").value);
    const kind = el("picture").value;
    const numbers = {
      original: [0],
      protected: [protector],
      perturbation: [protector, 0],
      tampered_original: [names],
      tampered_protected: [names + protector],
      difference: [names + protector, names],
    }[kind];
    const [a, b] = await Promise.all(numbers.map((number) => volume(gallery, number)));
    return { kind, voxels: b ? a.map((v, i) => v - b[i]) : a, differs: Boolean(b) };
  };

  const windowed = () => data.windows[root.querySelector("[name=window]:checked").value];

  const draw = (plane) => {
    const [along, down, across] = PLANES[plane];
    const { gallery: g, at, shown } = state;
    const strides = [g.shape[1] * g.shape[2], g.shape[2], 1];
    const [rows, columns] = [g.shape[down], g.shape[across]];
    const values = new Float32Array(rows * columns);
    for (let r = 0; r < rows; r++) {
      const row = down === 0 ? rows - 1 - r : r;
      const start = at[along] * strides[along] + row * strides[down];
      for (let c = 0; c < columns; c++) values[r * columns + c] = shown.voxels[start + c * strides[across]];
    }
    const image = shown.differs
      ? colouredImage(values, rows, columns, Number(el("limit").value), data.colours)
      : greyImage(values, rows, columns, windowed());
    const canvas = el(plane);
    [canvas.width, canvas.height] = canvasSize(g.shape, g.spacing, plane, SIDE);
    const pen = canvas.getContext("2d");
    paint(pen, image);
    const simulated = SIMULATED.includes(shown.kind);
    const marked = plane === "axial" ? (g.marked / rows) * canvas.height : 0;
    const band = simulated ? bandHeight(canvas, marked) : 0;
    if (el("guides").checked) guides(pen, plane, band);
    if (simulated) burnIn(pen, band, data.mark);
    const words = el("picture").selectedOptions[0].textContent;
    canvas.setAttribute("aria-label", `${plane} slice, ${words}${simulated ? ", simulated" : ""}`);
    el(`${plane}-slice`).textContent = `slice ${g.start[along] + at[along]}`;
  };

  const guides = (pen, plane, band) => {
    const { width, height } = pen.canvas;
    const [along, down, across] = PLANES[plane];
    const { gallery: g, at } = state;
    const x = (i) => (i / g.shape[across]) * width;
    const y = (i) => (down === 0 ? 1 - i / g.shape[0] : i / g.shape[down]) * height;
    crosshair(pen, x(at[across] + 0.5), y(at[down] + 0.5));
    if (at[along] >= g.cube[along][0] && at[along] < g.cube[along][1]) {
      pen.strokeStyle = "rgba(255, 255, 255, .8)";
      pen.setLineDash([5, 4]);
      const [[left, right], [first, last]] = [g.cube[across].map(x), g.cube[down].map(y)];
      pen.strokeRect(left, first, right - left, last - first);
      pen.setLineDash([]);
    }
    letters(pen, plane, g.ends, band);
  };

  const drawAll = () => {
    for (const plane of Object.keys(PLANES)) draw(plane);
    const differs = state.shown.differs;
    const [low, high] = differs ? [-el("limit").value, +el("limit").value] : windowed();
    const stops = [0, 32, 64, 96, 128, 160, 192, 224, 255].map((i) => `rgb(${data.colours[i]})`);
    const bar = document.createElement("i");
    bar.style.background = `linear-gradient(90deg, ${differs ? stops : "#000, #fff"})`;
    el("scale").replaceChildren(`${low}`, bar, `${high} HU`);
  };

  const step = (plane, to) => {
    const along = PLANES[plane][0];
    state.at[along] = Math.min(Math.max(to, 0), state.gallery.shape[along] - 1);
    el(`${plane}-slider`).value = state.at[along];
    drawAll();
  };

  const readout = (plane, event) => {
    const [along, down, across] = PLANES[plane];
    const { gallery: g, at, shown } = state;
    const box = el(plane).getBoundingClientRect();
    const part = (v, n) => Math.min(Math.max(Math.floor(v * n), 0), n - 1);
    const voxel = [0, 0, 0];
    voxel[along] = at[along];
    voxel[across] = part((event.clientX - box.left) / box.width, g.shape[across]);
    const row = part((event.clientY - box.top) / box.height, g.shape[down]);
    voxel[down] = down === 0 ? g.shape[0] - 1 - row : row;
    const hu = shown.voxels[(voxel[0] * g.shape[1] + voxel[1]) * g.shape[2] + voxel[2]];
    const world = g.world.map((w, i) =>
      g.axes.reduce((sum, axis, k) => sum + (voxel[k] - g.at[k]) * g.spacing[k] * axis[i], w));
    const where = world.map((w) => w.toFixed(1)).join(", ");
    el("readout").textContent =
      `${hu} HU at voxel ${voxel.map((v, i) => v + g.start[i]).join(", ")} [z, y, x], ${where} mm (LPS)`;
    return voxel;
  };

  const save = (plane) => {
    const words = [state.gallery.action, el("picture").value, plane, state.at[PLANES[plane][0]]];
    if (SIMULATED.includes(state.shown.kind)) words.unshift(data.mark);
    savePicture(el(plane), `${words.join("-")}.png`);
  };

  // Volumes are unpacked when they are first wanted; of several requests the last one counts.
  let asked = 0;
  const update = async () => {
    const mine = ++asked;
    const kind = el("picture").value;
    el("protector").disabled = ["original", "tampered_original"].includes(kind);
    el("limit").disabled = !(kind in limits);
    if (kind in limits) el("limit").value = limits[kind];
    const shown = await chosen();
    if (mine !== asked) return;
    state.shown = shown;
    drawAll();
    root.dataset.shown = kind;
  };

  const choose = () => {
    const g = data.galleries[Number(el("gallery").value)];
    state.gallery = g;
    state.at = [...g.at];
    const before = el("protector").selectedOptions[0]?.textContent;
    el("protector").replaceChildren(...g.names.slice(1).map((name, i) => new Option(name, i + 1)));
    for (const option of el("protector").options) option.selected ||= option.textContent === before;
    for (const [plane, [along]] of Object.entries(PLANES)) {
      el(`${plane}-slider`).max = g.shape[along] - 1;
      el(`${plane}-slider`).value = g.at[along];
    }
    return update();
  };

  const KEYS = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 5, PageDown: -5 };
  for (const plane of Object.keys(PLANES)) {
    const along = PLANES[plane][0];
    el(`${plane}-slider`).addEventListener("input", (e) => step(plane, Number(e.target.value)));
    el(`${plane}-save`).addEventListener("click", () => save(plane));
    el(plane).addEventListener("keydown", (event) => {
      if (!(event.key in KEYS)) return;
      event.preventDefault();
      step(plane, state.at[along] + KEYS[event.key]);
    });
    el(plane).addEventListener("pointermove", (event) => readout(plane, event));
    el(plane).addEventListener("click", (event) => {
      const voxel = readout(plane, event);
      for (const [other, [axis]] of Object.entries(PLANES)) step(other, voxel[axis]);
    });
  }
  el("gallery").addEventListener("change", choose);
  el("picture").addEventListener("change", update);
  el("protector").addEventListener("change", update);
  el("guides").addEventListener("change", drawAll);
  el("limit").addEventListener("change", (event) => {
    limits[el("picture").value] = event.target.value;
    drawAll();
  });
  for (const radio of root.querySelectorAll("[name=window]")) radio.addEventListener("change", drawAll);
  choose().then(() => {
    root.hidden = false;
    document.getElementById("no-viewer").remove();
  });
})();
