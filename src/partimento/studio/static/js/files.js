// Choosing a file: from this machine, or one that the studio has already.

import { fill, h, say, unique } from "./dom.js";
import { fileAddress, get, upload } from "./api.js";
import { mistake } from "./jobs.js";

/** A link that saves a file. */
export function download(ref, label) {
  return h("a", { href: fileAddress(ref, true), download: ref.split("/").pop() }, label);
}

/** What a job wrote, as links. */
export function fileLinks(job, files) {
  return h("ul", { class: "chips", "aria-label": "Files" }, files.map((file) =>
    h("li", { class: "chip" }, download(`job:${job.number}/${file.name}`, file.name))));
}

/**
 * A field to choose a file.  `groups` are those that fit: midi, score, sound.
 * `chosen(upload)` is called with {ref, name, kind, facts}.  Returns {element, choose(upload)}.
 */
export function filePicker(label, groups, accept, chosen) {
  const id = unique("file");
  const state = h("p", { class: "muted", role: "status" });
  const earlier = h("select", { id: `${id}-earlier`, onchange: () => take(known.get(earlier.value)) });
  const known = new Map();
  const input = h("input", { id, type: "file", accept, onchange: () => input.files[0] && send(input.files[0]) });
  const zone = h("div", { class: "dropzone field",
    ondragover: (event) => { event.preventDefault(); zone.classList.add("over"); },
    ondragleave: () => zone.classList.remove("over"),
    ondrop: (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      if (event.dataTransfer.files[0]) send(event.dataTransfer.files[0]);
    } },
    h("label", { for: id }, label), input, state);
  const before = h("div", { class: "field", hidden: true }, h("label", { for: `${id}-earlier` }, "Or one that was handed in before"), earlier);

  function take(one) {
    if (!one) return;
    const counts = ["notes", "bars", "seconds"].filter((key) => one.facts?.[key] !== undefined).map((key) => `${one.facts[key]} ${key}`);
    fill(state, `${one.name}${counts.length ? `: ${counts.join(", ")}` : ""}`);
    say(`${one.name} is chosen.`);
    chosen(one);
  }

  async function send(file) {
    fill(state, `Reading ${file.name} ...`);
    try {
      const one = await upload(file);
      if (!groups.includes(one.kind)) throw new Error(`${one.name} is of another kind; give ${groups.join(" or ")}.`);
      take(one);
      await list();
    } catch (error) {
      fill(state, mistake(error));
    }
  }

  async function list() {
    const { uploads } = await get("/api/uploads");
    const fitting = uploads.filter((one) => groups.includes(one.kind));
    for (const one of fitting) known.set(one.ref, one);
    before.hidden = fitting.length === 0;
    fill(earlier, h("option", { value: "" }, "Choose ..."), fitting.map((one) => h("option", { value: one.ref }, one.name)));
  }

  list().catch((error) => fill(state, mistake(error)));
  return { element: h("div", {}, zone, before), choose: take };
}
