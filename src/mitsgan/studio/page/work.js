// Work that takes long: how far it is, and a button that stops it; what goes wrong, in words.
import { get, post } from "/api.js";
import { changed, el, state } from "/state.js";

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
let current = null;
let before = null;

export const say = (text) => {
  el("alert").textContent = text;
  el("alert").hidden = !text;
};

// How much is under way, for whoever waits until the page is still.
let busy = 0;

// Run something that may fail; what went wrong is said.
export const trying = async (action) => {
  say("");
  document.documentElement.dataset.busy = ++busy;
  try {
    return await action();
  } catch (error) {
    say(error.message);
    return null;
  } finally {
    document.documentElement.dataset.busy = --busy;
  }
};

const show = (task) => {
  const cancel = el("work-cancel");
  // Whoever cancelled by keyboard goes on where they were.
  if (!current && task) before = document.activeElement;
  const left = !task && document.activeElement === cancel;
  current = task;
  el("work").hidden = !task;
  if (left && before?.isConnected) before.focus();
  if (!task) return;
  el("work-text").textContent = task.note ? `${task.phase || task.what}: ${task.note}` : task.phase || task.what;
  const bar = el("work-bar");
  if (task.total > 0) {
    bar.max = task.total;
    bar.value = task.done;
  } else {
    bar.removeAttribute("value");
  }
};

export const refresh = async () => {
  state.session = await get("session");
  changed("session");
};

// Wait for a task; its result, or null where it was cancelled.
export const finished = async (task) => {
  let wait = 60;
  while (!["done", "failed", "cancelled"].includes(task.state)) {
    show(task);
    await pause(wait);
    wait = Math.min(wait * 1.3, 500);
    task = await get(`task/${task.id}`);
  }
  show(null);
  await refresh();
  if (task.state === "failed") throw new Error(task.error);
  return task.result;
};

export const work = async (path, body) => finished(await post(path, body));

export const startWork = () =>
  el("work-cancel").addEventListener("click", () => current && post(`task/${current.id}/cancel`));
