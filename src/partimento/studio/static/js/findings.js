// What the voice-leading checker found: one line per place, each leads to it in the score.

import { fill, h } from "./dom.js";

const WORDS = { error: "Error", warning: "Warning", info: "Hint" };

/** A rule's name for people. */
export const ruleName = (rule) => rule.replaceAll("-", " ");

/** {error: 1, warning: 2, info: 0} in words. */
export function countsText(counts) {
  const found = [["error", "error"], ["warning", "warning"], ["info", "hint"]]
    .filter(([kind]) => counts[kind] > 0)
    .map(([kind, word]) => `${counts[kind]} ${word}${counts[kind] === 1 ? "" : "s"}`);
  return found.length ? found.join(", ") : "nothing to mark";
}

/**
 * The report: {element, show(findings)}.  `rules` explains every rule; `chosen(finding)` is called
 * when somebody wants to see a place.
 */
export function findingsReport(rules, chosen) {
  const list = h("div", {});
  const element = h("div", { class: "findings" }, list);

  function line(finding) {
    const button = h("button", { type: "button", class: `finding is-${finding.severity}`, onclick: () => {
      list.querySelectorAll("[aria-current]").forEach((one) => one.removeAttribute("aria-current"));
      button.setAttribute("aria-current", "true");
      chosen(finding);
    } },
    h("span", { class: "row" },
      h("span", { class: `severity is-${finding.severity}` }, WORDS[finding.severity]),
      h("span", { class: "place" }, `bar ${finding.bar}, beat ${Number(finding.beat.toFixed(2))}`)),
    h("span", {}, h("strong", {}, ruleName(finding.rule)), ` ${finding.voices.join(" and ")}`),
    h("span", { class: "muted" }, finding.message));
    return h("li", {}, button);
  }

  function show(findings) {
    if (!findings.length) {
      fill(list, h("p", { class: "good" }, "The checker found nothing to mark: no parallels, no awkward leaps, every voice in its range."));
      return;
    }
    const named = [...new Set(findings.map((one) => one.rule))];
    fill(list, h("ol", { class: "finding-list" }, findings.map(line)),
      h("details", {}, h("summary", {}, "What these rules say"),
        h("dl", { class: "rules" }, named.map((rule) => [h("dt", {}, ruleName(rule)), h("dd", {}, rules[rule] ?? "")]))));
  }
  return { element, show };
}
