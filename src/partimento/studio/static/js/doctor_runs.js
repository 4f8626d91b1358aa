// Training runs: the list, the curves of one while it grows, its examination, two runs compared.

import { fill, h, say, table, unique } from "./dom.js";
import { get } from "./api.js";
import { lineChart } from "./chart.js";
import { countChips, findingList } from "./doctor_findings.js";
import { depthMap } from "./heatmap.js";
import { fileLinks } from "./files.js";
import { mistake, order, remember, watch } from "./jobs.js";
import { differences, lossCurves, runAddress, runState, runView } from "./runs.js";

const LIST_MS = 4000;

function ago(seconds) {
  const past = Date.now() / 1000 - seconds;
  if (past < 90) return "just now";
  if (past < 5400) return `${Math.round(past / 60)} minutes ago`;
  if (past < 129600) return `${Math.round(past / 3600)} hours ago`;
  return new Date(seconds * 1000).toLocaleDateString();
}

export async function runsPart(place, job, open) {
  const state = { names: [], chosen: null, view: null };
  const list = h("ul", { class: "runs" });
  const folder = h("p", { class: "muted" });
  const right = h("div", {});
  const id = unique("with");
  const other = h("select", { id, onchange: () => compare() });
  const side = h("div", {}, h("h2", {}, "Runs"), folder, list);
  place.append(h("div", { class: "columns" }, side, right));

  async function refresh() {
    const found = await get("/api/runs");
    fill(folder, "Of the folder ", h("code", {}, found.folder), ". The list follows what happens there.");
    state.names = found.runs;
    showList(found);
    if (state.chosen === null && found.runs.length > 0 && !job) choose(found.runs[0].name);
    if (found.runs.length === 0 && state.chosen === null) showEmpty();
  }

  function showList(found) {
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    fill(list, found.runs.map((row) => h("li", {}, h("button", {
      type: "button", "data-name": row.name, "aria-pressed": String(row.name === state.chosen), onclick: () => choose(row.name),
    }, row.name, h("span", { class: row.live ? "muted run-live" : "muted" }, `${runState(row)}${row.step === null ? "" : `, step ${row.step}`}, ${ago(row.changed)}`)))));
    if (focused) [...list.querySelectorAll("button")].find((one) => one.dataset.name === focused)?.focus();
  }

  function showEmpty() {
    if (right.dataset.empty) return;
    right.dataset.empty = "true";
    fill(right, h("section", { class: "card" }, h("h2", {}, "No run yet"),
      h("p", {}, "Train something, and its curve grows here while it learns:"),
      h("pre", { tabindex: "0", "aria-label": "Command" }, h("code", {}, "partimento train recipes/chorale/small.yaml -o runs/first")),
      h("p", {}, "Or see a small network fail within seconds, and the doctor say why:"),
      h("button", { type: "button", class: "main", onclick: () => open("learn") }, "Learn from a sick model")));
  }

  function choose(name, result = null) {
    state.view?.end();
    state.chosen = name;
    delete right.dataset.empty;
    for (const one of list.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one.dataset.name === name));
    const findings = h("div", { id: unique("findings") });
    const versus = h("div", { class: "versus" });
    const examined = h("div", {});
    state.versus = versus;
    const trouble = h("div", {});
    state.view = runView(name, (error) => {
      if (error !== null) fill(trouble, mistake(error));
      else if (trouble.firstChild) fill(trouble);
    });
    const examine = h("button", { type: "button", class: "main", onclick: async () => remember(await order("examine", { run: name }, examined, (found, done) => {
      fill(findings);
      showExamination(examined, found, done);
    })) }, "Examine this run");
    fill(other, h("option", { value: "" }, "No other run"), state.names.filter((one) => one.name !== name).map((one) => h("option", { value: one.name }, one.name)));
    fill(right, h("h2", {}, name), trouble, state.view.head, h("div", { class: "row end" }, examine,
      h("div", { class: "field" }, h("label", { for: id }, "Compare with"), other)), versus, examined, findings, state.view.rest);
    if (result) watch(result, examined, (found, done) => showExamination(examined, found, done));
    else showSoFar(name, findings).catch((error) => fill(findings, mistake(error)));
    say(`Run ${name}.`);
  }

  async function showSoFar(name, where) {
    const { findings } = await get(runAddress(name, 1e9));
    if (findings.length === 0) return;
    fill(where, h("details", { class: "card" }, h("summary", {}, `Findings so far (${findings.length})`),
      h("p", { class: "muted" }, "Written by the run itself or by an earlier examination."), findingList(findings, [], { openFirst: false })));
  }

  async function compare() {
    if (other.value === "") {
      fill(state.versus);
      return;
    }
    const [one, two] = [state.chosen, other.value];
    try {
      const [left, right_] = await Promise.all([one, two].map((name) => get(runAddress(name))));
      const chart = lineChart({ title: `Loss of ${one} and ${two}`, yLabel: "loss" });
      const colours = [0, 2, 1, 3];
      const curves = [...lossCurves(left.rows, `${one}: `), ...lossCurves(right_.rows, `${two}: `, true)];
      chart.update(curves.map((curve, i) => ({ ...curve, colour: colours[i] ?? i })));
      const rows = differences(left.config, right_.config);
      fill(state.versus, h("section", { class: "card" }, h("h3", {}, "Two runs compared"), chart.element,
        rows.length ? table(["setting", one, two], rows, "Settings that differ") : h("p", {}, "The settings of both are the same.")));
      say(`Compared with ${two}: ${rows.length} settings differ.`);
    } catch (error) {
      fill(state.versus, mistake(error));
    }
  }

  async function again() {
    try {
      if (!place.hidden && !document.hidden) await refresh();
    } catch { /* the studio may be starting anew; the next look tells */ }
    setTimeout(again, LIST_MS);
  }

  await refresh();
  if (job) choose(job.request.run, job);
  setTimeout(again, LIST_MS);
}

/** The result of an examination. */
export function showExamination(place, found, job) {
  const missing = new Map();
  for (const one of found.not_done) missing.set(one.why, [...(missing.get(one.why) ?? []), one.check]);
  fill(place, h("section", { class: "examination" }, h("h3", {}, "What the doctor says"), countChips(found.findings),
    found.findings.length === 0 ? h("p", {}, `Healthy, as far as ${found.done} checks can tell.`) : findingList(found.findings, found.words, { level: "h4" }),
    found.depth.length ? h("details", {}, h("summary", {}, "Inside the network, by depth"), found.depth.map(depthMap)) : null,
    h("details", {}, h("summary", {}, `What was checked (${found.done}) and what could not be (${found.not_done.length})`),
      table(["what is missing", "checks that need it"], [...missing].map(([why, names]) => [why, names.join(", ")]), "Silence about these is no sign of health")),
    fileLinks(job, found.files)));
}
