// Line charts: axes, several curves, a slider that reads values, and the same as words.

import { fill, h, number, s, say, unique } from "./dom.js";

const WIDTH = 720;
const HEIGHT = 320;
const LEFT = 62;
const RIGHT = 14;
const TOP = 12;
const BOTTOM = 44;
const MOST_DRAWN = 1200;

/** A number of a row: JSON has NaN and the infinities as text. */
export function finite(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** Round steps between two numbers, about `count` of them. */
export function ticks(low, high, count) {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const found = [];
  for (let i = first; i * step <= high + 1e-9 * step; i += 1) found.push(Number((i * step).toPrecision(12)));
  return found;
}

function logTicks(low, high) {
  const found = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power += 1) {
    for (const one of high - low > 4 ? [1] : [1, 2, 5]) found.push(power + Math.log10(one));
  }
  return found.filter((one) => one >= low - 1e-9 && one <= high + 1e-9);
}

function short(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(4))}k`;
  if (size > 0 && size < 1e-3) return Number(value.toPrecision(3)).toExponential();
  return String(Number(value.toPrecision(4)));
}

function ends(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const one of values) {
    if (one < low) low = one;
    if (one > high) high = one;
  }
  if (low > high) return [0, 1];
  if (low === high) return [low - (Math.abs(low) || 1) * 0.1, high + (Math.abs(high) || 1) * 0.1];
  return [low, high];
}

/** The point of a curve nearest to x. */
function nearest(points, x) {
  let best = null;
  for (const point of points) if (best === null || Math.abs(point[0] - x) < Math.abs(best[0] - x)) best = point;
  return best;
}

function thinned(points) {
  const step = Math.ceil(points.length / MOST_DRAWN);
  return step <= 1 ? points : points.filter((_, i) => i % step === 0 || i === points.length - 1);
}

/**
 * A chart that can be fed again: {element, update(curves)}.  A curve is {name, points: [[x, y]],
 * colour: 0 to 5, dashed}; points that are no finite numbers are left out.
 */
export function lineChart({ title, xLabel = "step", yLabel = "", empty = "Nothing to draw yet." }) {
  const state = { curves: [], hidden: new Set(), log: false, at: null };
  const svg = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "chart-drawing", preserveAspectRatio: "xMidYMid meet" });
  const box = h("div", { class: "chart-box" }, svg);
  const legend = h("div", { class: "row chart-legend", role: "group", "aria-label": `Curves of ${title}` });
  const id = unique("chart");
  const slider = h("input", { type: "range", id, min: 0, max: 1000, value: 1000, oninput: () => lookAt(Number(slider.value) / 1000) });
  const told = h("output", { for: id, class: "chart-told" });
  const log = h("button", { type: "button", "aria-pressed": "false", onclick: () => {
    state.log = !state.log;
    log.setAttribute("aria-pressed", String(state.log));
    draw();
    say(state.log ? "The scale is logarithmic." : "The scale is even.");
  } }, "Logarithmic scale");
  const words = h("p", { class: "muted chart-words" });
  const spelt = h("details", {}, h("summary", {}, "The curves in words"), words);
  const reader = h("div", { class: "row" }, h("label", { for: id }, `Read at ${xLabel}`), slider, told);
  const element = h("figure", { class: "chart" }, h("figcaption", {}, h("strong", {}, title)), legend, box, reader, h("div", { class: "row" }, log), spelt);

  svg.addEventListener("pointermove", (event) => {
    const place = svg.getBoundingClientRect();
    const x = ((event.clientX - place.left) / place.width) * WIDTH;
    const share = Math.min(1, Math.max(0, (x - LEFT) / (WIDTH - LEFT - RIGHT)));
    slider.value = Math.round(1000 * share);
    lookAt(share);
  });

  function shown() {
    return state.curves.filter((one) => !state.hidden.has(one.name) && one.points.length > 0);
  }

  function update(curves) {
    state.curves = curves.map((one, i) => ({ ...one, colour: (one.colour ?? i) % 6,
      points: one.points.filter(([x, y]) => finite(x) !== null && finite(y) !== null) }));
    draw();
  }

  function scale() {
    const curves = shown();
    const allowed = state.log ? (y) => y > 0 : () => true;
    const ys = curves.flatMap((one) => one.points.map((point) => point[1]).filter(allowed));
    const [x0, x1] = ends(curves.flatMap((one) => one.points.map((point) => point[0])));
    const turn = state.log ? (y) => Math.log10(Math.max(y, 1e-30)) : (y) => y;
    const [low, high] = ends(ys.map(turn));
    const room = 0.04 * (high - low);
    const [y0, y1] = [low - room, high + room];
    return { x0, x1, y0, y1, turn,
      x: (value) => LEFT + ((value - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT),
      y: (value) => HEIGHT - BOTTOM - ((turn(value) - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM) };
  }

  function draw() {
    drawLegend();
    const curves = shown();
    const drawn = curves.length > 0;
    for (const one of [reader, log, spelt]) one.hidden = !drawn;
    if (!drawn) {
      svg.setAttribute("aria-label", `${title}: ${empty}`);
      fill(svg, s("text", { x: WIDTH / 2, y: HEIGHT / 2, class: "chart-text", "text-anchor": "middle" }, empty));
      return;
    }
    const to = scale();
    state.to = to;
    fill(svg, axes(to), curves.map((one) => line(one, to)), s("g", { class: "chart-cursor" }));
    const text = describe(curves);
    svg.setAttribute("aria-label", `${title}. ${text}`);
    fill(words, text);
    lookAt(Number(slider.value) / 1000);
  }

  function axes(to) {
    const marks = state.log ? logTicks(to.y0, to.y1) : ticks(to.y0, to.y1, 5);
    const across = ticks(to.x0, to.x1, 7);
    const height = (mark) => HEIGHT - BOTTOM - ((mark - to.y0) / (to.y1 - to.y0)) * (HEIGHT - TOP - BOTTOM);
    return s("g", {},
      marks.map((mark) => [
        s("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: height(mark), y2: height(mark), class: "chart-grid" }),
        s("text", { x: LEFT - 7, y: height(mark) + 5, class: "chart-text", "text-anchor": "end" }, short(state.log ? 10 ** mark : mark)),
      ]),
      across.map((mark) => s("text", { x: to.x(mark), y: HEIGHT - BOTTOM + 20, class: "chart-text", "text-anchor": "middle" }, short(mark))),
      s("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM, class: "chart-axis" }),
      s("text", { x: WIDTH - RIGHT, y: HEIGHT - 5, class: "chart-text", "text-anchor": "end" }, xLabel),
      yLabel ? s("text", { x: 14, y: TOP + 4, class: "chart-text", "text-anchor": "end", transform: `rotate(-90 14 ${TOP + 4})` }, yLabel) : null);
  }

  function line(curve, to) {
    const points = thinned(curve.points.filter((point) => !state.log || point[1] > 0));
    const path = points.map(([x, y], i) => `${i ? "L" : "M"}${to.x(x).toFixed(1)} ${to.y(y).toFixed(1)}`).join("");
    const look = { class: `curve curve-${curve.colour}`, "data-curve": curve.name };
    if (points.length === 1) return s("circle", { ...look, class: `dot-${curve.colour}`, cx: to.x(points[0][0]), cy: to.y(points[0][1]), r: 4 });
    return s("path", { ...look, d: path, "stroke-dasharray": curve.dashed ? "7 5" : null, "data-points": curve.points.length });
  }

  function lookAt(share) {
    const cursor = svg.querySelector(".chart-cursor");
    if (!cursor || !state.to) return;
    const x = state.to.x0 + share * (state.to.x1 - state.to.x0);
    const found = shown().map((one) => [one, nearest(one.points, x)]).filter(([, point]) => point);
    fill(cursor, s("line", { x1: state.to.x(x), x2: state.to.x(x), y1: TOP, y2: HEIGHT - BOTTOM, class: "chart-axis" }),
      found.filter(([, point]) => !state.log || point[1] > 0).map(([one, point]) =>
        s("circle", { cx: state.to.x(point[0]), cy: state.to.y(point[1]), r: 4, class: `dot-${one.colour}` })));
    const text = found.map(([one, point]) => `${one.name} ${number(point[1])} (${xLabel} ${number(point[0])})`).join("; ");
    fill(told, text);
    slider.setAttribute("aria-valuetext", text);
  }

  function drawLegend() {
    const focused = legend.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    fill(legend, state.curves.length < 2 ? [] : state.curves.map((one) => h("button", {
      type: "button", class: "chart-key", "aria-pressed": String(!state.hidden.has(one.name)), "data-name": one.name,
      onclick: () => {
        if (state.hidden.has(one.name)) state.hidden.delete(one.name);
        else state.hidden.add(one.name);
        draw();
      },
    }, swatch(one), one.name)));
    if (focused) [...legend.children].find((one) => one.dataset.name === focused)?.focus();
  }

  draw();
  return { element, update };
}

function swatch(curve) {
  return s("svg", { viewBox: "0 0 24 10", width: 24, height: 10, "aria-hidden": "true" },
    s("line", { x1: 1, x2: 23, y1: 5, y2: 5, class: `curve curve-${curve.colour}`, "stroke-dasharray": curve.dashed ? "6 4" : null }));
}

/** The curves as words, for whoever does not see them. */
export function describe(curves) {
  return curves.map((one) => {
    const first = one.points[0];
    const last = one.points[one.points.length - 1];
    const low = one.points.reduce((best, point) => (point[1] < best[1] ? point : best), first);
    const way = last[1] < first[1] ? "falls" : last[1] > first[1] ? "rises" : "stays";
    return `${one.name}: ${one.points.length} points, ${way} from ${number(first[1])} to ${number(last[1])}, lowest ${number(low[1])} at ${number(low[0])}.`;
  }).join(" ");
}
