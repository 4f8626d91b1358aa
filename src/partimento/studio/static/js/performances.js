// Choosing piano performances: files of this machine, the example, files handed in before, and
// pieces that were made here; and what is needed to show one.

import { ask, get, post, result, upload } from "./api.js";
import { fill, h, say, unique } from "./dom.js";
import { mistake, stateWord } from "./jobs.js";

const EXAMPLE = "piano_primer.mid";
const MAKERS = ["continue", "infill", "vary", "dream", "song", "compose", "regenerate", "critique"];

/** What people call a file: those of jobs have the same names in every job. */
export function shownName(ref, name) {
  const job = /^job:(\d+)\//.exec(ref);
  return job ? `${name} of job ${job[1]}` : name;
}

/**
 * A field to choose performances: {element}.  `chosen({ref, name})` is called for each.
 * Options: several (many files at once), groups (kinds of uploads), accept, example (a name or null).
 */
export function performancePicker(label, chosen, { several = false, groups = ["midi"], accept = ".mid,.midi", example = EXAMPLE } = {}) {
  const id = unique("performance");
  const state = h("p", { class: "muted", role: "status" });
  const input = h("input", { id, type: "file", accept, multiple: several, onchange: () => send([...input.files]) });
  const zone = h("div", { class: "dropzone field",
    ondragover: (event) => { event.preventDefault(); zone.classList.add("over"); },
    ondragleave: () => zone.classList.remove("over"),
    ondrop: (event) => { event.preventDefault(); zone.classList.remove("over"); send([...event.dataTransfer.files]); } },
    h("label", { for: id }, label), input,
    example ? h("button", { type: "button", onclick: takeExample }, "Use the example") : null, state);
  const before = uploadsField(groups, take);

  function take(one) {
    fill(state, `${shownName(one.ref, one.name)} is chosen.`);
    say(`${shownName(one.ref, one.name)} is chosen.`);
    chosen({ ref: one.ref, name: one.name });
  }

  async function send(files) {
    try {
      for (const file of several ? files : files.slice(0, 1)) {
        fill(state, `Reading ${file.name} ...`);
        const one = await upload(file);
        if (!groups.includes(one.kind)) throw new Error(`${one.name} is of another kind; give ${groups.join(" or ")}.`);
        take(one);
      }
      input.value = "";
      await before.list();
    } catch (error) {
      fill(state, mistake(error));
    }
  }

  async function takeExample() {
    try {
      take(await post(`/api/examples/${example}`));
      await before.list();
    } catch (error) {
      fill(state, mistake(error));
    }
  }

  before.list().catch((error) => fill(state, mistake(error)));
  return { element: h("div", { class: "chooser" }, zone, before.element, groups.includes("midi") ? jobsField(take) : null), take };
}

/** Files that were handed in before. */
function uploadsField(groups, take) {
  const id = unique("before");
  const known = new Map();
  const select = h("select", { id, onchange: () => {
    if (known.has(select.value)) take(known.get(select.value));
    select.value = "";
  } });
  const element = h("div", { class: "field", hidden: true }, h("label", { for: id }, "Or one that was handed in before"), select);
  async function list() {
    const { uploads } = await get("/api/uploads");
    for (const one of uploads) if (groups.includes(one.kind)) known.set(one.ref, one);
    element.hidden = known.size === 0;
    fill(select, h("option", { value: "" }, "Choose ..."), [...known.values()].map((one) => h("option", { value: one.ref }, one.name)));
  }
  return { element, list };
}

/** Pieces that earlier jobs made: the job first, then its file. */
function jobsField(take) {
  const [first, second] = [unique("job"), unique("piece")];
  const told = h("p", { class: "muted", role: "status" });
  const jobs = h("select", { id: first, onchange: () => listFiles().catch((error) => fill(told, mistake(error))) });
  const files = h("select", { id: second });
  const use = h("button", { type: "button", disabled: true, onclick: () => files.value && take({ ref: files.value, name: files.value.split("/")[1] }) }, "Use this piece");
  const inner = h("div", { class: "grid" },
    h("div", { class: "field" }, h("label", { for: first }, "Job"), jobs),
    h("div", { class: "field" }, h("label", { for: second }, "File"), files),
    h("div", { class: "field" }, use));
  const details = h("details", {}, h("summary", {}, "Or a piece that was made here"), inner, told);
  details.addEventListener("toggle", () => details.open && listJobs().catch((error) => fill(told, mistake(error))));

  async function listJobs() {
    const { jobs: rows } = await get("/api/jobs?state=done&limit=200");
    const fitting = rows.filter((job) => MAKERS.includes(job.kind));
    inner.hidden = fitting.length === 0;
    fill(told, fitting.length === 0 ? "Nothing was made yet." : "");
    fill(jobs, fitting.map((job) => h("option", { value: job.number }, `${job.number}: ${job.title || stateWord(job.state)}`)));
    if (fitting.length > 0) await listFiles();
  }

  async function listFiles() {
    use.disabled = true;
    const number = jobs.value;
    const found = (await result(number)).files.filter((file) => file.name.endsWith(".mid"));
    fill(files, found.map((file) => h("option", { value: `job:${number}/${file.name}` }, file.name)));
    use.disabled = found.length === 0;
    fill(told, found.length === 0 ? "This job wrote no MIDI file." : "");
  }
  return details;
}

/** The files that the address names with ?file=REF, as {ref, name}. */
export async function filesOfAddress() {
  const refs = new URLSearchParams(location.search).getAll("file");
  if (refs.length === 0) return [];
  const { uploads } = await get("/api/uploads?limit=500");
  const names = new Map(uploads.map((one) => [one.ref, one.name]));
  return refs.map((ref) => ({ ref, name: names.get(ref) ?? ref.split("/").pop() }));
}

/** The notes of a file as a piano roll takes them. */
export async function rollOf(ref) {
  const found = await ask("roll", { source: ref });
  // The studio tells when a note ends, the roll takes how long it lasts.
  const notes = found.notes.map(([onset, end, pitch, velocity]) => [onset, Math.max(0.01, end - onset), pitch, velocity, 0]);
  return { notes, parts: ["given"], seconds: found.seconds };
}

/** When the last note ends. */
export const lengthOf = (notes) => notes.reduce((end, [onset, duration]) => Math.max(end, onset + duration), 0);
