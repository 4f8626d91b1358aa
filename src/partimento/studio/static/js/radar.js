// A radar chart of scores with their intervals, for one performance or several.
//
// The chart is one control: arrow keys, or the mouse, choose a dimension, and what is known of it
// stands beside the chart in words.  In a narrow window the spokes carry numbers instead of names.

import { fill, h, s, table, unique } from "./dom.js";

const DASHES = ["", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "1 2", "6 2 1 2 1 2"];
const WIDE = { width: 760, height: 580, radius: 205, names: true };
const NARROW = { width: 360, height: 340, radius: 140, names: false };
const NARROW_BELOW = 620;
/** Share of the radius where the low end lies, so that low scores stay apart from one another. */
const INNER = 0.12;
/** More series than this are drawn without the bands of their intervals. */
const MOST_BANDS = 2;

const two = (value) => value.toFixed(2);
/** A difference or an effect, with its sign. */
export function signed(value) {
  const size = Math.abs(value).toFixed(2);
  return size === "0.00" ? size : `${value < 0 ? "\u2212" : "+"}${size}`;
}
/** A score with its interval. */
export const interval = (one) => `${two(one.mean)} (${range(one)})`;
const range = (one) => `${two(one.low)}\u00a0to\u00a0${two(one.high)}`;
/** The name of a dimension for people. */
export const plainName = (name) => name.replaceAll("_", " ");

/** What is known of one reading, in words. */
export function readingText(one) {
  if (one.mean === undefined || one.mean === null) return one.reason ? `no score: ${one.reason}` : "no score";
  const place = one.percentile === undefined ? "" : `; higher than ${Math.round(one.percentile)} % of those learnt from`;
  return `${interval(one)}${one.reading ? `, ${one.reading}` : ""}${place}`;
}

/**
 * The chart: {element, choose(index)}.
 *
 * `data` is what work/criticising.py makes: {dimensions: [{name, low, high}],
 * series: [{name, readings: [{mean, low, high, reading, percentile} or {reason}]}],
 * reference: {name, values} or null}.
 * `chosen(index)` is called when another dimension is chosen; `beside` stands under its values.
 */
export function radar(data, { label = "Scores", chosen = () => {}, beside = null } = {}) {
  const chart = new Chart(data, label, chosen, beside);
  return { element: chart.element, choose: (index) => chart.choose(index) };
}

class Chart {
  constructor(data, label, chosen, beside) {
    Object.assign(this, { data, label, chosen, at: 0, layout: WIDE, span: spanOf(data) });
    this.count = data.dimensions.length;
    this.stage = h("div", {
      class: "radar-stage", tabindex: "0", role: "slider", "aria-label": `${label}: dimension`,
      "aria-valuemin": 1, "aria-valuemax": this.count, onkeydown: (event) => this.key(event),
    });
    this.told = h("div", { class: "radar-told" });
    this.names = h("ol", { class: "radar-names" }, data.dimensions.map((one, i) =>
      h("li", {}, h("button", { type: "button", class: "plain", onclick: () => this.choose(i) }, plainName(one.name)))));
    this.element = h("div", { class: "radar" },
      legend(data),
      h("div", { class: "radar-parts" }, this.stage, h("div", {}, this.names, this.told, beside ?? [])));
    new ResizeObserver(() => this.fit()).observe(this.element);
    this.draw();
    this.choose(this.farthest());
  }

  /** The dimension to begin with: the one that lies farthest from most. */
  farthest() {
    const first = this.data.series[0]?.readings ?? [];
    let best = 0;
    first.forEach((one, i) => {
      const away = (reading) => Math.abs((reading?.percentile ?? 50) - 50);
      if (away(one) > away(first[best])) best = i;
    });
    return best;
  }

  fit() {
    const layout = this.element.clientWidth < NARROW_BELOW ? NARROW : WIDE;
    if (layout === this.layout || this.element.clientWidth === 0) return;
    this.layout = layout;
    this.draw();
    this.choose(this.at);
  }

  key(event) {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -this.at, End: this.count - 1 - this.at };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.choose((this.at + step + this.count) % this.count);
  }

  choose(index) {
    this.at = index;
    const one = this.data.dimensions[index];
    const words = this.data.series.map((row) =>
      `${this.data.series.length > 1 ? `${row.name}: ` : ""}${readingText(row.readings[index])}`).join(". ");
    this.stage.setAttribute("aria-valuenow", index + 1);
    this.stage.setAttribute("aria-valuetext", `${plainName(one.name)}, from ${one.low} to ${one.high}: ${words}`);
    fill(this.told, tell(this.data, index));
    this.names.hidden = this.layout.names;
    [...this.names.children].forEach((item, i) => item.firstChild.setAttribute("aria-pressed", i === index));
    this.mark();
    this.chosen(index);
  }

  angle(spoke) {
    return (2 * Math.PI * spoke) / this.count;
  }

  /** Place of a distance from the centre on a spoke; the first spoke points up. */
  spot(spoke, radius) {
    const angle = this.angle(spoke);
    return [this.layout.width / 2 + radius * Math.sin(angle), this.layout.height / 2 - radius * Math.cos(angle)];
  }

  radiusOf(value) {
    const [low, high] = this.span;
    const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
    return this.layout.radius * (INNER + (1 - INNER) * share);
  }

  place(spoke, value) {
    return this.spot(spoke, this.radiusOf(value));
  }

  draw() {
    const { width, height } = this.layout;
    this.svg = s("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true", class: this.layout.names ? "wide" : "narrow",
      onpointermove: (event) => event.pointerType === "mouse" && this.point(event), onpointerdown: (event) => this.point(event) });
    this.whiskers = s("g", { class: "whiskers" });
    this.svg.append(this.grid(), s("g", {}, this.data.series.length > MOST_BANDS ? [] : this.data.series.map((row, i) => this.band(row, i))),
      this.rings(), this.referenceLine() ?? "", s("g", {}, this.data.series.map((row, i) => this.line(row, i))), this.whiskers, this.labels());
    fill(this.stage, this.svg);
  }

  /** The spoke nearest to the mouse. */
  point(event) {
    const box = this.svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width - 0.5) * this.layout.width;
    const y = ((event.clientY - box.top) / box.height - 0.5) * this.layout.height;
    if (Math.hypot(x, y) < this.layout.radius * INNER) return;
    const index = Math.round((Math.atan2(x, -y) / (2 * Math.PI)) * this.count + this.count) % this.count;
    if (index !== this.at) this.choose(index);
  }

  grid() {
    const [cx, cy] = [this.layout.width / 2, this.layout.height / 2];
    return s("g", { class: "grid-lines" },
      this.ticks().map((value) => s("circle", { cx, cy, r: this.radiusOf(value) })),
      this.data.dimensions.map((_, i) => {
        const [[x1, y1], [x2, y2]] = [this.spot(i, this.layout.radius * INNER), this.spot(i, this.layout.radius)];
        return s("line", { x1, y1, x2, y2 });
      }));
  }

  ticks() {
    const [low, high] = this.span;
    const step = high - low > 0.55 ? 0.2 : 0.1;
    const inner = [];
    for (let value = Math.ceil(low / step + 0.55) * step; value < high - 0.3 * step; value += step) inner.push(value);
    return [low, ...inner, high];
  }

  /** Numbers of the rings, between the last spoke and the first. */
  rings() {
    return s("g", { class: "ring-values" }, this.ticks().map((value) => {
      const [x, y] = this.spot(-0.5, this.radiusOf(value));
      return s("text", { x, y: y + 3, "text-anchor": "middle" }, value.toFixed(1));
    }));
  }

  band(row, number) {
    const sectors = this.pairs(row).map(([i, here, there]) => {
      const corners = [this.place(i, here.low), this.place(i, here.high), this.place(i + 1, there.high), this.place(i + 1, there.low)];
      return s("polygon", { points: corners.map((corner) => corner.map((v) => v.toFixed(1)).join(",")).join(" ") });
    });
    // A reading between two dimensions without scores has no area, only its length.
    const lonely = row.readings.map((one, i) => {
      const [before, after] = [row.readings.at(i - 1), row.readings[(i + 1) % this.count]];
      if (!given(one) || given(before) || given(after)) return null;
      const [[x1, y1], [x2, y2]] = [this.place(i, one.low), this.place(i, one.high)];
      return s("line", { x1, y1, x2, y2 });
    });
    return s("g", { class: `band series-${number}` }, sectors, lonely.filter(Boolean));
  }

  /** Neighbouring readings that both have a score. */
  pairs(row) {
    return row.readings.map((here, i) => [i, here, row.readings[(i + 1) % this.count]])
      .filter(([, here, there]) => given(here) && given(there));
  }

  line(row, number) {
    const lines = this.pairs(row).map(([i, here, there]) => {
      const [[x1, y1], [x2, y2]] = [this.place(i, here.mean), this.place(i + 1, there.mean)];
      return s("line", { x1, y1, x2, y2, "stroke-dasharray": DASHES[number % DASHES.length] || null });
    });
    const dots = row.readings.map((one, i) => {
      if (!given(one)) return null;
      const [cx, cy] = this.place(i, one.mean);
      return s("circle", { cx, cy, r: this.layout.names ? 4 : 3 });
    });
    return s("g", { class: `outline series-${number}` }, lines, dots.filter(Boolean));
  }

  referenceLine() {
    if (!this.data.reference) return null;
    const points = this.data.reference.values.map((value, i) => this.place(i, value).map((v) => v.toFixed(1)).join(",")).join(" ");
    return s("polygon", { class: "reference", points });
  }

  labels() {
    const { radius, names } = this.layout;
    return s("g", { class: "labels" }, this.data.dimensions.map((one, i) => {
      const [x, y] = this.spot(i, radius + (names ? 14 : 13));
      const [side, up] = [Math.sin(this.angle(i)), Math.cos(this.angle(i))];
      if (!names) return s("text", { x, y: y + 4, "text-anchor": "middle", "data-spoke": i }, String(i + 1));
      const anchor = Math.abs(side) < 0.12 ? "middle" : side > 0 ? "start" : "end";
      // Words above the circle end at it, words below begin at it; the lowest stand farther out.
      const top = y + 12 - (28 * (1 + up)) / 2 + 14 * Math.max(0, -up) ** 12;
      return s("g", { "data-spoke": i },
        s("text", { x, y: top, "text-anchor": anchor, class: this.scored(i) ? "name" : "name none" }, plainName(one.name)),
        s("text", { x, y: top + 13, "text-anchor": anchor, class: "pole" }, this.scored(i) ? `outside: ${one.high}` : "no score"));
    }));
  }

  scored(spoke) {
    return this.data.series.some((row) => given(row.readings[spoke]));
  }

  /** Show the chosen spoke, and on it the interval of every series. */
  mark() {
    for (const one of this.svg.querySelectorAll("[data-spoke]")) one.classList.toggle("chosen", Number(one.dataset.spoke) === this.at);
    const [[x1, y1], [x2, y2]] = [this.spot(this.at, this.layout.radius * INNER), this.spot(this.at, this.layout.radius)];
    const middle = (this.data.series.length - 1) / 2;
    const [dx, dy] = [Math.cos(this.angle(this.at)), Math.sin(this.angle(this.at))];
    fill(this.whiskers, s("line", { class: "spoke", x1, y1, x2, y2 }), this.data.series.map((row, i) => {
      const one = row.readings[this.at];
      if (!given(one)) return null;
      const shift = this.data.series.length > 1 ? (i - middle) * 7 : 0;
      const [[ax, ay], [bx, by]] = [this.place(this.at, one.low), this.place(this.at, one.high)];
      return s("line", { class: `whisker series-${i}`, x1: ax + shift * dx, y1: ay + shift * dy, x2: bx + shift * dx, y2: by + shift * dy });
    }));
  }
}

/** Tenths around everything that is drawn: what the innermost and the outermost ring stand for. */
function spanOf(data) {
  const drawn = data.series.flatMap((row) => row.readings.filter(given).flatMap((one) => [one.low, one.high]));
  const all = [...drawn, ...(data.reference?.values ?? [])];
  if (all.length === 0) return [0, 1];
  const low = Math.max(0, Math.floor(Math.min(...all) * 10) / 10);
  return [low, Math.min(1, Math.max(Math.ceil(Math.max(...all) * 10) / 10, low + 0.2))];
}

const given = (one) => one && one.mean !== undefined && one.mean !== null;

/** A short piece of line in the look of a series. */
export function swatch(number) {
  return s("svg", { class: `swatch series-${number}`, viewBox: "0 0 30 10", "aria-hidden": "true", width: 30, height: 10 },
    s("line", { x1: 0, y1: 5, x2: 30, y2: 5, "stroke-dasharray": DASHES[number % DASHES.length] || null }));
}

function legend(data) {
  const rows = data.series.map((row, i) => h("li", {}, swatch(i), h("span", {}, row.name)));
  if (data.reference) {
    const line = s("svg", { class: "swatch reference", viewBox: "0 0 30 10", "aria-hidden": "true", width: 30, height: 10 }, s("line", { x1: 0, y1: 5, x2: 30, y2: 5 }));
    rows.push(h("li", {}, line, h("span", {}, data.reference.name)));
  }
  return h("ul", { class: "radar-legend", "aria-label": "Lines of the chart" }, rows);
}

/** A dimension in words: its ends, and a strip with the interval of every series. */
function tell(data, index) {
  const one = data.dimensions[index];
  return [
    h("p", { class: "radar-name" }, `${index + 1}. ${plainName(one.name)}`),
    h("p", { class: "radar-ends" }, h("span", {}, `0: ${one.low}`), h("span", {}, `1: ${one.high}`)),
    data.series.map((row, i) => [
      strip(data, row.readings[index], i, index),
      h("p", { class: "radar-reading" }, data.series.length > 1 ? h("strong", {}, `${row.name}: `) : null, readingText(row.readings[index])),
    ]),
  ];
}

function strip(data, one, number, index) {
  if (!given(one)) return null;
  const x = (value) => 4 + 292 * Math.min(1, Math.max(0, value));
  const middle = data.reference?.values[index];
  return s("svg", { class: `strip series-${number}`, viewBox: "0 0 300 16", "aria-hidden": "true" },
    s("line", { class: "scale", x1: 4, x2: 296, y1: 8, y2: 8 }),
    middle === undefined ? s("g") : s("line", { class: "middle", x1: x(middle), x2: x(middle), y1: 1, y2: 15 }),
    s("line", { class: "whisker", x1: x(one.low), x2: x(one.high), y1: 8, y2: 8 }),
    s("circle", { cx: x(one.mean), cy: 8, r: 5 }));
}

/** The same values as a table, for those who do not look at the chart. */
export function radarTable(data, caption = "Every score") {
  const single = data.series.length === 1;
  const columns = ["dimension", "0 means", "1 means",
    ...(single ? ["score", "interval", "in words"] : data.series.map((row) => row.name))];
  const rows = data.dimensions.map((one, i) => {
    const cells = data.series.map((row) => row.readings[i]);
    const first = cells[0];
    const values = single
      ? given(first) ? [two(first.mean), range(first), first.reading ?? "-"] : ["-", "-", first.reason ?? "no score"]
      : cells.map((cell) => (given(cell) ? `${interval(cell)}${cell.reading ? `, ${cell.reading}` : ""}` : "-"));
    return [`${i + 1}. ${plainName(one.name)}`, one.low, one.high, ...values];
  });
  return h("details", { id: unique("scores") }, h("summary", {}, caption), table(columns, rows, caption));
}
