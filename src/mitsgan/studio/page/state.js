// What is shown now. Whoever changes it says so; whoever draws listens.
export const state = {
  session: { series: [], tasks: [], not_opened: [], memory: { used: 0, limit: 1 }, folders: [], can: {} },
  names: { attackers: [], protectors: [], protector: "" },
  place: null, // LPS mm, through which all planes go
  first: "",
  second: "",
  mode: "one",
  window: "lung",
  limit: 10,
  limitNote: "", // what the scale of a difference is
  swipe: 0.5,
  flickered: false,
  layers: new Set(),
  guides: true,
  measuring: false,
  ruler: [], // none, one or two places
};

const listeners = { view: [], session: [] };

export const on = (what, listener) => listeners[what].push(listener);
export const changed = (what = "view") => listeners[what].forEach((listener) => listener());

export const seriesOf = (id) => state.session.series.find((series) => series.id === id);
export const first = () => seriesOf(state.first);
export const second = () => seriesOf(state.second);
export const el = (id) => document.getElementById(id);
