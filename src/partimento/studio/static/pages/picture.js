// A cover for a piece or a sound, and what was heard or measured in it.

import { facts, fill, h, number } from "../js/dom.js";
import { fileAddress, get, post } from "../js/api.js";
import { field, forms, values } from "../js/form.js";
import { download, filePicker } from "../js/files.js";
import { fromAddress, mistake, order } from "../js/jobs.js";

const EXAMPLE = "piano_primer.mid";
const ACCEPT = ".mid,.midi,.musicxml,.mxl,.xml,.abc,.krn,.wav,.flac,.ogg,.mp3";
const USABLE = /\.(mid|wav|musicxml)$/;

export async function build(main) {
  const schema = (await forms()).picture;
  const told = h("div", {});
  let source = null;
  const picker = filePicker("A piece or a sound", ["midi", "score", "sound"], ACCEPT, (one) => { source = one.ref; });
  const earlier = h("div", {});
  const fields = {
    caption: field(schema, "caption", "Words on the cover"), n: field(schema, "n", "How many"),
    size: field(schema, "size", "Size"), seed: field(schema, "seed", "Seed"),
  };

  function draw(more = {}) {
    if (!source) {
      fill(told, mistake(new Error("Choose a piece or a sound first, or take the example.")));
      return;
    }
    order("picture", { source, ...values(fields), ...more }, told, show);
  }
  async function example() {
    try {
      picker.choose(await post(`/api/examples/${EXAMPLE}`));
      draw();
    } catch (error) {
      fill(told, mistake(error));
    }
  }
  function show(found, job) {
    source = job.request.source;
    fill(told, result(found, job, () => draw({ ...job.request, n: 3, seed: job.request.seed + job.request.n })));
  }

  main.append(
    h("h1", {}, "Picture"),
    h("p", { class: "lead" }, "A cover for a piece or a sound: drawn by rule from what is in it, the same for the same file and seed."),
    h("div", { class: "columns" },
      h("form", { class: "stack", onsubmit: (event) => { event.preventDefault(); draw(); } },
        h("h2", {}, "What to draw"), picker.element, earlier,
        h("p", {}, h("button", { type: "button", onclick: example }, "Take the example: a piano piece")),
        h("div", { class: "grid" }, Object.values(fields).map((one) => one.element)),
        h("p", {}, h("button", { type: "submit", class: "main" }, "Draw the cover"))),
      h("div", {}, h("h2", {}, "Cover"), told)));
  fill(told, h("p", { class: "muted" }, "Mode gives sun or moon and the colours, register the height of the light, tempo and onsets the rings, dynamics the hills."));
  fill(earlier, await ofJobs((ref, name) => picker.choose({ ref, name, kind: "job" })).catch((error) => mistake(error)));
  await fromAddress(["picture"], told, show);
}

/** What earlier jobs wrote, to choose from; null where there is nothing. */
async function ofJobs(choose) {
  const { jobs } = await get("/api/jobs?state=done&limit=30");
  const some = jobs.filter((job) => ["compose", "regenerate", "song", "harmonize", "continue", "infill"].includes(job.kind)).slice(0, 8);
  const results = await Promise.all(some.map((job) => get(`/api/jobs/${job.number}/result`).catch(() => ({ files: [] }))));
  const found = some.flatMap((job, i) => (results[i].files ?? []).filter((file) => USABLE.test(file.name)).slice(0, 6)
    .map((file) => [`job:${job.number}/${file.name}`, file.name, `${job.title.slice(0, 50)} - ${file.name}`]));
  if (found.length === 0) return null;
  const pick = h("select", { id: "made", onchange: () => {
    const one = found.find(([ref]) => ref === pick.value);
    if (one) choose(one[0], one[1]);
  } }, h("option", { value: "" }, "Choose ..."), found.map(([ref, , label]) => h("option", { value: ref }, label)));
  return h("div", { class: "field" }, h("label", { for: "made" }, "Or something that was made here"), pick);
}

function result(found, job, more) {
  const ref = (name) => `job:${job.number}/${name}`;
  const one = found.pictures.length === 1;
  return h("div", {},
    h("div", { class: one ? "pictures one" : "pictures" }, found.pictures.map((picture) => h("figure", {},
      h("img", { src: fileAddress(ref(picture.png)), width: found.size, height: found.size, alt: words(found, picture) }),
      h("figcaption", {}, `Seed ${picture.seed}: `, download(ref(picture.png), "save as PNG"), " ", download(ref(picture.svg), "save as SVG"))))),
    h("p", {}, h("button", { type: "button", onclick: more }, "Three others with the next seeds")),
    heard(found),
    found.warnings.map((text) => h("p", { class: "notice" }, text)),
    h("p", { class: "muted" }, `${found.note[0].toUpperCase()}${found.note.slice(1)}.`));
}

function words(found, picture) {
  const music = found.music;
  const about = music ? `${music.mode} mode, ${music.motion}, ${Math.round(music.tempo_bpm)} beats a minute` : found.heard.unknown ? "a sound that the model does not know" : found.heard.label;
  return `Cover drawn from the file: ${about}; seed ${picture.seed}`;
}

const percent = (share) => `${Math.round(100 * share)} %`;

function heard(found) {
  const { heard: one, music } = found;
  const rows = [];
  if (music) {
    rows.push(["Mode", music.mode], ["Motion", music.motion], ["Tempo", `${number(music.tempo_bpm)} quarters a minute`],
      ["Notes a second", number(music.density)], ["Mean pitch", `MIDI number ${number(music.register)}`],
      ["Brightness", percent(music.brightness)], ["Dynamics", percent(music.dynamics)],
      ["How it was measured", music.exact ? "read from the notes" : "measured on the sound"]);
  } else {
    rows.push(["Heard", one.unknown ? "unlike every sound that the model knows" : `${one.label} (${percent(one.confidence)} sure)`],
      ["Likeliest", one.top.map(([name, share]) => `${name} ${percent(share)}`).join(", ")]);
    if (found.blended.length) rows.push(["Blended with", found.blended.map(([name, share]) => `${name} ${percent(share)}`).join(", ")]);
  }
  return h("section", {}, h("h3", {}, music ? "What was measured" : "What was heard"), facts(rows));
}
