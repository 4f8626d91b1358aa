// The doctor: runs and their findings, sick models to learn from, attention of the networks.

import { fill, h } from "../js/dom.js";
import { get } from "../js/api.js";
import { mistake } from "../js/jobs.js";
import { tabs } from "../js/tabs.js";
import { attentionPart } from "../js/doctor_attention.js";
import { learnPart } from "../js/doctor_learn.js";
import { runsPart } from "../js/doctor_runs.js";

const PARTS = [
  ["runs", "Training runs", "examine", runsPart],
  ["learn", "Learn from a sick model", "replay", learnPart],
  ["attention", "Attention", "attention", attentionPart],
];

/** The job that the address names, where it is one of the doctor's. */
async function jobOfAddress(place) {
  const number = Number(new URLSearchParams(location.search).get("job"));
  if (!Number.isInteger(number) || number < 1) return null;
  try {
    return await get(`/api/jobs/${number}`);
  } catch (error) {
    fill(place, mistake(error));
    return null;
  }
}

export async function build(main) {
  const trouble = h("div", {});
  const panels = new Map(PARTS.map(([key]) => [key, h("section", {})]));
  const parts = tabs("Parts of the doctor's page", PARTS.map(([key, name]) => [key, name, panels.get(key)]));
  const job = await jobOfAddress(trouble);
  const filled = new Set();

  // What a part needs is asked for when it is first looked at.
  async function look(key) {
    if (filled.has(key)) return;
    filled.add(key);
    const [, , kind, make] = PARTS.find(([one]) => one === key);
    try {
      await make(panels.get(key), job?.kind === kind ? job : null, open);
    } catch (error) {
      fill(panels.get(key), mistake(error));
    }
  }
  async function open(key) {
    parts.open(key);
    await look(key);
  }
  parts.onopen = look;

  main.append(
    h("h1", {}, "Doctor"),
    h("p", { class: "lead" }, "Why does a model not learn what it should? Curves while it trains, findings with their evidence, and a look inside."),
    trouble, parts.element);
  const wanted = new URLSearchParams(location.search).get("part");
  await open((PARTS.find(([, , kind]) => kind === job?.kind) ?? PARTS.find(([key]) => key === wanted) ?? PARTS[0])[0]);
}
