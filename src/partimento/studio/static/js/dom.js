// Small helpers to build pages.  Text is always set as text: nothing is ever parsed as HTML.

/** An element: h("p", {class: "lead", onclick: f}, "text", child, [children]). */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value === "boolean") element[name] = value;
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element, with presentation attributes only (the policy of the page forbids style text). */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** An SVG document of the studio (sanitised on the server) as an element of this page. */
export function drawing(text) {
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
  const root = parsed.documentElement;
  if (root.localName !== "svg") throw new Error("this is no drawing");
  return document.importNode(root, true);
}

/** Put other children into an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Tell people who listen to the page rather than look at it. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

let numbers = 0;
/** A name that no other element of the page has. */
export function unique(prefix) {
  numbers += 1;
  return `${prefix}-${numbers}`;
}

/** A number with its unit, or none: such columns stand to the right. */
const MEASURE = /^(-|[\d.]+ (%|s))$/;

/** Rows of values under their names. */
export function table(columns, rows, caption = "") {
  const numeric = columns.map((_, i) => rows.length > 0 && rows.every((row) => row[i] === null || typeof row[i] === "number" || MEASURE.test(row[i])));
  return h("div", { class: "table", tabindex: "0", role: "region", "aria-label": caption || columns.join(", ") },
    h("table", {},
      caption ? h("caption", {}, caption) : null,
      h("thead", {}, h("tr", {}, columns.map((name, i) => h("th", { scope: "col", class: numeric[i] ? "number" : null }, name)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value, i) =>
        h("td", { class: numeric[i] ? "number" : null }, value instanceof Node ? value : number(value))))))));
}

/** A value for people. */
export function number(value) {
  if (value === null || value === undefined) return "-";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

/** Seconds as minutes and seconds. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Terms and what they are. */
export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.map(([term, value]) =>
    [h("dt", {}, term), h("dd", {}, value instanceof Node ? value : number(value))]));
}
