// Voice leading of any score: one, or several one after the other in a table.

import { fill, h, say, table } from "./dom.js";
import { fileAddress, upload } from "./api.js";
import { download, dropzone, shownName } from "./files.js";
import { mistake, order } from "./jobs.js";
import { countsText, findingsReport } from "./findings.js";
import { exampleList, exampleTitle } from "./harmonise_source.js";
import { soundPlayer } from "./player.js";
import { legend, loadScore, score } from "./score.js";

const MOST = 40;

/** The part of the page that takes scores and shows what was found: {element, place, add(file)}. */
export function checkPanel(show) {
  const chosen = [];
  const list = h("ul", { class: "chips", "aria-label": "Scores to check" });
  const trouble = h("div", { role: "status" });
  const place = h("div", { id: "check-result" });
  const examples = exampleList("Or an example");
  const zone = dropzone("Scores: MIDI, MusicXML, ABC or Humdrum; several at once are fine",
    { accept: ".mid,.midi,.musicxml,.xml,.mxl,.abc,.krn,.kern", several: true, taken: take });
  const start = h("button", { type: "button", class: "main", onclick: () => check() }, "Check the voice leading");

  async function take(files) {
    const mistakes = [];
    for (const file of files) {
      fill(trouble, `Reading ${file.name} ...`);
      try {
        const one = await upload(file);
        if (!["midi", "score"].includes(one.kind)) throw new Error(`${one.name} is no score.`);
        add(one);
      } catch (error) {
        mistakes.push(mistake(error));
      }
    }
    zone.input.value = "";
    fill(trouble, mistakes.length ? mistakes : null);
  }

  function add(one) {
    if (chosen.length >= MOST) throw new Error(`${MOST} scores are the most that one table takes.`);
    if (!chosen.some((other) => other.ref === one.ref)) chosen.push(one);
    showList();
    say(`${one.name} is chosen.`);
  }

  function showList() {
    fill(list, chosen.map((one, i) => h("li", {}, h("button", { type: "button", class: "chip-button", "aria-label": `Remove ${shownName(one.ref, one.name)}`, onclick: () => {
      chosen.splice(i, 1);
      showList();
      zone.input.focus();
    } }, `${shownName(one.ref, one.name)} ✕`))));
    list.hidden = chosen.length === 0;
  }

  async function check() {
    try {
      if (!chosen.length) add(await examples.take());
    } catch (error) {
      fill(trouble, mistake(error));
      return;
    }
    const [first, ...more] = chosen.map((one) => one.ref);
    await order("check", { source: first, more }, place, show);
  }

  showList();
  const element = h("div", {},
    h("p", { class: "lead" }, "Parallels, leaps, ranges, spacing and leading tones, bar by bar. For a class: hand in all files and get one table."),
    h("div", { class: "card" }, zone.element, list, trouble,
      h("div", { class: "row end" }, examples.element,
        h("button", { type: "button", onclick: () => examples.take().then(add).catch((error) => fill(trouble, mistake(error))) }, "Add the example"), start)),
    place);
  return { element, place, add };
}

/** The result of a check: an element. */
export function checkView(found, job) {
  const part = h("div", {});
  const buttons = new Map();
  const several = found.scores.length > 1;
  const rows = found.scores.map((one) => {
    if (one.error) return [one.name, null, null, null, h("span", { class: "state-failed" }, one.error)];
    const button = h("button", { type: "button", class: "small", "aria-pressed": "false", "aria-label": `Show ${one.name}`, onclick: () => open(one, true) }, one.name);
    buttons.set(one, button);
    return [button, one.counts.error, one.counts.warning, one.counts.info, `${one.bars} bars, ${one.voices.join(", ") || "no voices"}`];
  });
  const heading = h("h2", { tabindex: "-1" }, found.title);
  const element = h("section", { class: "harmony-result", "aria-label": "Result" }, heading,
    several ? table(["score", "errors", "warnings", "hints", "size and voices"], rows, "Scores; choose one to see its places") : null,
    h("p", {}, download(`job:${job.number}/findings.csv`, several ? "All findings as a table (CSV)" : "Findings as a table (CSV)")),
    part);

  async function open(one, focus = false) {
    for (const [other, button] of buttons) button.setAttribute("aria-pressed", String(other === one));
    const root = `job:${job.number}/${one.stem}`;
    try {
      const sheet = await loadScore(root);
      fill(part, scorePart(one, root, sheet, found.rules, several));
      if (focus) say(`${one.name}: ${countsText(one.counts)}.`);
    } catch (error) {
      fill(part, mistake(error));
    }
  }
  const first = found.scores.find((one) => !one.error);
  return { element, heading, ready: first ? open(first) : Promise.resolve() };
}

function scorePart(one, root, sheet, rules, titled) {
  const view = score(sheet, { label: `Score ${one.title}` });
  const player = soundPlayer(one.title, { source: fileAddress(`${root}.wav`), lead: sheet.lead });
  view.follow(player);
  const report = findingsReport(rules, (finding) => {
    view.go(finding.notes);
    view.mark("picked", finding.notes);
    player.seek(view.secondAt(finding.onset_quarter));
    say(`Bar ${finding.bar} is shown.`);
  });
  report.show(one.findings);
  requestAnimationFrame(() => {
    for (const kind of ["info", "warning", "error"]) view.mark(kind, one.findings.filter((f) => f.severity === kind).flatMap((f) => f.notes));
  });
  return [titled ? h("h3", {}, one.title === one.name ? exampleTitle(one.name) : one.title) : null,
    h("p", { class: "muted" }, `${one.bars} bars. ${one.voices.length ? `Voices: ${one.voices.join(", ")}. ` : ""}Found: ${countsText(one.counts)}.`),
    one.warnings.map((text) => h("p", { class: "notice" }, text)),
    h("div", { class: "harmony" },
      h("div", {}, h("div", { class: "row score-tools" }, player.element), view.element, legend(["error", "warning", "info"])),
      h("div", { class: "harmony-side" }, h("section", { class: "card" }, h(titled ? "h4" : "h3", {}, "Voice leading"), report.element)))];
}
