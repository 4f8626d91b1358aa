// Choosing a file: from this machine, one that the studio has already, or one that a job wrote.

import { fill, h, unique } from "./dom.js";
import { fileAddress, get, post, result, upload } from "./api.js";
import { mistake } from "./jobs.js";
import { kindWord } from "./kinds.js";

/** How the files of jobs end that belong to a group. */
const MADE = { midi: /\.mid$/, score: /\.musicxml$/, sound: /\.wav$/ };
const MAKERS = ["compose", "regenerate", "song", "harmonize", "continue", "infill", "vary", "dream", "critique"];
const GROUPS = { midi: "MIDI", score: "a score (MusicXML, ABC or Humdrum)", sound: "a sound" };
const COUNTED = ["notes", "bars", "seconds"];

/** A link that saves a file. */
export function download(ref, label) {
  return h("a", { href: fileAddress(ref, true), download: ref.split("/").pop() }, label);
}

/** What a job wrote, as links. */
export function fileLinks(job, files) {
  return h("ul", { class: "chips", "aria-label": "Files" }, files.map((file) =>
    h("li", { class: "chip" }, download(`job:${job.number}/${file.name}`, file.name))));
}

/** What people call a file: those of jobs have the same names in every job. */
export function shownName(ref, name) {
  const job = /^job:(\d+)\//.exec(ref);
  return job ? `${name} of job ${job[1]}` : name;
}

/** The files that the address names with ?file=REF, as {ref, name}. */
export const filesOfAddress = () => named(new URLSearchParams(location.search).getAll("file"));

/** Files by their refs, as {ref, name, facts}. */
export async function named(refs) {
  if (refs.length === 0) return [];
  const { uploads } = await get("/api/uploads?limit=500");
  const known = new Map(uploads.map((one) => [one.ref, one]));
  return refs.map((ref) => known.get(ref) ?? { ref, name: ref.split("/").pop() });
}

/** A box to drop files on, with a label, a field and what else belongs into it. */
export function dropzone(label, { accept, several, taken }, ...inside) {
  const id = unique("file");
  const input = h("input", { id, type: "file", accept, multiple: several, onchange: () => input.files.length && taken([...input.files]) });
  const zone = h("div", { class: "dropzone field",
    ondragover: (event) => { event.preventDefault(); zone.classList.add("over"); },
    ondragleave: () => zone.classList.remove("over"),
    ondrop: (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      if (event.dataTransfer.files.length) taken([...event.dataTransfer.files]);
    } },
    h("label", { for: id }, label), input, inside);
  return { element: zone, input };
}

/**
 * A field to choose a file.  `groups` are those that fit: midi, score, sound.  `chosen({ref, name,
 * facts})` is called with it; facts only for files that were handed in.  Options: several (many
 * files at once), example (the name of one that comes with the package), exampleLabel, started
 * (called after the example was chosen).  Returns {element, choose(file)}.
 */
export function filePicker(label, groups, accept, chosen, { several = false, example = null, exampleLabel = "Use the example", started = null } = {}) {
  const state = h("p", { class: "muted", role: "status" });
  const button = example ? h("button", { type: "button", onclick: takeExample }, exampleLabel) : null;
  const zone = dropzone(label, { accept, several, taken: send }, button, state);
  const before = uploadsField(groups, take);

  function take(one) {
    const counts = COUNTED.filter((key) => one.facts?.[key] !== undefined).map((key) => `${Math.round(10 * one.facts[key]) / 10} ${key}`);
    fill(state, `${shownName(one.ref, one.name)}${counts.length ? `: ${counts.join(", ")}` : " is chosen."}`);
    chosen(one);
  }

  async function send(files) {
    try {
      for (const file of several ? files : files.slice(0, 1)) {
        fill(state, `Reading ${file.name} ...`);
        const one = await upload(file);
        if (!groups.includes(one.kind)) throw new Error(`${one.name} is ${GROUPS[one.kind] ?? "of another kind"}; here ${groups.map((group) => GROUPS[group]).join(" or ")} is needed.`);
        take(one);
      }
      zone.input.value = "";
      await before.list();
    } catch (error) {
      zone.input.value = "";
      fill(state, mistake(error));
    }
  }

  async function takeExample() {
    try {
      take(await post(`/api/examples/${example}`));
      started?.();
      await before.list();
    } catch (error) {
      fill(state, mistake(error));
    }
  }

  before.list().catch((error) => fill(state, mistake(error)));
  return { element: h("div", { class: "chooser" }, zone.element, before.element, jobsField(groups, take)), choose: take };
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
function jobsField(groups, take) {
  const [first, second] = [unique("job"), unique("piece")];
  const told = h("p", { class: "muted", role: "status" });
  const jobs = h("select", { id: first, onchange: () => guarded(listFiles) });
  const files = h("select", { id: second });
  const use = h("button", { type: "button", disabled: true, onclick: () => files.value && take({ ref: files.value, name: files.value.split("/")[1] }) }, "Use this piece");
  const inner = h("div", { class: "grid" },
    h("div", { class: "field" }, h("label", { for: first }, "Job"), jobs),
    h("div", { class: "field" }, h("label", { for: second }, "File"), files),
    h("div", { class: "field" }, use));
  const details = h("details", { ontoggle: () => details.open && guarded(listJobs) }, h("summary", {}, "Or a piece that was made here"), inner, told);
  const fits = (name) => groups.some((group) => MADE[group].test(name));
  const guarded = (work) => work().catch((error) => fill(told, mistake(error)));

  async function listJobs() {
    const { jobs: rows } = await get("/api/jobs?state=done&limit=200");
    const fitting = rows.filter((job) => MAKERS.includes(job.kind));
    inner.hidden = fitting.length === 0;
    fill(told, fitting.length === 0 ? ["Nothing was made yet. Begin with ", h("a", { href: "/compose" }, "a sentence"), "."] : "");
    fill(jobs, fitting.map((job) => h("option", { value: job.number }, `${job.number}: ${job.title || kindWord(job.kind)}`)));
    if (fitting.length > 0) await listFiles();
  }

  async function listFiles() {
    use.disabled = true;
    const number = jobs.value;
    const found = (await result(number)).files.filter((file) => fits(file.name));
    // Another job was chosen meanwhile; its files count.
    if (number !== jobs.value) return;
    fill(files, found.map((file) => h("option", { value: `job:${number}/${file.name}` }, file.name)));
    use.disabled = found.length === 0;
    fill(told, found.length === 0 ? "This job wrote no file that fits here." : "");
  }
  return details;
}
