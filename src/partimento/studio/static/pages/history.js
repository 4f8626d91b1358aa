// The history: every job, with what can be done with it; and the files that were handed in.

import { fill, h, say, unique } from "../js/dom.js";
import { fileAddress, follow, get, post, remove } from "../js/api.js";
import { forms } from "../js/form.js";
import { kindWord, pageOf, when } from "../js/kinds.js";
import { mistake, progressOf, sentence, stateWord } from "../js/jobs.js";

const STATES = ["queued", "running", "done", "failed", "cancelled"];
const AT_ONCE = 20;

function lasted(job) {
  if (job.started === null || job.ended === null) return "";
  const seconds = job.ended - job.started;
  return seconds < 90 ? `, took ${seconds.toFixed(1)} s` : `, took ${Math.round(seconds / 60)} min`;
}

/** Ask before something is lost; resolves to true for yes.  The focus starts on "Keep". */
export function confirmed(question, yes) {
  return new Promise((resolve) => {
    const id = unique("question");
    const no = h("button", { type: "button", onclick: () => dialog.close("no") }, "Keep");
    const dialog = h("dialog", { "aria-labelledby": id }, h("p", { id }, question),
      h("div", { class: "row" }, no, h("button", { type: "button", class: "main", onclick: () => dialog.close("yes") }, yes)));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
}

export async function build(main) {
  const shown = new Map();
  let turn = 0;
  const list = h("ul", { class: "history-list" });
  const trouble = h("div", {});
  const more = h("button", { type: "button", hidden: true, onclick: () => page(oldest()) }, "Show older ones");
  const kind = choice("Kind", Object.keys(await forms()).map((one) => [one, kindWord(one)]), () => again());
  const state = choice("State", STATES.map((one) => [one, stateWord(one)]), () => again());
  const uploads = h("div", {});
  const oldest = () => Math.min(...shown.keys());

  async function guarded(work) {
    fill(trouble);
    try {
      await work();
    } catch (error) {
      fill(trouble, mistake(error));
    }
  }
  const fits = (job) => (kind.value === "" || job.kind === kind.value) && (state.value === "" || job.state === state.value);

  const page = (before = null) => guarded(async () => {
    const query = new URLSearchParams({ limit: AT_ONCE });
    for (const [name, value] of [["kind", kind.value], ["state", state.value], ["before", before]]) if (value) query.set(name, value);
    const asked = turn;
    const { jobs } = await get(`/api/jobs?${query}`);
    // Another choice was made meanwhile; its answer counts.
    if (asked !== turn) return;
    for (const job of jobs) put(job);
    more.hidden = jobs.length < AT_ONCE;
    empty();
    if (before !== null) say(`${jobs.length} older jobs.`);
  });
  const again = () => {
    turn += 1;
    shown.clear();
    fill(list);
    return page();
  };

  function empty() {
    list.querySelector(".none")?.remove();
    if (shown.size > 0) return;
    const all = kind.value === "" && state.value === "";
    list.append(h("li", { class: "none" }, all ? ["Nothing was made yet. Begin with ", h("a", { href: "/compose" }, "a sentence"), "."] : "No job is of this kind and state."));
  }
  /** Put a job where it belongs, newest first; the focus stays on the same button. */
  function put(job) {
    const known = shown.get(job.number);
    if (known && known.revision > job.revision) return;
    const made = row(job);
    const focused = known?.element.contains(document.activeElement) ? document.activeElement.dataset.does : null;
    if (known) known.element.replaceWith(made);
    else {
      const after = [...shown.keys()].filter((number) => number > job.number);
      if (after.length) shown.get(Math.min(...after)).element.after(made);
      else list.prepend(made);
    }
    shown.set(job.number, { element: made, revision: job.revision });
    if (focused) (made.querySelector(`[data-does="${focused}"]`) ?? made.querySelector("a, button"))?.focus();
  }
  function forget(number) {
    const next = shown.get(number)?.element.nextElementSibling ?? list;
    shown.get(number)?.element.remove();
    shown.delete(number);
    (next.querySelector("a, button") ?? more).focus();
    empty();
  }

  function button(job, does, text, work) {
    return h("button", { type: "button", "data-does": does, "aria-label": `${text} job ${job.number}`, onclick: () => guarded(work) }, text);
  }
  function row(job) {
    const open = job.state === "queued" || job.state === "running";
    return h("li", { "data-job": job.number, "data-state": job.state },
      h("div", {}, h("h3", {}, `${job.number}. `, h("a", { href: pageOf(job) }, job.title)),
        h("p", { class: "muted" }, `${kindWord(job.kind)}, ${when(job.created)}, `, h("strong", { class: `state-${job.state}` }, stateWord(job.state)), lasted(job))),
      h("div", { class: "row" },
        open ? button(job, "cancel", "Stop", () => post(`/api/jobs/${job.number}/cancel`)) : null,
        button(job, "again", "Again", async () => {
          const placed = await post(`/api/jobs/${job.number}/again`);
          say(`Placed again as job ${placed.number}.`);
        }),
        open ? null : button(job, "delete", "Delete", async () => {
          if (!(await confirmed(`Delete job ${job.number} and its files? This cannot be undone.`, "Delete"))) return;
          await remove(`/api/jobs/${job.number}`);
          forget(job.number);
          say(`Job ${job.number} is deleted.`);
        })),
      job.state === "failed" ? h("p", { class: "error wide" }, sentence(job.error)) : null,
      open ? h("div", { class: "wide" }, progressOf(job)) : null);
  }

  main.append(
    h("h1", {}, "History"),
    h("p", { class: "lead" }, "Everything that was made here, newest first. It survives a restart; open a job to see and hear it again."),
    h("section", { "aria-labelledby": "jobs" }, h("h2", { id: "jobs" }, "Jobs"),
      h("div", { class: "grid" }, kind.element, state.element), trouble, list, more),
    h("section", { "aria-labelledby": "files" }, h("h2", { id: "files" }, "Files that were handed in"), uploads));
  await page();
  await listUploads(uploads, guarded);
  follow((job) => {
    if (!fits(job)) {
      shown.get(job.number)?.element.remove();
      shown.delete(job.number);
    } else if (shown.has(job.number) || shown.size === 0 || job.number > oldest()) put(job);
    empty();
  });
}

function choice(label, options, changed) {
  const id = unique("choice");
  const control = h("select", { id, onchange: changed }, h("option", { value: "" }, "All"), options.map(([value, text]) => h("option", { value }, text)));
  return { element: h("div", { class: "field" }, h("label", { for: id }, label), control), get value() { return control.value; } };
}

function kilobytes(bytes) {
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`;
}

async function listUploads(place, guarded) {
  const { uploads } = await get("/api/uploads?limit=500");
  if (uploads.length === 0) {
    fill(place, h("p", { class: "muted" }, "No file yet. Pages that need one let you choose it from this machine."));
    return;
  }
  const bytes = uploads.reduce((sum, one) => sum + one.bytes, 0);
  const kinds = { midi: "MIDI", score: "score", sound: "sound" };
  fill(place, h("p", { class: "muted" }, `${uploads.length} files, ${kilobytes(bytes)} together.`),
    h("ul", { class: "history-list" }, uploads.map((one) => h("li", { "data-upload": one.id },
      h("div", {}, h("h3", {}, h("a", { href: fileAddress(one.ref, true), download: one.name }, one.name)),
        h("p", { class: "muted" }, `${kinds[one.kind] ?? one.kind}, ${kilobytes(one.bytes)}, ${when(one.created)}`)),
      h("button", { type: "button", "aria-label": `Delete ${one.name}`, onclick: () => guarded(async () => {
        if (!(await confirmed(`Delete ${one.name}? Jobs that used it keep their results, but cannot be done again.`, "Delete"))) return;
        await remove(`/api/uploads/${one.id}`);
        await listUploads(place, guarded);
        (place.querySelector("button") ?? document.getElementById("main")).focus();
        say(`${one.name} is deleted.`);
      }) }, "Delete")))));
}
