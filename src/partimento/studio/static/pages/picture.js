// A cover for a piece or a sound, and what was heard or measured in it.

import { facts, fill, h } from "../js/dom.js";
import { fileAddress } from "../js/api.js";
import { howDrawn } from "../js/cover_words.js";
import { field, forms, values } from "../js/form.js";
import { download, filePicker, filesOfAddress, named } from "../js/files.js";
import { fromAddress, mistake, order, remember } from "../js/jobs.js";
import { onward } from "../js/onward.js";
import { pitchName } from "../js/rolldraw.js";

const EXAMPLE = "piano_primer.mid";
const ACCEPT = ".mid,.midi,.musicxml,.mxl,.xml,.abc,.krn,.wav,.flac,.ogg,.mp3";

export async function build(main) {
  const schema = (await forms()).picture;
  const told = h("div", {});
  let source = null;
  const picker = filePicker("A piece or a sound", ["midi", "score", "sound"], ACCEPT, (one) => { source = one.ref; },
    { example: EXAMPLE, exampleLabel: "Take the example: a piano piece", started: () => draw() });
  const fields = {
    caption: field(schema, "caption", "Words on the cover"), n: field(schema, "n", "How many"),
    size: field(schema, "size", "Size"), seed: field(schema, "seed", "Seed"),
  };

  async function draw(more = {}) {
    if (!source) {
      fill(told, mistake(new Error("Choose a piece or a sound first, or take the example.")));
      return;
    }
    remember(await order("picture", { source, ...values(fields), ...more }, told, show));
  }
  function show(found, job) {
    fill(told, result(found, job, () => draw({ ...job.request, n: 3, seed: job.request.seed + job.request.n })));
  }

  main.append(
    h("h1", {}, "Picture"),
    h("p", { class: "lead" }, "A cover for a piece or a sound: drawn by rule from what is in it, the same for the same file and seed."),
    h("div", { class: "columns" },
      h("form", { class: "card stack", onsubmit: (event) => { event.preventDefault(); draw(); } },
        h("h2", {}, "What to draw"), picker.element,
        fields.caption.element, fields.n.element,
        h("details", {}, h("summary", {}, "More settings"), h("div", { class: "grid form-row" }, fields.size.element, fields.seed.element)),
        h("p", {}, h("button", { type: "submit", class: "main" }, "Draw the cover"))),
      h("div", { class: "card" }, h("h2", {}, "Cover"), told)));
  fill(told, h("p", { class: "muted" }, "Mode gives sun or moon and the colours, register the height of the light, tempo and onsets the rings, dynamics the hills."));
  const again = await fromAddress(["picture"], told, show);
  const [file] = await (again ? named([again.request.source]) : filesOfAddress());
  if (file) picker.choose(file);
}

function result(found, job, more) {
  const ref = (name) => `job:${job.number}/${name}`;
  const one = found.pictures.length === 1;
  return h("div", {},
    h("div", { class: one ? "pictures one" : "pictures" }, found.pictures.map((picture) => h("figure", {},
      h("img", { src: fileAddress(ref(picture.png)), width: found.size, height: found.size, alt: words(found, picture) }),
      h("figcaption", {}, `Seed ${picture.seed}: `, download(ref(picture.png), "save as PNG"), " ", download(ref(picture.svg), "save as SVG"))))),
    h("div", { class: "row" }, h("button", { type: "button", onclick: more }, "Draw three others"), goOn(job, found)),
    heard(found),
    found.warnings.map((text) => h("p", { class: "notice" }, text)),
    h("p", { class: "muted" }, howDrawn(found.note)));
}

/** The piece that was drawn, on other pages; a sound can be drawn only. */
function goOn(job, found) {
  const { source } = job.request;
  // Only notes of a MIDI file are read exactly; other scores are played and measured.
  if (found.music?.exact) return onward(source, ["critique", "continue", "harmonise"], "this piece");
  return source.endsWith(".musicxml") ? onward(source, ["harmonise"], "this piece") : null;
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
    rows.push(["Mode", music.mode], ["Motion", music.motion], ["Tempo", `${Math.round(music.tempo_bpm)} quarter notes a minute`],
      ["Notes a second", music.density.toFixed(1)], ["Mean pitch", `about ${pitchName(Math.round(music.register))}`],
      ["Brightness", percent(music.brightness)], ["Dynamics", percent(music.dynamics)],
      ["How it was measured", music.exact ? "read from the notes" : "measured on the sound"]);
  } else {
    rows.push(["Heard", one.unknown ? "unlike every sound that the model knows" : `${one.label} (${percent(one.confidence)} sure)`],
      ["Likeliest", one.top.map(([name, share]) => `${name} ${percent(share)}`).join(", ")]);
    if (found.blended.length) rows.push(["Blended with", found.blended.map(([name, share]) => `${name} ${percent(share)}`).join(", ")]);
  }
  return h("section", {}, h("h3", {}, music ? "What was measured" : "What was heard"), facts(rows));
}
