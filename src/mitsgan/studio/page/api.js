// Every request carries the token. It comes behind the # of the address, which browsers keep to
// themselves, and is kept for this tab alone, so that a reload finds it.
const KEY = "mitsgan-token";

const given = () => new URLSearchParams(location.hash.slice(1));

// An address that is opened where the page is already changes what is behind the # alone.
addEventListener("hashchange", () => location.hash && location.reload());

export const enter = async () => {
  const values = given();
  if (values.has("token")) sessionStorage.setItem(KEY, values.get("token"));
  if (values.has("code")) {
    const answer = await post("enter", { code: values.get("code") }).catch((error) => {
      if (!sessionStorage.getItem(KEY)) throw error;
    });
    if (answer) sessionStorage.setItem(KEY, answer.token);
  }
  if (location.hash) history.replaceState(null, "", location.pathname);
};

const ask = async (path, options = {}) => {
  const token = sessionStorage.getItem(KEY) ?? "";
  const headers = { Authorization: `Bearer ${token}`, ...options.headers };
  let response;
  try {
    response = await fetch(`/api/${path}`, { ...options, headers });
  } catch {
    throw new Error("The studio does not answer; it may have been ended in its terminal.");
  }
  if (!response.ok) throw new Error((await response.json()).error);
  return response;
};

export const get = async (path) => (await ask(path)).json();

export const post = async (path, body = {}) => {
  const headers = { "Content-Type": "application/json" };
  return (await ask(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
};

export const response = ask;

export const bytes = async (path) => (await ask(path)).arrayBuffer();

export const query = (values) => new URLSearchParams(values).toString();
