// A piano roll: notes over seconds, bars, a playhead, a region to choose, notes to lock.
//
//   const roll = pianoRoll({ notes, parts, bars, seconds }, { label: "Candidate 1", select: "bars", ... });
//   page.append(roll.element);
//
// notes: [[onset, duration, pitch, velocity, part], ...], seconds and MIDI numbers, by rising onset;
// parts: names of the parts; colours (optional): which of eight colours each part has; bars: seconds of every bar line, the last one too ([] when there are
// none: then the ruler counts seconds).  `seconds` is the length, the end of the last note or bar.
//
// Options (all optional):
//   label     what the roll shows, for people who listen
//   height    pixels of the notes' area, about
//   select    "bars" or "seconds": a region can be chosen, with the mouse, a finger on the ruler, keys
//   onselect  called with {first, last} (bars from 1) or {start, end} (seconds), or null
//   locks     true: a click or Enter locks a note; onlock is called with the Set of locked places
//   onseek    called with seconds where the sound should go to (click beside a note, P on a note)
//   table     false: no table of the notes below
// Members: element, playhead(seconds, playing), select(region or null), lock(iterable of places),
//   mark(iterable of places: drawn with a border as new), hold(iterable of part numbers: shown
//   pale), region, locked, zoom(factor), describe(place).  A "place" is the number of a note in `notes`.
// For a small picture without controls: miniRoll(data, label) of rolldraw.js.

import { fill, h, s, say, table, unique } from "./dom.js";
import { RULER, background, keyColumn, lastBefore, noteShapes, pitchName, rowsOf, swatch } from "./rolldraw.js";

const KEYS_OF_ROLL = "Left and right: next note. Up and down: notes that sound with it.";
const KEYS_OF_LOCKS = "Enter: lock or free the note.";
const KEYS_OF_REGION = "Square brackets: the region begins or ends at this note. Shift with left or right: the region grows or shrinks. Escape: no region.";

/** One piano roll; see the top of this file. */
export function pianoRoll(given, options = {}) {
  const data = { bars: [], parts: [], ...given };
  const rows = rowsOf(data.notes, options.height ?? 300);
  const view = { scale: 0, cursor: -1, shapes: [], now: new Set(), hidden: new Set() };
  const roll = { region: null, locked: new Set() };
  let marked = new Set();
  let held = new Set();
  const longest = Math.max(0, ...data.notes.map((note) => note[1]));
  const onsets = data.notes.map((note) => note[0]);

  const regionShape = s("rect", { y: 0, height: RULER + rows.height, class: "roll-region", visibility: "hidden" });
  const head = s("line", { y1: 0, y2: RULER + rows.height, class: "roll-head", visibility: "hidden" });
  const ring = s("rect", { class: "roll-ring", visibility: "hidden" });
  const svg = s("svg", { height: RULER + rows.height, "aria-hidden": "true", class: "roll-sheet" });
  const helpId = unique("roll-help");
  const box = h("div", { class: "roll-box", tabindex: "0", role: "application", "aria-roledescription": "piano roll",
    "aria-label": options.label ?? "Piano roll", "aria-describedby": helpId, onkeydown: (event) => keyed(event) }, svg);
  const help = [KEYS_OF_ROLL, options.locks ? KEYS_OF_LOCKS : "", options.onseek ? "P: play from this note." : "", options.select ? KEYS_OF_REGION : ""];
  const legend = h("ul", { class: "chips roll-legend", "aria-label": "Parts" });

  // Drawing

  function draw() {
    svg.setAttribute("width", String(Math.ceil(data.seconds * view.scale) + 1));
    view.shapes = noteShapes(data, rows, view.scale);
    view.now.clear();
    svg.replaceChildren(background(data, rows, view.scale), regionShape, ...view.shapes, ring, head);
    dress();
    showRegion();
    showCursor();
  }

  function dress() {
    view.shapes.forEach((shape, place) => {
      const part = data.notes[place][4] ?? 0;
      shape.classList.toggle("locked", roll.locked.has(place));
      shape.classList.toggle("fresh", marked.has(place));
      shape.classList.toggle("pale", held.has(part));
      shape.classList.toggle("gone", view.hidden.has(part));
    });
  }

  function fit() {
    const room = box.clientWidth;
    return room > 0 && data.seconds > 0 ? Math.max(room - 2, 240) / data.seconds : 60;
  }

  function zoomTo(scale, middle = null) {
    const old = view.scale;
    const low = Math.min(fit(), 30);
    view.scale = Math.max(low, Math.min(scale, 800));
    const at = middle ?? (box.scrollLeft + box.clientWidth / 2) / (old || 1);
    draw();
    if (old) box.scrollLeft = at * view.scale - box.clientWidth / 2;
  }

  // A roll is as wide as its place until somebody zooms.
  let zoomed = false;
  new ResizeObserver(() => {
    if (!zoomed || view.scale < fit()) zoomTo(Math.max(fit(), 22));
  }).observe(box);

  roll.zoom = (factor) => { zoomed = true; zoomTo(view.scale * factor); };

  function showRegion() {
    const span = regionSeconds();
    regionShape.setAttribute("visibility", span ? "visible" : "hidden");
    if (!span) return;
    regionShape.setAttribute("x", String(span[0] * view.scale));
    regionShape.setAttribute("width", String(Math.max(0, span[1] - span[0]) * view.scale));
  }

  function regionSeconds() {
    const region = roll.region;
    if (!region) return null;
    if (options.select === "seconds") return [region.start, region.end];
    return [data.bars[region.first - 1], data.bars[region.last]];
  }

  // The sound

  roll.playhead = (seconds, playing = false) => {
    const x = seconds * view.scale;
    head.setAttribute("visibility", seconds > 0 || playing ? "visible" : "hidden");
    head.setAttribute("x1", String(x));
    head.setAttribute("x2", String(x));
    const sounding = playing ? soundingAt(seconds) : new Set();
    for (const place of view.now) if (!sounding.has(place)) view.shapes[place]?.classList.remove("now");
    for (const place of sounding) view.shapes[place]?.classList.add("now");
    view.now = sounding;
    if (playing && (x < box.scrollLeft || x > box.scrollLeft + box.clientWidth - 30)) box.scrollLeft = x - 60;
  };

  function soundingAt(seconds) {
    const found = new Set();
    for (let place = lastBefore(onsets, seconds); place >= 0 && onsets[place] >= seconds - longest; place -= 1) {
      if (onsets[place] + data.notes[place][1] > seconds) found.add(place);
    }
    return found;
  }

  // Notes

  /** Bar from 1 of a second. */
  const barAt = (second) => Math.max(1, Math.min(lastBefore(data.bars, second + 0.001) + 1, data.bars.length - 1));

  roll.describe = (place) => {
    const [onset, , pitch, , part] = data.notes[place];
    const where = data.bars.length > 1 ? `bar ${barAt(onset)}` : `${onset.toFixed(1)} seconds`;
    return [pitchName(pitch), where, data.parts[part], roll.locked.has(place) ? "locked" : "", marked.has(place) ? "new" : ""].filter(Boolean).join(", ");
  };

  function goTo(place) {
    if (place < 0 || place >= data.notes.length) return;
    view.cursor = place;
    showCursor(true);
    say(roll.describe(place));
  }

  function showCursor(scroll = false) {
    ring.setAttribute("visibility", view.cursor < 0 ? "hidden" : "visible");
    if (view.cursor < 0) return;
    const [onset, duration, pitch] = data.notes[view.cursor];
    const x = onset * view.scale;
    const width = Math.max(3, duration * view.scale);
    for (const [name, value] of Object.entries({ x: x - 3, y: RULER + rows.top(pitch) - 3, width: width + 5, height: rows.row + 6 })) ring.setAttribute(name, String(value));
    if (scroll && (x < box.scrollLeft || x + width > box.scrollLeft + box.clientWidth)) box.scrollLeft = x - box.clientWidth / 3;
  }

  function toggleLock(place) {
    if (!options.locks || place < 0) return;
    if (!roll.locked.delete(place)) roll.locked.add(place);
    dress();
    say(roll.describe(place));
    options.onlock?.(roll.locked);
  }

  roll.lock = (places) => { roll.locked = new Set(places); dress(); };
  roll.mark = (places) => { marked = new Set(places); dress(); };
  roll.hold = (parts) => { held = new Set(parts); dress(); };

  // The region

  roll.select = (region) => {
    roll.region = region;
    showRegion();
  };

  function choose(region) {
    roll.select(region);
    options.onselect?.(region);
  }

  function regionOf(from, to) {
    const [low, high] = from < to ? [from, to] : [to, from];
    if (options.select === "bars") return { first: barAt(low), last: barAt(Math.max(low, high - 0.002)) };
    const round = (value) => Math.round(Math.max(0, Math.min(value, data.seconds)) * 10) / 10;
    return { start: round(low), end: Math.max(round(high), round(low) + 0.1) };
  }

  function grow(step) {
    const onset = view.cursor < 0 ? 0 : data.notes[view.cursor][0];
    const region = roll.region ?? regionOf(onset, onset + 0.01);
    if (options.select === "seconds") {
      const end = Math.round(Math.max(region.start + 0.1, Math.min(region.end + 0.5 * step, data.seconds)) * 10) / 10;
      choose({ start: region.start, end });
    } else {
      const last = roll.region ? Math.max(region.first, Math.min(region.last + step, data.bars.length - 1)) : region.last;
      choose({ first: region.first, last });
    }
    tellRegion();
  }

  function border(key) {
    if (view.cursor < 0) return;
    const [onset, duration] = data.notes[view.cursor];
    const span = regionSeconds() ?? [onset, onset + duration];
    if (key === "[") choose(regionOf(onset, Math.max(span[1], onset + 0.01)));
    else choose(regionOf(Math.min(span[0], onset), onset + Math.max(duration, 0.01)));
    tellRegion();
  }

  function tellRegion() {
    const region = roll.region;
    say(!region ? "No region" : options.select === "bars" ? `Bars ${region.first} to ${region.last}` : `Seconds ${region.start} to ${region.end}`);
  }

  // Keys and pointer

  function neighbour(up) {
    if (view.cursor < 0) return goTo(0);
    const [onset, , pitch] = data.notes[view.cursor];
    let best = -1;
    for (const place of soundingAt(onset + 0.001)) {
      const other = data.notes[place][2];
      const further = up ? other > pitch : other < pitch;
      if (further && (best < 0 || Math.abs(other - pitch) < Math.abs(data.notes[best][2] - pitch))) best = place;
    }
    return goTo(best);
  }

  const actions = {
    ArrowRight: () => goTo(Math.min(view.cursor + 1, data.notes.length - 1)),
    ArrowLeft: () => goTo(Math.max(view.cursor - 1, 0)),
    ArrowUp: () => neighbour(true),
    ArrowDown: () => neighbour(false),
    Home: () => goTo(0),
    End: () => goTo(data.notes.length - 1),
    Enter: () => toggleLock(view.cursor),
    " ": () => toggleLock(view.cursor),
    p: () => view.cursor >= 0 && options.onseek?.(data.notes[view.cursor][0], true),
    "+": () => roll.zoom(1.5),
    "-": () => roll.zoom(1 / 1.5),
  };

  function keyed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const grows = event.shiftKey && (event.key === "ArrowRight" || event.key === "ArrowLeft");
    if (options.select && grows) grow(event.key === "ArrowRight" ? 1 : -1);
    else if (options.select && (event.key === "[" || event.key === "]")) border(event.key);
    else if (options.select && event.key === "Escape" && roll.region) { choose(null); tellRegion(); }
    else if (actions[event.key]) actions[event.key]();
    else return;
    event.preventDefault();
  }

  let drag = null;
  const secondOf = (event) => Math.max(0, Math.min((event.clientX - svg.getBoundingClientRect().left) / view.scale, data.seconds));

  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const inRuler = event.clientY - svg.getBoundingClientRect().top < RULER;
    drag = { from: secondOf(event), x: event.clientX, moved: false, inRuler, target: event.target };
    // A finger scrolls the notes; it chooses on the ruler alone.
    if (event.pointerType !== "touch" || inRuler) svg.setPointerCapture(event.pointerId);
    else drag.finger = true;
  });
  svg.addEventListener("pointermove", (event) => {
    if (!drag || drag.finger || !options.select) return;
    if (Math.abs(event.clientX - drag.x) > 4) drag.moved = true;
    if (drag.moved) roll.select(regionOf(drag.from, secondOf(event)));
  });
  svg.addEventListener("pointercancel", () => { drag = null; });
  svg.addEventListener("pointerup", (event) => {
    const was = drag;
    drag = null;
    if (!was) return;
    if (was.moved && options.select) choose(roll.region);
    else if (was.inRuler && options.select === "bars") choose(regionOf(was.from, was.from + 0.003));
    else if (was.target.dataset?.note !== undefined) touchNote(Number(was.target.dataset.note));
    else options.onseek?.(secondOf(event), false);
  });

  function touchNote(place) {
    view.cursor = place;
    showCursor();
    if (options.locks) toggleLock(place);
    else options.onseek?.(data.notes[place][0], false);
  }

  // Around it

  function legendOf() {
    return data.parts.map((name, part) => {
      const button = h("button", { type: "button", class: "legend", "aria-pressed": "true", title: `Show or hide ${name}`, onclick: () => {
        if (!view.hidden.delete(part)) view.hidden.add(part);
        button.setAttribute("aria-pressed", String(!view.hidden.has(part)));
        dress();
      } }, swatch(data, part), ` ${name} (${data.notes.filter((note) => (note[4] ?? 0) === part).length})`);
      return h("li", {}, button);
    });
  }

  function noteTable() {
    const details = h("details", { class: "roll-table" }, h("summary", {}, "The notes as a table"));
    details.addEventListener("toggle", () => {
      if (!details.open || details.children.length > 1) return;
      const lines = data.notes.slice(0, 1000).map(([onset, duration, pitch, velocity, part]) =>
        [data.bars.length > 1 ? barAt(onset) : null, onset, duration, pitchName(pitch), velocity, data.parts[part] ?? ""]);
      details.append(table(["bar", "second", "lasts", "pitch", "velocity", "part"], lines, `Notes of ${options.label ?? "the roll"}`));
    });
    return details;
  }

  const pitches = data.notes.map((note) => note[2]);
  const range = data.notes.length ? `, from ${pitchName(Math.min(...pitches))} to ${pitchName(Math.max(...pitches))}` : "";
  const count = data.bars.length > 1 ? ` in ${data.bars.length - 1} bars` : ` in ${Math.round(data.seconds)} seconds`;
  const summary = `${data.notes.length} notes${count}${range}.`;
  const button = (text, label, action) => h("button", { type: "button", class: "small", "aria-label": label, onclick: action }, text);
  fill(legend, legendOf());
  roll.element = h("div", { class: "roll" },
    h("div", { class: "row roll-top" }, legend, h("div", { class: "row roll-zoom", role: "group", "aria-label": "Zoom" },
      button("−", "Zoom out", () => roll.zoom(1 / 1.5)), button("+", "Zoom in", () => roll.zoom(1.5)),
      button("Fit", "Fit into the width", () => { zoomed = false; zoomTo(fit()); }))),
    h("div", { class: "roll-frame" }, keyColumn(rows), box),
    h("p", { id: helpId, class: "unseen" }, summary, " ", help.filter(Boolean).join(" ")),
    options.table === false ? null : noteTable());
  zoomTo(60);
  return roll;
}
