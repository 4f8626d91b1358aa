// Candidates side by side: a small roll, the sound, what was asked and what came.

import { h } from "./dom.js";
import { fileAddress, get } from "./api.js";
import { miniRoll } from "./rolldraw.js";
import { LABELS, plainValue } from "./compose_words.js";
import { onward } from "./onward.js";
import { soundPlayer } from "./player.js";

const SIGNS = new Map([[true, ["✓", "met", "good"]], [false, ["✗", "not met", "bad"]], [null, ["?", "cannot be told", "muted"]]]);

/** What was asked and what came, as a list; nothing asked gives a sentence. */
export function matchList(rows, label) {
  if (rows.length === 0) return h("p", { class: "muted" }, "Nothing was asked for that can be judged.");
  return h("ul", { class: "match", "aria-label": label }, rows.map((row) => {
    const [mark, words, kind] = SIGNS.get(row.ok ?? null);
    // What is met needs no second word, unless a number tells more than the wish.
    const told = row.ok !== true || (typeof row.came === "number" && row.came !== row.asked);
    const came = told && row.came !== null ? `, came ${plainValue(row.attribute, row.came)}` : "";
    return h("li", {}, h("span", { class: `mark ${kind}`, "aria-hidden": "true" }, mark), h("span", { class: "unseen" }, `${words}: `),
      h("span", {}, h("strong", {}, LABELS[row.attribute] ?? row.attribute.replaceAll("_", " ")), ` ${plainValue(row.attribute, row.asked)}${came}`, row.forced ? h("span", { class: "muted" }, " (fixed)") : null));
  }));
}

/** "6 of 7" of what can be judged. */
export function matchWords(rows) {
  const judged = rows.filter((row) => row.ok !== null);
  if (judged.length === 0) return "";
  return `${judged.filter((row) => row.ok).length} of ${judged.length} wishes met`;
}

/** Facts of a piece in one line. */
export function factsLine(row) {
  const parts = [`${row.bars} ${row.bars === 1 ? "bar" : "bars"} of ${row.meter}`, row.key, `${row.tempo_bpm} bpm`, `${Math.round(row.seconds)} s`, `${row.notes} notes`];
  return parts.filter(Boolean).join(", ");
}

/** The cards of a compose job; `choose(row)` is called with the one to work on. */
export function candidateCards(job, found, choose) {
  const buttons = [];
  const cards = found.pieces.map((row) => {
    const name = `Candidate ${row.number}`;
    if (row.empty) return h("section", { class: "card" }, h("h3", {}, name), h("p", { class: "notice" }, "No note came. Another seed or other words may help."));
    const picture = h("div", { class: "mini" });
    const player = soundPlayer(name, { source: fileAddress(`job:${job.number}/${row.stem}.wav`), lead: row.lead });
    const pick = h("button", { type: "button", "aria-pressed": "false", onclick: () => {
      for (const one of buttons) one.setAttribute("aria-pressed", String(one === pick));
      choose(row);
    } }, "Work on this one");
    buttons.push(pick);
    get(fileAddress(`job:${job.number}/${row.stem}.json`))
      .then((data) => picture.append(miniRoll(data, `${name}: ${data.notes.length} notes in ${data.bars.length - 1} bars`)))
      .catch(() => picture.append(h("p", { class: "muted" }, "The notes are gone.")));
    return h("section", { class: "card", "aria-label": name },
      h("div", { class: "row spread" }, h("h3", {}, name), h("span", { class: "met" }, matchWords(row.rows))),
      h("p", { class: "muted" }, factsLine(row)), picture, player.element,
      matchList(row.rows, `${name}: asked and came`),
      pick, h("details", {}, h("summary", {}, "Use it on another page"), onward(`job:${job.number}/${row.stem}.mid`, ["critique", "picture", "continue", "harmonise"], name)));
  });
  return { element: h("div", { class: "cards candidates" }, cards), press: (index) => buttons[index]?.setAttribute("aria-pressed", "true") };
}
