// A sick model: a planted fault is trained in small, beside its healthy twin, and then treated.

import { facts, fill, h, number, say, unique } from "./dom.js";
import { get } from "./api.js";
import { finite, lineChart } from "./chart.js";
import { countChips, findingList } from "./doctor_findings.js";
import { mistake, order, remember, watch } from "./jobs.js";
import { shown } from "./runs.js";

const LOOK_MS = 600;
const TASKS = { chorale: "Chorale (four voices)", piano: "Piano (performances)", text2midi: "Text to music", critique: "Critique (judging performances)", audio2visual: "Sound to picture" };
const RUNS = [["sick", "sick", 1], ["healthy", "healthy twin", 0], ["treated", "treated", 2]];
const FIRST = "audio2visual: a hundred times the rate";

/** Curves of the three trainings: solid while training, dashed on held-out data. */
export function liveCurves(rows) {
  return RUNS.flatMap(([run, name, colour]) => {
    const of = (kind, key) => rows.filter((row) => row.run === run && row.kind === kind && finite(row[key]) !== null).map((row) => [row.step, row[key]]);
    return [{ name: `${name}, training`, points: of("train", "loss"), colour }, { name: `${name}, held out`, points: of("validation", "valid_loss"), colour, dashed: true }];
  }).filter((one) => one.points.length > 0);
}

export async function learnPart(place, job) {
  const { faults } = await get("/api/faults");
  const [taskId, faultId, seedId] = [unique("task"), unique("fault"), unique("seed")];
  const task = h("select", { id: taskId, onchange: () => fillFaults() }, Object.entries(TASKS).map(([key, name]) => h("option", { value: key }, name)));
  const fault = h("select", { id: faultId, onchange: () => describe() });
  const seed = h("input", { id: seedId, type: "number", min: 0, max: 2147483647, step: 1, value: 0 });
  const what = h("div", { class: "notice" });
  const live = h("div", {});
  const told = h("div", {});

  function chosen() {
    return faults.find((one) => one.name === fault.value);
  }
  function fillFaults(name = null) {
    fill(fault, faults.filter((one) => one.task === task.value).map((one) => h("option", { value: one.name }, `${one.short}${one.diary ? " (a true story)" : ""}`)));
    if (name) fault.value = name;
    describe();
  }
  function describe() {
    const one = chosen();
    fill(what, h("p", {}, one.what), h("p", { class: "muted" }, "Changed: ", Object.entries(one.settings).map(([name, value], i) => [i ? ", " : "", h("code", {}, `${name} = ${shown(value)}`)])));
  }
  function choose(name) {
    const one = faults.find((row) => row.name === name) ?? faults[0];
    task.value = one.task;
    fillFaults(one.name);
  }

  async function begin() {
    const number_ = await order("replay", { fault: fault.value, seed: Number(seed.value) || 0 }, told, (found) => show(told, found));
    remember(number_);
    if (number_ !== null) follow(number_, live, told);
  }

  place.append(h("div", { class: "columns" },
    h("form", { class: "card stack", onsubmit: (event) => { event.preventDefault(); begin(); } },
      h("h2", {}, "What goes wrong?"),
      h("p", { class: "muted" }, `${faults.length} known mistakes, each in a small network that trains for seconds on this machine.`),
      h("div", { class: "field" }, h("label", { for: taskId }, "Network"), task),
      h("div", { class: "field" }, h("label", { for: faultId }, "Mistake"), fault), what,
      h("div", { class: "field" }, h("label", { for: seedId }, "Seed"), seed, h("span", { class: "hint" }, "The same seed, the same training.")),
      h("p", { class: "row" }, h("button", { type: "submit", class: "main" }, "Make it sick"),
        h("button", { type: "button", onclick: () => { choose(faults[Math.floor(Math.random() * faults.length)].name); begin(); } }, "Surprise me"))),
    h("div", {}, h("h2", {}, "What happens"),
      live, told)));
  choose(job?.request.fault ?? FIRST);
  fill(told, h("p", { class: "muted" }, "First the sick network trains, then its healthy twin with the same seed, then the doctor's remedy is tried. You see the three curves while they grow."));
  if (job) {
    watch(job, told, (found) => show(told, found));
    follow(job.number, live, told);
  }
}

/** Draw what the job writes, until its result is there. */
function follow(job, live, told) {
  const chart = lineChart({ title: "Loss while it trains", yLabel: "loss", empty: "The first steps are on their way." });
  fill(live, chart.element);
  live.dataset.job = job;
  let rows = [];
  async function look() {
    if (live.dataset.job !== String(job)) return;
    const over = told.dataset.done === String(job) || told.querySelector("[role=alert]") !== null || (await get(`/api/jobs/${job}`)).ended !== null;
    const news = await get(`/api/jobs/${job}/rows?since=${rows.length}`);
    if (news.rows.length > 0) {
      rows = [...rows, ...news.rows];
      chart.update(liveCurves(rows));
    }
    if (!over) setTimeout(() => look().catch((error) => fill(live, mistake(error))), LOOK_MS);
  }
  look().catch((error) => fill(live, mistake(error)));
}

function changes(rows) {
  return facts(rows.map((row) => [row.name, `${shown(row.from)} becomes ${shown(row.to)}`]));
}

function figures(found) {
  const names = Object.fromEntries(RUNS);
  return h("ul", { class: "figures" }, found.runs.map((one) => h("li", {}, h("span", { class: "muted" }, names[one.run]),
    h("strong", { class: one.run === "sick" ? "severity-severe" : "state-done" }, typeof one.figure === "number" ? one.figure.toFixed(2) : "no number"),
    h("span", { class: "muted" }, `untrained ${typeof one.untrained === "number" ? one.untrained.toFixed(2) : "-"}; ${one.alarms} ${one.alarms === 1 ? "alarm" : "alarms"}`))));
}

function verdict(found) {
  if (found.named_first) return ["state-done", "The doctor's first finding names the mistake."];
  if (found.named) return ["severity-warning", "The doctor names the mistake, though not first."];
  return ["severity-severe", "The doctor did not name this mistake."];
}

function treatment(found) {
  const one = found.treatment;
  if (!one) return [h("h3", {}, "Treatment"), h("p", {}, found.findings.length ? "The first finding offers no setting that could be tried by itself; its remedy is a change of code or data." : "There is nothing to treat.")];
  return [h("h3", {}, "Treatment"),
    h("p", {}, one.kind === "recipe" ? "The first finding's remedy, as settings of the recipe:" : "The first finding's remedy is to mend code or data: what was planted is taken out."),
    changes(one.change),
    h("p", { class: one.recovered ? "state-done" : "severity-warning" }, one.recovered
      ? `Recovered: held-out quality is back among the healthy ones (at least ${number(one.lowest_healthy)}), and the finding is gone.`
      : `Not recovered: a healthy network reaches at least ${number(one.lowest_healthy)}, or the finding came again.`)];
}

function show(place, found) {
  const [look, words] = verdict(found);
  fill(place, h("section", { class: "examination" },
    h("h3", {}, "Held-out quality"), figures(found),
    h("p", { class: "muted" }, "1 is perfect; 0 is an answer that needs no learning. Measured on pieces that no training saw."),
    h("h3", {}, "The doctor's finding"), h("p", { class: look }, h("strong", {}, words)),
    h("p", {}, `What was wrong: ${found.fault.what}`), changes(found.fault.settings),
    treatment(found),
    h("h3", {}, "All findings of the sick network"), countChips(found.findings), findingList(found.findings, found.words, { level: "h4" })));
  say(words);
}
