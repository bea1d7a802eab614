// Requests to the server of this page, and what happens when it does not respond.
//
// The token comes in the fragment of the address (#token=...), which browsers send to no server and put into no log.
// Each tab has its own. One that the server has accepted is also kept in localStorage, which belongs to this address and
// port alone, for a tab that is opened without it or with that of an earlier start; a wrong token disturbs no other tab.

const KEY = "edgewbc-review-token";
let token = "";
const PATIENCE = 60000; // milliseconds: a server that was ended refuses at once, and a busy computer is slow

export class Refused extends Error {
  // The server responded with an error. `status` is that of HTTP, `body` the JSON of its response, if it has any.
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

export class Gone extends Error {
  // The server did not respond.
}

export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname);
  }
  token = given ?? sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "";
}

// Notes that the server has accepted the token.
function accepted() {
  if (sessionStorage.getItem(KEY) !== token) sessionStorage.setItem(KEY, token);
  if (localStorage.getItem(KEY) !== token) localStorage.setItem(KEY, token);
}

// After a refusal: takes the token with which another tab was let in meanwhile. Returns whether there is another.
function takeOther() {
  const other = localStorage.getItem(KEY);
  if (!other || other === token) return false;
  token = other;
  return true;
}

async function request(method, path, body) {
  const options = {
    method,
    headers: { Authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(PATIENCE),
  };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    throw new Gone("the server does not respond", { cause: error });
  }
  if (response.ok) {
    accepted();
    return response;
  }
  if (response.status === 403 && method === "GET" && takeOther()) return request(method, path);
  const text = await response.text().catch(() => "");
  let parsed = null;
  try {
    parsed = JSON.parse(text);
  } catch {
    // a refusal in plain text
  }
  throw new Refused(response.status, parsed?.error ?? text.trim() ?? response.statusText, parsed);
}

async function read(response, how) {
  try {
    return await response[how]();
  } catch (error) {
    throw new Gone("the response of the server was cut off", { cause: error });
  }
}

export const getJson = async (path) => read(await request("GET", path), "json");
export const getBuffer = async (path) => read(await request("GET", path), "arrayBuffer");
export const getBlob = async (path) => read(await request("GET", path), "blob");
export const postJson = async (path, body) => read(await request("POST", path, body), "json");

// A field, and the place of the cell in it as shares of its width and height.
export async function getField(id) {
  const response = await request("GET", `/api/cells/${id}/field`);
  const box = response.headers.get("X-Box");
  return { blob: await read(response, "blob"), box: box ? box.split(",").map(Number) : null };
}
