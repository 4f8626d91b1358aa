// Pieces that the pianist model made: heard one or the other, seen, gone on from, written anew.

import { alternatives } from "./alternatives.js";
import { fill, h, table } from "./dom.js";
import { fileLinks } from "./files.js";
import { onward } from "./onward.js";
import { lengthOf } from "./performances.js";
import { pitchName } from "./rolldraw.js";

const NAMES = { continue: "Continuation", infill: "Passage", vary: "Variation", dream: "Piece" };
const GIVEN = 0;
const MADE = 1;

/**
 * Fill `place` with the result of a job.  `acts`: goOn({ref, name}) and anew({ref, name}, region)
 * with seconds of the whole piece.
 */
export function showPieces(place, found, job, acts) {
  const word = NAMES[found.made_by];
  const offset = found.pieces[0]?.from_sec ?? 0;
  const state = { region: null };
  const ref = (piece) => `job:${job.number}/${piece.file}`;
  const again = h("button", { type: "button", disabled: true, onclick: () => acts.anew(chosen(), moved(state.region, offset)) }, "Write a passage anew");
  // A critique compares all versions; a cover is drawn of the one that is heard.
  const further = h("div", { class: "row" });
  const showFurther = (at) => fill(further, onward(found.pieces.map(ref), ["critique"], found.pieces.length > 1 ? "all versions" : "this piece"),
    onward(ref(found.pieces[at]), ["picture", "harmonise"], found.pieces[at].file));
  const listening = alternatives(found.pieces.map((piece) => version(piece, job, word)), {
    label: word, select: "seconds",
    onselect: (region) => { state.region = region; showRegion(); },
    shown: (at) => { state.region = null; showRegion(); showFurther(at); },
  });

  function chosen() {
    const piece = found.pieces[listening.at];
    return { ref: ref(piece), name: piece.file };
  }

  function showRegion() {
    const region = state.region && moved(state.region, offset);
    again.disabled = !region;
    fill(again, region ? `Write ${region.start.toFixed(1)} to ${region.end.toFixed(1)} s anew` : "Write a passage anew");
  }

  const title = h("h2", { tabindex: "-1" }, `${found.title} `, h("span", { class: "muted" }, `(job ${job.number})`));
  fill(place, h("article", { class: "card" }, title,
    found.warnings.map((text) => h("p", { class: "notice" }, text)),
    offset > 0 ? h("p", { class: "muted" }, `Sound and picture begin at ${offset.toFixed(1)} s of the piece, and count from there.`) : null,
    listening.element,
    h("p", { class: "row" },
      h("button", { type: "button", onclick: () => acts.goOn(chosen()) }, "Go on from this one"), again, further),
    h("p", { class: "muted" }, "Choose a passage on the roll to have it written anew: drag over it, or press [ and ] on notes."),
    compared(found, word),
    h("h3", {}, "Files"), fileLinks(job, found.files)));
}

const moved = (region, offset) => ({ start: Math.round((region.start + offset) * 100) / 100, end: Math.round((region.end + offset) * 100) / 100 });

function version(piece, job, word) {
  const given = piece.notes.some((note) => note[4] === GIVEN);
  return {
    name: `${word} ${piece.number}`,
    label: `Notes of ${word.toLowerCase()} ${piece.number}`,
    sound: piece.sound && `job:${job.number}/${piece.sound}`,
    lead: piece.lead_sec,
    roll: { notes: given ? piece.notes : piece.notes.map((note) => [...note.slice(0, 4), 0]),
      parts: given ? ["given", "by the model"] : ["by the model"], seconds: Math.max(lengthOf(piece.notes), 0.5) },
  };
}

/** What the model played, in numbers that can be compared with the given music. */
function compared(found, word) {
  const given = found.pieces[0].notes.filter((note) => note[4] === GIVEN);
  const rows = found.pieces.map((piece) => numbersOf(`${word} ${piece.number}`, piece.notes.filter((note) => note[4] === MADE)));
  if (given.length > 0) rows.unshift(numbersOf("given, as shown", given));
  const columns = ["version", "notes", "notes a second", "mean velocity", "lowest", "highest"];
  const { temperature, top_k, top_p, seed } = found.pieces[0].report;
  const drawn = `Temperature ${temperature}, top-k ${top_k ?? "off"}, top-p ${top_p ?? "off"}, seed ${seed}.`;
  return h("details", {}, h("summary", {}, "In numbers"), table(columns, rows, `What was played. ${drawn}`));
}

function numbersOf(name, notes) {
  if (notes.length === 0) return [name, 0, null, null, "-", "-"];
  const onsets = notes.map((note) => note[0]);
  const span = Math.max(1, lengthOf(notes) - Math.min(...onsets));
  const pitches = notes.map((note) => note[2]);
  const loud = notes.reduce((sum, note) => sum + note[3], 0) / notes.length;
  return [name, notes.length, Math.round((10 * notes.length) / span) / 10, Math.round(loud), pitchName(Math.min(...pitches)), pitchName(Math.max(...pitches))];
}
