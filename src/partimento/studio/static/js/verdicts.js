// What a critique found: in words, as a radar chart, what drives it, where it happens, to be heard.

import { alternatives, between } from "./alternatives.js";
import { fill, h, table } from "./dom.js";
import { fileLinks } from "./files.js";
import { onward } from "./onward.js";
import { lengthOf } from "./performances.js";
import { plainName, radar, radarTable, readingText, signed } from "./radar.js";

const said = (name) => name.replaceAll("_", " ").replaceAll(".", " ");
/** Smaller effects are rounded to nothing. */
const LEAST = 0.005;

/** Fill `place` with the result of a job. */
export function showVerdicts(place, found, job) {
  const passages = h("div", {});
  const further = h("div", {});
  const view = { dimension: 0 };
  const listening = alternatives(found.performances.map((one) => version(one, job)), {
    label: "Performance", select: "seconds",
    across: (seconds, from, to) => across(found.groups, seconds, from, to),
    shown: (at) => { showPassages(at); showFurther(at); },
  });

  function showPassages(at) {
    fill(passages, passageList(found, at, (second, end) => hear(at, second, end)));
  }

  function showFurther(at) {
    const one = found.performances[at];
    fill(further, onward(`job:${job.number}/${one.file}`, ["continue", "picture", "harmonise"], one.name));
  }

  /** Play a passage of one performance and show it. */
  function hear(at, second, end) {
    listening.show(at);
    listening.roll().select({ start: second, end });
    listening.playFrom(second);
  }

  const drivers = h("div", {});
  const showDrivers = () => fill(drivers, driversOf(found, view.dimension, hear));
  const chart = radar(found.radar, { label: "Scores", beside: found.performances.length === 1 ? drivers : null, chosen: (index) => { view.dimension = index; showDrivers(); } });
  fill(place,
    shortly(found, job),
    card("Scores", h("p", { class: "muted" }, "Farther out is nearer to the word given there. Choose a dimension with the mouse or the arrow keys."),
      chart.element, found.performances.length > 1 ? drivers : null, radarTable(found.radar, "The scores as a table")),
    comparison(found), ranks(found),
    card("Listen", found.performances.length > 1 && found.groups.length > 0
      ? h("p", { class: "muted" }, "Change between performances while one plays: the other goes on at the same place of the music.") : null,
      listening.element, further, passages),
    card("Files", fileLinks(job, found.files)));
}

const card = (title, ...children) => h("section", { class: "card", "aria-label": title }, h("h2", {}, title), children);

function version(one, job) {
  const marks = one.report.bars.filter((bar) => bar.seconds);
  const notes = one.notes.map((note) => [...note, 1 + marks.findIndex(({ seconds }) => note[0] >= seconds[0] - 0.05 && note[0] < seconds[1] - 0.05)]);
  return {
    name: one.name, label: `Notes of ${one.name}`, sound: one.sound && `job:${job.number}/${one.sound}`, lead: one.lead_sec,
    note: one.heard_sec ? `The sound has the first ${one.heard_sec} seconds.` : "",
    roll: { notes, parts: [marks.length ? "other notes" : "notes", ...marks.map((bar) => bar.where)], seconds: lengthOf(one.notes) },
  };
}

/** The same place in another performance of the passage. */
function across(groups, seconds, from, to) {
  const group = groups.find((one) => one.members.includes(from) && one.members.includes(to));
  if (!group) return seconds;
  const first = between(group.anchors[group.members.indexOf(from)], seconds, 1, 0);
  return between(group.anchors[group.members.indexOf(to)], first, 0, 1);
}

/** The paragraphs, and what to mind. */
function shortly(found, job) {
  const several = found.performances.length > 1;
  const caveats = [...new Set(found.performances.flatMap((one) => one.report.notes_to_the_reader))];
  const pair = found.performances.length === 2 ? found.performances[0].report.comparison : null;
  return h("section", { class: "card", "aria-label": "In short" },
    h("h2", {}, "In short ", h("span", { class: "muted" }, `(job ${job.number})`)),
    pair ? h("p", { class: "summary" }, pair.summary) : null,
    several && !pair ? h("p", { class: "summary" }, overview(found)) : null,
    pair && !pair.same_passage ? h("p", { class: "notice" }, "The two do not share their notes: part of the differences is the music's, not the player's.") : null,
    found.performances.map((one) => several
      ? h("details", { open: !pair && found.performances.length <= 3 }, h("summary", {}, one.name), h("p", {}, one.report.summary), warnings(one))
      : [h("p", { class: "summary" }, one.report.summary), warnings(one)]),
    found.failed.map((one) => h("p", { class: "error" }, `${one.name} was not judged: ${one.what}. ${one.fix}`)),
    h("h3", {}, "What to know before believing it"),
    h("ul", {}, caveats.map((text) => h("li", {}, text))),
    h("p", { class: "muted" }, `Judged by ${found.critic}. ${beside(found)}`));
}

function overview(found) {
  const counts = found.groups.map((group) => group.members.length);
  if (counts.length === 0) return `${found.performances.length} performances of different passages.`;
  if (counts.length === 1) return `${counts[0]} performances of one passage; who plays it how is ranked below.`;
  return `Performances of ${counts.length} passages; each passage is ranked below.`;
}

const warnings = (one) => one.report.warnings.map((text) => h("p", { class: "notice" }, text));

function beside(found) {
  const match = found.performances[0].report.score_match;
  if (!found.score_name) return "Without a score.";
  return `With the score ${found.score_name}${typeof match === "number" ? `; ${Math.round(100 * match)} % of its notes were found` : ""}.`;
}

/** What drives one dimension, in every performance. */
function driversOf(found, index, hear) {
  const dimension = found.radar.dimensions[index];
  const heading = h("h3", {}, `What drives ${plainName(dimension.name)}`);
  const readings = found.radar.series.map((row) => row.readings[index]);
  if (readings.every((one) => one.mean === null)) return [heading, h("p", {}, "Nothing is told, since it gets no score here.")];
  const several = found.performances.length > 1;
  return [heading,
    h("div", { class: several ? "grid" : "" }, found.performances.map((one, at) => {
      const drivers = one.report.drivers[dimension.name];
      return h("div", {}, several ? h("h4", {}, one.name) : null,
        drivers ? parts(drivers, dimension, (second, end) => hear(at, second, end), one.name) : h("p", {}, readingText(readings[at])));
    })),
    h("p", { class: "muted" }, "Each number says how far the score moves when that part is taken away.")];
}

/** Kinds of playing and passages; the statistics behind them for those who want to know. */
function parts(drivers, dimension, hear, name) {
  const towards = (effect) => `${signed(effect)}, towards ${effect > 0 ? dimension.high : dimension.low}`;
  const kinds = drivers.groups.map((part) => h("li", {}, `${said(part.name)} ${towards(part.effect)}`));
  const bars = drivers.bars.map((part) => h("li", {}, barButton(part.where, hear, name), ` ${towards(part.effect)}`));
  const single = drivers.features.filter((part) => part.value !== null && part.typical !== null)
    .map((part) => h("li", {}, `${said(part.name)}: ${part.value}, typical is ${part.typical}; ${towards(part.effect)}`));
  return [
    kinds.length + bars.length ? h("ul", { class: "drivers" }, kinds, bars) : h("p", {}, "No part of the playing moves this score much."),
    single.length ? h("details", {}, h("summary", {}, "Statistics behind it"), h("ul", { class: "drivers" }, single)) : null];
}

/** Seconds from the first note that the name of a bar tells, as the critique writes them. */
function secondsOf(where) {
  const found = /([\d.]+)\s*(?:-|to)\s*([\d.]+)\s*s\b|seconds\s+([\d.]+)\s*(?:-|to)\s*([\d.]+)/.exec(where);
  return found ? [Number(found[1] ?? found[3]), Number(found[2] ?? found[4])] : null;
}

function barButton(where, hear, name) {
  const span = secondsOf(where);
  if (!span) return h("span", {}, where);
  return h("button", { type: "button", class: "small", "aria-label": `Play ${where} of ${name}`, onclick: () => hear(span[0], span[1]) }, `▶ ${where}`);
}

/** The passages that matter most in one performance. */
function passageList(found, at, hear) {
  const one = found.performances[at];
  const bars = one.report.bars;
  if (bars.length === 0) return h("p", { class: "muted" }, "This passage is too short to tell its bars apart.");
  return [
    h("h3", {}, `The passages that matter in ${one.name}`),
    h("p", { class: "muted" }, "Left out, these change the scores most. They are coloured in the roll."),
    h("ul", { class: "drivers" }, bars.map((bar) => h("li", {}, barButton(bar.where, hear, one.name), ` moves ${moved(found, bar)}`))),
  ];
}

function moved(found, bar) {
  const told = Object.entries(bar.dimensions).filter(([, effect]) => Math.abs(effect) >= LEAST)
    .map(([name, effect]) => `${plainName(name)} ${signed(effect)} (towards ${pole(found, name, effect)})`);
  return told.join(", ") || "every score a little";
}

function pole(found, name, effect) {
  const dimension = found.radar.dimensions.find((one) => one.name === name);
  return effect > 0 ? dimension.high : dimension.low;
}

/** Two performances: where they differ. */
function comparison(found) {
  const [first, second] = found.performances;
  const rows = found.performances.length === 2 ? first.report.comparison?.differences : null;
  if (!rows) return null;
  const lines = Object.entries(rows).map(([name, row]) => [
    plainName(name), signed(row.mean), `${signed(row.low)}\u00a0to\u00a0${signed(row.high)}`, gauge(row), row.reading,
    row.explained_by.map((part) => `${said(part.name)} ${signed(part.effect)}`).join("; ") || "-"]);
  return card("Differences",
    h("p", { class: "muted" }, `${first.name} minus ${second.name}. Clearly: the interval of the difference does not reach zero.`),
    table(["dimension", "difference", "interval", "on a strip", `${first.name} lies`, "from"], lines, "Differences of the two performances"));
}

/** A difference with its interval on a strip from -0.5 to 0.5. */
function gauge(row) {
  const place = (value) => Math.min(100, Math.max(0, 50 + 100 * value));
  const bar = h("span", { class: row.clear ? "gauge clear" : "gauge", "aria-hidden": "true" }, h("span", { class: "reach" }), h("span", { class: "dot" }));
  bar.firstChild.style.left = `${place(row.low)}%`;
  bar.firstChild.style.width = `${place(row.high) - place(row.low)}%`;
  bar.lastChild.style.left = `${place(row.mean)}%`;
  return bar;
}

/** Several performances of a passage: their order in every dimension. */
function ranks(found) {
  if (found.performances.length < 3) return null;
  const alone = found.performances.filter((_, at) => !found.groups.some((group) => group.members.includes(at)));
  const told = alone.length === 0 ? null
    : h("p", { class: "notice" }, `Not ranked, since no other performance here has the same notes: ${alone.map((one) => one.name).join(", ")}.`);
  if (found.groups.length === 0) return card("Ranks", told);
  return found.groups.map((group, number) => {
    const title = found.groups.length > 1 ? `Ranks in passage ${number + 1}` : "Ranks";
    return card(title, number === 0 ? told : null,
      h("p", { class: "muted" }, "Rank 1 is nearest to the word in the second column; the score stands behind it. The order is surer than the numbers where the critic does not know the music."),
      rankTable(found, group, title));
  });
}

function rankTable(found, group, title) {
  const members = group.members.map((at) => [found.performances[at], found.radar.series[at].readings]);
  const rows = found.radar.dimensions.map((dimension, i) => [
    plainName(dimension.name), dimension.high,
    ...members.map(([one, readings]) => {
      const rank = one.report.ranks?.[dimension.name];
      const score = readings[i].mean === null ? "" : `\u00a0(${readings[i].mean.toFixed(2)})`;
      return rank ? h("span", {}, h("strong", {}, `${rank.rank}.`), score) : "-";
    })]);
  const names = members.map(([one]) => one.name);
  return table(["dimension", "rank 1 is most", ...names], rows, `${title} of ${members.length} performances`);
}
