// Small helpers for elements. Text goes in as text alone, never as HTML.

export const $ = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

let clear = 0;

// Has a screen reader say something.
export function say(text) {
  const spoken = $("spoken");
  spoken.textContent = "";
  clearTimeout(clear);
  clear = setTimeout(() => {
    spoken.textContent = text;
  }, 30);
}

export const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

export const percent = (value) => (value === null || value === undefined ? "" : `${Math.round(100 * value)} %`);

export function when(utc) {
  const date = new Date(utc);
  return Number.isNaN(date.getTime()) ? utc : date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
