// Findings of the doctor as cards: claim, measured against threshold, control, remedy, evidence.

import { drawing, facts, h, number, table } from "./dom.js";

const SEVERITY = {
  severe: "Because of this the model cannot learn what it should.",
  warning: "This hurts, or makes the figures mislead.",
  info: "Worth knowing; nothing has to be done.",
};

const word = (severity) => (severity === "info" ? "note" : severity);

/** A figure of a finding: very large and very small ones stay readable. */
function figure(value) {
  if (typeof value !== "number") return String(value);
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-4)) return value.toExponential(2);
  return number(value);
}

/** Measured against threshold, in words. */
function compared(finding) {
  if (finding.threshold === null) return `${figure(finding.measured)} ${finding.unit}`;
  return `${figure(finding.measured)} against ${figure(finding.threshold)} (${finding.unit})`;
}

function sentence(text) {
  const clean = (text ?? "").trim();
  return clean === "" ? "" : `${clean[0].toUpperCase()}${clean.slice(1).replace(/\.$/, "")}.`;
}

/** How many of each weight. */
export function countChips(findings) {
  const rows = ["severe", "warning", "info"].map((one) => [one, findings.filter((f) => f.severity === one).length]);
  const some = rows.filter(([, count]) => count > 0);
  if (some.length === 0) return h("p", { class: "state-done" }, "Nothing found.");
  return h("ul", { class: "chips", "aria-label": "How many findings" }, some.map(([one, count]) =>
    h("li", { class: `chip severity-${one}` }, `${count} ${word(one)}${count > 1 && one !== "severe" ? "s" : ""}`)));
}

function change(finding) {
  const settings = Object.entries(finding.change ?? {});
  if (settings.length === 0) return null;
  return h("span", {}, settings.map(([name, value], i) => [i ? " " : "", h("code", {}, `--set ${name}=${typeof value === "object" ? JSON.stringify(value) : value}`)]));
}

/** One part of the evidence; `label` tells it from the others where the page is heard. */
function part(one, label) {
  if (one.kind === "drawing") {
    const svg = drawing(one.svg);
    return h("figure", { class: "evidence" },
      h("div", { class: "paper", tabindex: "0", role: "region", "aria-label": `${label}, a drawing` }, svg),
      one.caption ? h("figcaption", { class: "muted" }, one.caption) : null);
  }
  if (one.kind === "table") {
    const made = table(one.columns, one.rows, [one.name, one.caption].filter(Boolean).join(". "));
    made.setAttribute("aria-label", `${label}, a table: ${one.name}`);
    return made;
  }
  if (one.kind === "facts") return facts(one.facts);
  return one.paragraphs.map((text) => h("p", {}, text));
}

function measured(finding, place) {
  if (!finding.bar) return h("p", {}, h("strong", {}, "Measured: "), compared(finding));
  return h("div", { class: "paper measured", tabindex: "0", role: "region", "aria-label": `Finding ${place}: measured ${compared(finding)}` }, drawing(finding.bar));
}

/**
 * One finding.  `place` is its number in the order in which to read them; `titles` maps the codes
 * of all findings that are there to their titles, so that a cause can name its symptoms.
 */
function findingCard(finding, place, { open, titles, level }) {
  const symptoms = (finding.explains ?? []).filter((code) => titles.has(code)).map((code) => titles.get(code));
  const settings = change(finding);
  const rows = [
    settings ? ["As settings", settings] : null,
    ["Checked against", sentence(finding.control)],
    ["Threshold from", sentence(finding.source)],
    ["How sure", `${Math.round(100 * finding.confidence)} %`],
    ["Weight", `${word(finding.severity)}: ${SEVERITY[finding.severity]}`],
    symptoms.length ? ["May explain", symptoms.join("; ")] : null,
    ["Code", finding.code],
  ].filter(Boolean);
  // A row of findings.jsonl has its evidence as raw data, an examination as parts to show.
  const evidence = Array.isArray(finding.evidence) ? finding.evidence.map((one, i) => part(one, `Finding ${place}, evidence ${i + 1}`)) : [];
  return h("article", { class: `card diagnosis diagnosis-${finding.severity}`, "data-code": finding.code },
    h(level, {}, `${place}. ${finding.title ?? finding.code} `, h("span", { class: `chip severity-${finding.severity}` }, word(finding.severity))),
    h("p", {}, sentence(finding.claim)),
    finding.meaning ? h("p", { class: "muted" }, finding.meaning) : null,
    measured(finding, place),
    h("p", { class: "remedy" }, h("strong", {}, "Do this: "), sentence(finding.remedy)),
    h("details", { open }, h("summary", {}, "How it was found"), facts(rows), evidence));
}

/** All findings, causes first, with the words that they use. */
export function findingList(findings, words = [], { openFirst = true, level = "h3" } = {}) {
  const titles = new Map(findings.map((one) => [one.code, one.title ?? one.code]));
  return h("div", {},
    findings.length > 1 ? h("p", { class: "muted" }, "Causes stand first; findings further down are often their symptoms. Mend the first, train again, examine again.") : null,
    findings.map((one, i) => findingCard(one, i + 1, { titles, level, open: openFirst && i === 0 })),
    words.length ? h("details", {}, h("summary", {}, "Words explained"), facts(words)) : null);
}
