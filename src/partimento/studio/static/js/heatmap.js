// Heat maps: rows and columns of numbers as shades, walked with the arrow keys, told as words.

import { fill, h, number } from "./dom.js";

const dark = window.matchMedia("(prefers-color-scheme: dark)");

function colour(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((i) => Number.parseInt(text.slice(i, i + 2), 16));
}

/** Shades from the paper to the accent; each is [r, g, b]. */
function shades() {
  const [from, to] = [colour("--back"), colour("--heat")];
  return (share) => from.map((one, i) => Math.round(one + (to[i] - one) * share));
}

/** Paint numbers, one pixel a cell; null stays grey.  `root` brings small shares out. */
export function paint(canvas, values, { low = 0, high = 1, root = false } = {}) {
  canvas.width = Math.max(1, values[0]?.length ?? 1);
  canvas.height = Math.max(1, values.length);
  const context = canvas.getContext("2d");
  const picture = context.createImageData(canvas.width, canvas.height);
  const shade = shades();
  const none = colour("--edge");
  values.forEach((row, y) => row.forEach((value, x) => {
    const share = value === null ? 0 : Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
    const [r, g, b] = value === null ? none : shade(root ? Math.sqrt(share) : share);
    picture.data.set([r, g, b, 255], 4 * (y * canvas.width + x));
  }));
  context.putImageData(picture, 0, 0);
}

/** A small picture of a map, without words; it is painted again when the scheme changes. */
export function thumbnail(values, options) {
  const canvas = h("canvas", { class: "heat-small", "aria-hidden": "true" });
  painted(canvas, () => paint(canvas, values, options));
  return canvas;
}

function painted(canvas, again) {
  again();
  const listen = () => {
    if (canvas.isConnected) again();
    else dark.removeEventListener("change", listen);
  };
  dark.addEventListener("change", listen);
}

/**
 * A large map: {element, show(values)}.  `cell(y, x, value)` gives the words for a cell.
 * With the focus on the map the arrow keys move from cell to cell.
 */
export function heatmap({ label, values, options, cell, hint = "Arrow keys move from cell to cell." }) {
  const canvas = h("canvas", { class: "heat-large" });
  const mark = h("div", { class: "heat-mark", "aria-hidden": "true" });
  const told = h("p", { class: "heat-told", role: "status" });
  const box = h("div", { class: "heat-box", tabindex: "0", role: "application", "aria-roledescription": "heat map", "aria-label": `${label}. ${hint}` }, canvas, mark);
  const scroll = h("div", { class: "heat-scroll" }, box);
  const at = { y: values.length - 1, x: 0 };
  let shown = values;

  function tell() {
    const [height, width] = [shown.length, shown[0].length];
    mark.style.left = `${(100 * at.x) / width}%`;
    mark.style.top = `${(100 * at.y) / height}%`;
    mark.style.width = `${100 / width}%`;
    mark.style.height = `${100 / height}%`;
    fill(told, cell(at.y, at.x, shown[at.y][at.x]));
  }

  function move(dy, dx) {
    at.y = Math.min(shown.length - 1, Math.max(0, at.y + dy));
    at.x = Math.min(shown[0].length - 1, Math.max(0, at.x + dx));
    tell();
  }

  const KEYS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -1e6], End: [0, 1e6], PageUp: [-1e6, 0], PageDown: [1e6, 0] };
  box.addEventListener("keydown", (event) => {
    const way = KEYS[event.key];
    if (!way) return;
    event.preventDefault();
    move(...way);
  });
  box.addEventListener("pointermove", (event) => {
    const place = box.getBoundingClientRect();
    at.y = Math.floor(((event.clientY - place.top) / place.height) * shown.length);
    at.x = Math.floor(((event.clientX - place.left) / place.width) * shown[0].length);
    move(0, 0);
  });

  /** Other numbers; `place` [y, x] is where the mark goes. */
  function show(next, place = [at.y, at.x]) {
    shown = next;
    [at.y, at.x] = place;
    paint(canvas, shown, options);
    at.y = Math.min(at.y, shown.length - 1);
    at.x = Math.min(at.x, shown[0].length - 1);
    tell();
  }

  painted(canvas, () => paint(canvas, shown, options));
  show(values);
  return { element: h("div", { class: "heat" }, scroll, told), show };
}

/** A map of a network by depth: blocks down, steps across. */
export function depthMap(map) {
  const flat = map.values.flat().filter((value) => value !== null);
  const options = { low: Math.min(...flat), high: Math.max(...flat) };
  const made = heatmap({
    label: `${map.title}: ${map.rows.length} blocks from the input down, ${map.columns.length} steps`,
    values: map.values,
    options,
    cell: (y, x, value) => `${map.rows[y]}, step ${map.columns[x]}: ${value === null ? "nothing to measure" : number(value)}`,
  });
  return h("figure", { class: "depth" }, h("figcaption", {}, map.title), made.element,
    h("p", { class: "muted" }, `Pale ${number(options.low)}, full ${number(options.high)}. Input at the top, output at the bottom; time from left to right.`));
}
