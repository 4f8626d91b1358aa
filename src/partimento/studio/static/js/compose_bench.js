// The piece that somebody works on: roll, score and sound together; some bars drawn anew,
// alternatives compared, one kept, the step taken back.
//
//   const bench = workbench({ placed(number) });   // { element, start(trail), alternatives(job, found), take(...) }
//
// A version is { label, stem: "job:12/01", row, fresh }: files with this stem, the facts of
// its row, the places of its new notes.  `trail` is the list of versions that were kept, the
// newest last; every step is a job of the history.

import { fill, h, say, unique } from "./dom.js";
import { fileAddress, get } from "./api.js";
import { download } from "./files.js";
import { mistake, order } from "./jobs.js";
import { onward } from "./onward.js";
import { soundPlayer } from "./player.js";
import { pianoRoll } from "./roll.js";
import { loadScore, score } from "./score.js";
import { factsLine, matchList } from "./compose_cards.js";
import { regionForm } from "./compose_region.js";

const SUFFIXES = ["mid", "musicxml", "wav", "svg"];
/** Two times closer than this, in quarters, are one: scores may round what is played. */
const SAME_QUARTER = 0.13;

/** The workbench; see above. */
export function workbench({ placed = () => {} } = {}) {
  const state = { trail: [], others: [], shown: 0, locked: new Set(), region: null, draws: 0, data: null, mode: "play", colours: new Map() };
  const player = soundPlayer("The piece");
  const steps = h("div", { class: "steps" });
  const switcher = h("div", { class: "row versions", role: "group", "aria-label": "Which version is shown and heard" });
  const stage = h("div", { class: "stage" });
  const progress = h("div", { class: "drawing" });
  const verdict = h("div", { class: "verdict" });
  const paper = h("div", { class: "paper-side" });
  const files = h("div", {});
  const heading = h("h2", { tabindex: "-1" }, "Work on it");
  const form = regionForm({
    region: (region) => { state.region = region; views.roll?.select(region); shadeScore(); },
    held: (parts) => views.roll?.hold(parts),
    free: () => lock([]),
    draw: (body) => draw(body),
  });
  const scoreMode = modeChooser((mode) => { state.mode = mode; applyMode(); });
  const views = { roll: null, sheet: null, off: [] };

  const base = () => state.trail[state.trail.length - 1];
  const versions = () => [base(), ...state.others];
  const current = () => versions()[state.shown];

  // Showing a version

  let loading = 0;
  async function show(index, keep = true) {
    const mine = ++loading;
    state.shown = index;
    const version = current();
    try {
      const [data, sheet] = await Promise.all([get(fileAddress(`${version.stem}.json`)), loadScore(version.stem)]);
      if (mine !== loading) return;
      state.data = data;
      // An instrument keeps its colour, also where another one is silent in this version.
      for (const name of data.parts) if (!state.colours.has(name)) state.colours.set(name, state.colours.size);
      data.colours = data.parts.map((name) => state.colours.get(name));
      if (index === 0) form.parts(data.parts);
      player.load(fileAddress(`${version.stem}.wav`), { label: version.label, lead: version.row.lead, keep });
      showRoll(data, version);
      showScore(sheet, version);
      showAround(version);
    } catch (error) {
      if (mine === loading) fill(stage, mistake(error));
    }
  }

  function showRoll(data, version) {
    for (const off of views.off) off();
    // Locks and new bars belong to the piece that is kept; an alternative is looked at and heard.
    const own = state.shown === 0;
    const roll = pianoRoll(data, { label: `Piano roll of ${version.label}`, height: 380, select: "bars", locks: own,
      onselect: (region) => chooseRegion(region), onlock: (places) => lock(places),
      onseek: (second, start) => { player.seek(second); if (start) player.play(); } });
    roll.select(state.region);
    if (own) roll.lock(state.locked);
    roll.mark(version.fresh ?? []);
    fill(stage, roll.element);
    views.roll = roll;
    views.off = [player.ontime((second, playing) => roll.playhead(second, playing))];
    if (own) roll.hold(form.held());
  }

  function showScore(sheet, version) {
    const view = score(sheet, { label: `Score of ${version.label}` });
    fill(paper, view.element);
    views.sheet = view;
    views.heads = headsOf(sheet.notes);
    views.off.push(view.follow(player));
    view.onbars = (first, last) => chooseRegion({ first: first + 1, last: last + 1 });
    view.onnote = (note) => lockFromScore(note);
    applyMode();
    shadeScore();
    view.mark("kept", scoreIds(state.shown === 0 ? state.locked : []));
    view.mark("fresh", scoreIds(version.fresh ?? []));
  }

  function showAround(version) {
    fill(steps, trailList());
    fill(switcher, state.others.length === 0 ? [] : versions().map((one, index) =>
      h("button", { type: "button", "aria-pressed": String(index === state.shown), onclick: () => show(index).then(() => say(`${one.label} is shown.`)) }, one.label)));
    fill(verdict, state.others.length === 0 ? [] : verdictOf(version));
    fill(files, h("p", { class: "muted" }, factsLine(version.row)), h("ul", { class: "chips", "aria-label": `Files of ${version.label}` },
      SUFFIXES.map((suffix) => h("li", { class: "chip" }, download(`${version.stem}.${suffix}`, `${version.stem.split("/")[1]}.${suffix}`)))),
      onward(`${version.stem}.mid`, ["critique", "picture", "continue", "harmonise"], version.label));
  }

  function trailList() {
    const items = state.trail.map((one, index) => h("li", { "aria-current": index === state.trail.length - 1 ? "step" : null }, one.label));
    return [h("ol", { class: "trail", "aria-label": "Steps of this piece" }, items),
      state.trail.length > 1 ? h("button", { type: "button", onclick: back }, "Undo the last step") : null];
  }

  function verdictOf(version) {
    if (state.shown === 0) return [h("p", {}, "You hear the piece as it was. Choose an alternative above to compare; the sound goes on at the same place.")];
    return [
      version.row.rows.length ? matchList(version.row.rows, `${version.label}: asked and came`) : null,
      h("p", { class: "muted" }, `${version.fresh.length} new notes, drawn with a border.`),
      h("div", { class: "row" },
        h("button", { type: "button", class: "main", onclick: () => accept(version) }, "Keep this alternative"),
        h("button", { type: "button", onclick: discard }, "Leave the piece as it was")),
    ];
  }

  // Steps

  async function accept(version) {
    // The label of a kept alternative tells the bars; "Alternative 2" would tell nothing later.
    state.trail.push({ ...version, label: version.kept });
    begin();
    await show(0);
    steps.querySelector("button")?.focus();
    say(`${version.kept} is kept.`);
  }

  function discard() {
    state.others = [];
    show(0).then(() => heading.focus());
  }

  async function back() {
    const gone = state.trail.pop();
    begin();
    await show(0);
    heading.focus();
    say(`${gone.label}: taken back.`);
  }

  /** Places of notes are those of one version: with another base no lock holds. */
  function begin() {
    state.others = [];
    state.locked = new Set();
    setForm();
  }

  function setForm() {
    form.set({ bars: base().row.bars, region: state.region, locked: 0 });
  }

  // Region and locks

  function chooseRegion(region) {
    state.region = region;
    views.roll?.select(region);
    shadeScore();
    form.region(region);
  }

  function shadeScore() {
    const region = state.region;
    views.sheet?.chooseBars(region ? region.first - 1 : -1, region ? region.last - 1 : -1);
  }

  function lock(places) {
    state.locked = new Set(places);
    form.locked(state.locked.size);
    if (state.shown !== 0) return;
    views.roll?.lock(state.locked);
    views.sheet?.mark("kept", scoreIds(state.locked));
  }

  function lockFromScore(note) {
    if (state.shown !== 0) { say("Notes are locked in the piece as it was; show it first."); return; }
    const place = note.midi === null ? -1 : placeOf(note);
    if (place < 0) { say("This note cannot be locked here; lock it in the piano roll."); return; }
    const places = new Set(state.locked);
    if (!places.delete(place)) places.add(place);
    lock(places);
    say(views.roll.describe(place));
  }

  const quarterOf = (second) => second * state.data.tempo_bpm / 60;

  /** The place in the table of notes of a note head. */
  function placeOf(note) {
    return state.data.notes.findIndex(([onset, , pitch]) => pitch === note.midi && Math.abs(quarterOf(onset) - note.quarter) < SAME_QUARTER);
  }

  /** Note heads of places. */
  function scoreIds(places) {
    const found = [];
    for (const place of places) {
      const [onset, , pitch] = state.data.notes[place] ?? [];
      for (const head of views.heads.get(pitch) ?? []) if (Math.abs(quarterOf(onset) - head.quarter) < SAME_QUARTER) found.push(head.id);
    }
    return found;
  }

  function applyMode() {
    if (views.sheet) views.sheet.mode = state.mode;
  }

  // Drawing anew

  async function draw(body) {
    player.pause();
    const piece = base();
    const full = { ...body, piece: `${piece.stem}.mid`, locked: [...state.locked].map(String), seed: state.draws };
    state.draws += 1;
    const number = await order("regenerate", full, progress, (found, job) => bench.alternatives(job, found));
    placed(number);
  }

  const bench = {
    element: h("section", { class: "workbench", hidden: true, "aria-label": "The chosen piece" },
      heading, steps, h("div", { class: "card" }, switcher, player.element, stage, verdict),
      h("div", { class: "columns" }, h("div", { class: "card" }, form.element, progress),
        h("div", { class: "card score-side" }, h("h3", {}, "Score"), scoreMode.element, paper, h("h3", {}, "Files"), files))),
    /** Work on a piece that was kept in these steps. */
    async start(trail) {
      state.trail = trail;
      state.region = { first: 1, last: Math.min(2, trail[trail.length - 1].row.bars) };
      state.draws = 0;
      state.colours = new Map();
      fill(progress);
      begin();
      bench.element.hidden = false;
      await show(0, false);
      bench.element.scrollIntoView({ block: "start" });
      heading.focus({ preventScroll: true });
    },
    /** Show what a regenerate job found beside the piece as it was. */
    async alternatives(job, found) {
      // The next draw is another one, also after the page was opened anew.
      state.draws = Math.max(state.draws, job.request.seed + 1);
      const { first_bar: first, last_bar: last } = found.region;
      const bars = first === last ? `Bar ${first}` : `Bars ${first}-${last}`;
      const playable = found.pieces.filter((row) => !row.empty);
      state.others = playable.map((row) => ({
        label: `Alternative ${row.number}`, kept: `${bars} anew (job ${job.number})`,
        stem: `job:${job.number}/${row.stem}`, row, fresh: row.new_rows,
      }));
      fill(progress, found.could_not.map((one) => h("p", { class: "notice" }, `${one}.`)),
        h("p", { role: "status" }, `${found.region.replaced} notes were replaced. Compare, then keep one, or draw again.`));
      state.region = { first, last };
      form.region(state.region);
      await show(state.others.length ? 1 : 0);
      switcher.querySelector("[aria-pressed=true]")?.focus();
    },
  };
  return bench;
}

function headsOf(notes) {
  const found = new Map();
  for (const note of notes) {
    if (!found.has(note.midi)) found.set(note.midi, []);
    found.get(note.midi).push(note);
  }
  return found;
}

/** What a click or Enter on the score does. */
function modeChooser(change) {
  const name = unique("score-mode");
  const modes = [["play", "plays from there"], ["bars", "chooses the bars"], ["notes", "locks a note"]];
  return { element: h("fieldset", { class: "modes" }, h("legend", {}, "A click on the score"), h("div", { class: "row" }, modes.map(([value, words]) => {
    const id = unique(name);
    return h("span", {}, h("input", { type: "radio", id, name, value, checked: value === "play", onchange: () => change(value) }), " ", h("label", { for: id }, words));
  }))) };
}
