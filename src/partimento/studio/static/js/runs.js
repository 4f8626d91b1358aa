// A training run on the page: curves that grow, settings, findings so far.

import { fill, h, table } from "./dom.js";
import { get } from "./api.js";
import { finite, lineChart } from "./chart.js";

const LOOK_MS = 2000;

/** Where the facts of a run are. */
export const runAddress = (name, since = 0) =>
  `/api/runs/${name.split("/").map(encodeURIComponent).join("/")}?since=${since}`;

// What the trainings of the package watch, where no column is called a loss; the best name first.
const WATCHED = ["valid_loss", "valid_nats_per_frame", "valid_nats_per_note", "valid_nats_per_token", "valid_mse", "valid_error"];
const VALIDATED = new Set(["epoch", "validation", "stop"]);

/** Columns of the held-out loss in these rows: those called a loss, else the one that is watched. */
function heldOut(rows) {
  const names = new Set(rows.filter((row) => VALIDATED.has(row.kind)).flatMap((row) => Object.keys(row)).filter((name) => name.startsWith("valid")));
  const losses = [...names].filter((name) => name.includes("loss"));
  if (losses.length > 0) return losses;
  return [WATCHED.find((name) => names.has(name)) ?? [...names][0]].filter(Boolean);
}

const words = (name) => (name === "valid_loss" ? "validation" : `validation, ${name.replace(/^valid_?/, "").replaceAll("_", " ")}`);

/** Curves of the loss in rows of a run; `prefix` stands before their names. */
export function lossCurves(rows, prefix = "", dashed = false) {
  const found = new Map();
  const add = (name, row, value) => {
    if (finite(value) === null) return;
    if (!found.has(name)) found.set(name, []);
    found.get(name).push([row.step ?? found.get(name).length + 1, value]);
  };
  const columns = heldOut(rows);
  for (const row of rows) {
    if (row.kind === "train") add("training", row, row.loss);
    else if (row.kind === "epoch") add("training, per epoch", row, row.train_loss);
    if (VALIDATED.has(row.kind)) for (const name of columns) add(words(name), row, row[name]);
  }
  return [...found].map(([name, points]) => ({ name: prefix + name, points, dashed }));
}

/** Other columns that are worth a curve: rate, gradient norm, other figures of the validation. */
export function otherCurves(rows) {
  const found = new Map();
  const taken = new Set(heldOut(rows));
  for (const row of rows) {
    for (const [name, value] of Object.entries(row)) {
      const wanted = row.kind === "train" ? name === "lr" || name === "gradient_norm" : VALIDATED.has(row.kind) && name.startsWith("valid") && !taken.has(name);
      if (!wanted || finite(value) === null) continue;
      if (!found.has(name)) found.set(name, []);
      found.get(name).push([row.step ?? found.get(name).length + 1, value]);
    }
  }
  return new Map([...found].filter(([, points]) => points.length > 1).slice(0, 8));
}

/** Nested settings under dotted names. */
export function flat(config, prefix = "") {
  // A list of settings (the members of an ensemble) is numbered; a list of values is one value.
  const deeper = (value) => value !== null && typeof value === "object" && (!Array.isArray(value) || value.some((one) => one !== null && typeof one === "object"));
  return Object.entries(config ?? {}).flatMap(([name, value]) => (deeper(value) ? flat(value, `${prefix}${name}.`) : [[prefix + name, value]]));
}

/** A setting for people. */
export const shown = (value) => (value === undefined ? "-" : typeof value === "object" && value !== null ? JSON.stringify(value) : String(value));

/** The settings that two runs do not share. */
export function differences(one, other) {
  const [left, right] = [new Map(flat(one)), new Map(flat(other))];
  const names = [...new Set([...left.keys(), ...right.keys()])];
  return names.filter((name) => shown(left.get(name)) !== shown(right.get(name))).map((name) => [name, shown(left.get(name)), shown(right.get(name))]);
}

/** All settings of a run, folded up. */
export function settingsOf(config) {
  const rows = flat(config).map(([name, value]) => [name, shown(value)]);
  return h("details", {}, h("summary", {}, `Settings (${rows.length})`), table(["setting", "value"], rows, "Settings of the run"));
}

/**
 * Follow the rows of a run: `changed(facts, rows)` is called with all rows known so far,
 * `failed(error)` when it cannot be read, and `failed(null)` when it can be again.
 * Returns a function that ends it.
 */
export function followRun(name, changed, failed) {
  let rows = [];
  let count = 0;
  let ended = false;
  let timer = null;
  async function look() {
    try {
      const news = await get(runAddress(name, count));
      if (ended) return;
      failed(null);
      // A run that was taken up again has forgotten some of its rows.
      if (news.count < count) {
        count = 0;
        rows = [];
        await look();
        return;
      }
      const grew = count === 0 || news.rows.length > 0 || count !== news.count;
      rows.push(...news.rows);
      count = news.count;
      if (grew || look.live !== news.live) changed(news, rows);
      look.live = news.live;
      // A run that rests is looked at too, though seldom: it may be taken up again.
      timer = setTimeout(look, news.live ? LOOK_MS : 3 * LOOK_MS);
    } catch (error) {
      if (ended) return;
      failed(error);
      // A studio that does not answer may be starting anew; a run that is gone stays gone.
      if (error.status === 0) timer = setTimeout(look, 3 * LOOK_MS);
    }
  }
  look();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

/** Words for how a run stands. */
export function runState(row) {
  if (row.live) return "training now";
  if (row.ended) return row.ended === "not_finite" ? "broke: the loss is no number" : `ended (${String(row.ended).replaceAll("_", " ")})`;
  return "rests";
}

/** Curves, facts and settings of one run; {head, rest, end()}. */
export function runView(name, failed) {
  const state = h("div", {});
  const chart = lineChart({ title: `Loss of ${name}`, yLabel: "loss", empty: "No loss has been written yet." });
  const others = h("div", { class: "small-charts" });
  const rest = h("div", {});
  const charts = new Map();
  let begun = false;
  const end = followRun(name, (news, rows) => {
    fill(state, h("ul", { class: "chips", "aria-label": "How the run stands" },
      [runState(news), `step ${news.step ?? "-"}`, `${news.count} rows`].map((text, i) => h("li", { class: i === 0 && news.live ? "chip run-live" : "chip" }, text))));
    chart.update(lossCurves(rows));
    for (const [column, points] of otherCurves(rows)) {
      if (!charts.has(column)) {
        charts.set(column, lineChart({ title: column.replaceAll("_", " ") }));
        others.append(charts.get(column).element);
      }
      charts.get(column).update([{ name: column, points }]);
    }
    if (!begun) fill(rest, settingsOf(news.config));
    begun = true;
  }, failed);
  const more = h("details", {}, h("summary", {}, "More curves"), others);
  return { head: h("div", { "data-run": name }, state, chart.element), rest: h("div", {}, more, rest), end };
}
