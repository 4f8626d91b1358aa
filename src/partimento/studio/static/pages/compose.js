// Composing: words, what was understood of them, candidates, the piece one works on, the whole song.

import { fill, h, say } from "../js/dom.js";
import { get, result } from "../js/api.js";
import { field, forms, values } from "../js/form.js";
import { fromAddress, order, remember } from "../js/jobs.js";
import { workbench } from "../js/compose_bench.js";
import { candidateCards } from "../js/compose_cards.js";
import { songView } from "../js/compose_song.js";
import { wordsPanel } from "../js/compose_words.js";

const COMPOSING = [["n", "Candidates"], ["best_of", "Draws for each candidate"], ["guidance", "Guidance"], ["temperature", "Temperature"], ["seed", "Seed"]];
const SINGING = [["candidates", "Pieces to compose"], ["players", "Players of each piece"], ["expression", "Expression"], ["guidance", "Guidance"], ["arrange", "Arrange for"], ["harmonize", "Harmonise in four parts"], ["seed", "Seed"]];

export async function build(main) {
  const schemas = await forms();
  const panel = wordsPanel();
  const composing = fieldsOf(schemas.compose, COMPOSING);
  const singing = fieldsOf(schemas.song, SINGING);
  const place = h("div", { class: "outcome" });
  const bench = workbench({ placed: remember });
  const shows = { compose: showCandidates, regenerate: showRegenerated, song: showSong };

  async function start(kind, fields) {
    const text = panel.text();
    if (!text) {
      fill(place, h("p", { class: "error", role: "alert" }, "Say in a few words what you want to hear, or try one of the examples."));
      panel.focus();
      return;
    }
    bench.element.hidden = true;
    const number = await order(kind, { text, settings: panel.settings(), ...values(fields) }, place, shows[kind]);
    remember(number);
  }

  function showCandidates(found, job, chosen = null) {
    const cards = candidateCards(job, found, (row) => bench.start([versionOf(job, row)]));
    const playable = found.pieces.filter((row) => !row.empty);
    fill(place, h("h2", {}, playable.length === 1 ? "One candidate" : `${found.pieces.length} candidates`),
      found.could_not.map((one) => h("p", { class: "notice" }, `${one}.`)), cards.element,
      h("div", { class: "row actions" }, h("button", { type: "button", onclick: () => others(job.request.seed + 1) }, "Other candidates")), closest(found.closest));
    say(`${playable.length} ${playable.length === 1 ? "piece is" : "pieces are"} there.`);
    if (chosen !== null) cards.press(found.pieces.filter((row) => !row.empty).findIndex((row) => row.stem === chosen));
  }

  /** The same words with another seed: the same seed would give the same pieces. */
  function others(seed) {
    composing.seed.control.value = String(seed);
    start("compose", composing);
  }

  async function showRegenerated(found, job) {
    await restore(job, found);
    await bench.alternatives(job, found);
  }

  /** The steps that led to a regenerate job, as far as the history still has them. */
  async function restore(job, found) {
    const trail = [];
    let piece = job.request.piece;
    let first = null;
    while (piece && trail.length < 50) {
      const step = await stepOf(piece);
      if (!step) break;
      trail.unshift(step.version);
      first = step;
      piece = step.job.kind === "regenerate" ? step.job.request.piece : null;
    }
    if (trail.length === 0) trail.push({ label: "The piece before", stem: `job:${job.number}/given`, row: found.given });
    if (first?.job.kind === "compose") {
      showCandidates(first.found, first.job, first.version.row.stem);
      panel.set(first.job.request.text, first.job.request.settings);
    }
    await bench.start(trail);
  }

  function showSong(found, job) {
    fill(place, h("h2", { tabindex: "-1" }, "The whole song"), songView(job, found));
    say("The song is there.");
  }

  main.append(
    h("h1", {}, "Compose"),
    h("p", { class: "lead" }, "A sentence becomes a piece. See what was understood, correct it, keep what you like and draw the rest anew."),
    h("form", { class: "card words", onsubmit: (event) => { event.preventDefault(); start("compose", composing); } },
      panel.element,
      h("details", { class: "composing" }, h("summary", {}, "Settings for composing"), h("div", { class: "grid" }, elements(composing))),
      h("details", {}, h("summary", {}, "Settings for the whole song"), h("div", { class: "grid" }, elements(singing))),
      h("div", { class: "row actions" }, h("button", { type: "submit", class: "main" }, "Compose"),
        h("button", { type: "button", onclick: () => start("song", singing) }, "The whole song"),
        h("span", { class: "muted" }, "The whole song is composed, played, judged, engraved and pictured."))),
    place, bench.element);

  const again = await fromAddress(Object.keys(shows), place, (found, job) => shows[job.kind](found, job));
  if (again && again.kind !== "regenerate") panel.set(again.request.text, again.request.settings);
}

const elements = (fields) => Object.values(fields).map((one) => one.element);

function fieldsOf(schema, rows) {
  return Object.fromEntries(rows.map(([name, label]) => [name, field(withChoices(schema, name), name, label)]));
}

/** A choice that may be left open is a list whose first line is empty. */
function withChoices(schema, name) {
  const choices = schema.properties[name].anyOf?.find((one) => one.enum)?.enum;
  if (!choices) return schema;
  return { properties: { [name]: { ...schema.properties[name], enum: ["", ...choices], default: "" } } };
}

const versionOf = (job, row) => ({ label: `Candidate ${row.number}`, stem: `job:${job.number}/${row.stem}`, row });

/** The version that a file of the history is, with its job; null when it is gone. */
async function stepOf(piece) {
  const [number, name] = piece.slice(4).split("/");
  const stem = name.replace(/\.mid$/, "");
  try {
    const [job, found] = await Promise.all([get(`/api/jobs/${number}`), result(number)]);
    const row = found.pieces.find((one) => one.stem === stem);
    if (!row) return null;
    if (job.kind === "compose") return { job, found, version: versionOf(job, row) };
    const { first_bar: first, last_bar: last } = found.region;
    const label = `${first === last ? `Bar ${first}` : `Bars ${first}-${last}`} anew (job ${number})`;
    return { job, found, version: { label, stem: `job:${number}/${stem}`, row, fresh: row.new_rows } };
  } catch {
    return null;
  }
}

function closest(rows) {
  if (rows.length === 0) return null;
  return h("details", {}, h("summary", {}, "Closest pieces in the training data"),
    h("ul", {}, rows.map((one) => h("li", {}, `${one.title}${one.composer ? `, ${one.composer}` : ""} (${Math.round(100 * one.similarity)} % alike by description)`))));
}
