export const $ = (id) => document.getElementById(id);

/** Makes an element. Texts go in as text nodes, so that nothing a server says is ever markup. */
export function make(tag, options = {}, ...children) {
  const e = options.svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(options.set ?? {})) e.setAttribute(name, value);
  if (options.class) e.setAttribute("class", options.class);
  if (options.click) e.addEventListener("click", options.click);
  e.append(...children.map((c) => (c instanceof Node ? c : String(c ?? "–"))));
  return e;
}

/** Milliseconds of a server time. A time without a zone is read, and shown again, as it was written. */
export const millis = (text) => Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
export const clock = (ms) => new Date(ms).toISOString().slice(11, 16);
export const dateAndTime = (text) => (text ? String(text).slice(0, 19).replace("T", " ") : "–");
export const number = (n) => (typeof n === "number" && Number.isFinite(n) ? n.toFixed(1) : "–");

export function notice(text) {
  $("notice").textContent = text ?? "";
  $("notice").hidden = !text;
}
