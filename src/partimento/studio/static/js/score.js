// An engraved score that follows its sound, and on which notes and bars can be chosen.
//
//   const sheet = await loadScore("job:7/melody-1");       // NAME.svg and NAME.timing.json of a job
//   const sheet = await askScore("upload:0123456789abcdef"); // or engraved at once, without sound
//   const view = score(sheet, { label: "Score of the piece" });
//   place.append(view.element);
//   view.follow(player);           // a soundPlayer of player.js; or call view.show(sec) yourself
//
// `sheet` is { svg, events: [{quarter, sec, on, off}], notes: [{id, quarter, staff, layer, bar,
// beat, voice, name}], bars: [{number, quarter, length}], lead }.  Seconds are those of the music:
// give `lead`, the silence before it in the sound, to the player.  Of a note bar, beat, voice and
// name are only spoken; bars and lead may be missing.
//
// The view:
//   element          the paper, with the keys: arrows from note to note, Enter acts, space plays
//   follow(player)   light up what sounds, keep it in view; returns a function that ends it
//   show(sec)        the same for one moment; show(-1) puts all lights out
//   seek(sec)        what a note asks for when it is to be played (set by follow; may be replaced)
//   mark(kind, ids)  ring notes: error, warning, info, kept, fresh; an empty list takes them away
//   go(ids)          bring notes into view, put the cursor on the first
//   chooseBars(a, b) shade the bars a to b (places from 0); chooseBars(-1, -1) none
//   mode             "play", "bars" or "notes": what a click or Enter does
//   onbars(a, b), onnote(note)   called in these modes
//   quarterAt(sec), secondAt(quarter)
// legend(["error", "kept"]) says what the marks mean.

import { drawing, h, s, say } from "./dom.js";
import { ask, fileAddress, get } from "./api.js";

const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
/** A click so many pixels from a head is meant for it. */
const NEAR = 12;
let scores = 0;

/** What a job wrote of a score: `stem` is "job:NUMBER/NAME". */
export async function loadScore(stem) {
  const [timing, answer] = await Promise.all([
    get(fileAddress(`${stem}.timing.json`)), fetch(fileAddress(`${stem}.svg`)),
  ]);
  if (!answer.ok) throw new Error("The engraved score is gone.");
  return { ...timing, svg: await answer.text() };
}

/** A file engraved at once; its seconds follow the tempo marks. */
export const askScore = (source) => ask("sheet", { source });

/** Place of the last value that is not above `value` in a sorted list, -1 when all are. */
export function lastBefore(values, value) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1; else high = middle;
  }
  return low - 1;
}

/** Names of its own for every part of a drawing: two scores may share a page. */
function renamed(root) {
  scores += 1;
  const prefix = `s${scores}-`;
  for (const node of [root, ...root.querySelectorAll("*")]) {
    for (const { name, value } of [...node.attributes]) {
      if (name === "id") node.setAttribute(name, prefix + value);
      else if (name === "href") node.setAttribute(name, `#${prefix}${value.slice(1)}`);
      else if (value.includes("url(#")) node.setAttribute(name, value.replaceAll("url(#", `url(#${prefix}`));
    }
  }
  return prefix;
}

/** What the rings and colours mean; `kinds` are those that this page uses. */
export function legend(kinds) {
  const known = { error: "error", warning: "warning", info: "hint", fresh: "new notes", kept: "stays", bars: "chosen bars" };
  return h("ul", { class: "legend-list", "aria-label": "What the marks mean" }, kinds.map((kind) => h("li", {},
    s("svg", { viewBox: "0 0 600 400", width: 24, height: 16, class: "score", "aria-hidden": "true" },
      kind === "bars" ? s("rect", { class: "bar-chosen", x: 0, y: 0, width: 600, height: 400 })
        : s("ellipse", { class: `ring ring-${kind}`, cx: 300, cy: 200, rx: 230, ry: 160 })), known[kind])));
}

/** The view of a score; see above. */
export function score(sheet, { label = "Score" } = {}) {
  return new Score(sheet, label);
}

class Score {
  constructor(sheet, label) {
    this.sheet = sheet;
    this.mode = "play";
    this.onbars = () => {};
    this.onnote = () => {};
    this.seek = () => {};
    this.toggle = () => {};
    const picture = drawing(sheet.svg);
    this.prefix = renamed(picture);
    this.byId = new Map([...picture.querySelectorAll("g.note")].map((one) => [one.id.slice(this.prefix.length), one]));
    this.measures = [...picture.querySelectorAll("g.measure")];
    this.notes = sheet.notes.filter((note) => this.byId.has(note.id));
    this.columns = columnsOf(this.notes);
    this.seconds = sheet.events.map((event) => event.sec);
    this.quarters = sheet.events.map((event) => event.quarter);
    this.sets = soundingSets(sheet.events);
    this.lit = [];
    this.shown = -1;
    this.cursor = null;
    this.anchor = -1;
    this.rings = new Map();
    this.element = h("div", {
      class: "paper sheet score", tabindex: "0", role: "application", "aria-roledescription": "score",
      "aria-label": `${label}. Arrow keys go from note to note, Enter acts on the note, space plays.`,
      onclick: (event) => this.#clicked(event), onkeydown: (event) => this.#pressed(event),
    }, picture);
  }

  /** Light up what a player plays (soundPlayer of player.js); returns a function that ends it. */
  follow(player) {
    this.seek = (sec) => player.seek(sec);
    this.toggle = () => player.toggle();
    return player.ontime((sec, playing) => this.show(!playing && sec === 0 ? -1 : sec));
  }

  /** Light up what sounds at a time of the music, in seconds; nothing for a negative one. */
  show(sec) {
    const index = lastBefore(this.seconds, sec);
    if (index === this.shown) return;
    this.shown = index;
    this.lit.forEach((note) => note.classList.remove("now"));
    this.lit = index < 0 ? [] : this.sets[index].map((id) => this.byId.get(id)).filter(Boolean);
    this.lit.forEach((note) => note.classList.add("now"));
    if (this.lit.length) this.#bringIntoView(this.lit[0]);
  }

  /** Where a time is in the score, in quarters. */
  quarterAt(sec) {
    return between(this.seconds, this.quarters, sec);
  }

  /** When a place of the score sounds, in seconds. */
  secondAt(quarter) {
    return between(this.quarters, this.seconds, quarter);
  }

  /** Ring these notes as `kind`; those ringed so before lose it. */
  mark(kind, ids) {
    for (const ring of this.rings.get(kind) ?? []) ring.remove();
    const found = ids.map((id) => this.byId.get(id)).filter(Boolean);
    this.rings.set(kind, found.map((note) => ringed(note, kind)).filter(Boolean));
  }

  /** Bring notes into view; the cursor stands on the first. */
  go(ids) {
    const first = this.notes.find((note) => ids.includes(note.id));
    if (!first) return;
    this.#point(first);
    this.#bringIntoView(this.byId.get(first.id), true);
  }

  /** Shade the bars from `first` to `last` (places, from 0); -1 for none. */
  chooseBars(first, last) {
    this.element.querySelectorAll("rect.bar-chosen").forEach((one) => one.remove());
    if (first < 0) return;
    for (const measure of this.measures.slice(first, last + 1)) {
      const box = staffBox(measure);
      if (box) measure.prepend(s("rect", { class: "bar-chosen", ...box }));
    }
  }

  #clicked(event) {
    const note = this.#noteAt(event);
    if (note) this.#point(note);
    if (this.mode === "bars") this.#takeBar(note ? this.#barOf(note) : this.#barAt(event), event.shiftKey);
    else if (note) this.#act(note);
  }

  /** The note under a finger: the head that lies nearest, since hollow heads and fingers miss. */
  #noteAt(event) {
    const group = event.target.closest("g.note");
    if (group) return this.notes.find((one) => this.prefix + one.id === group.id);
    let best = null, least = NEAR;
    for (const note of this.notes) {
      const box = (this.byId.get(note.id).querySelector("g.notehead") ?? this.byId.get(note.id)).getBoundingClientRect();
      const away = Math.hypot(event.clientX - (box.left + box.right) / 2, event.clientY - (box.top + box.bottom) / 2);
      if (away < least) [best, least] = [note, away];
    }
    return best;
  }

  #act(note) {
    if (this.mode === "bars") this.#takeBar(this.#barOf(note), false);
    else if (this.mode === "notes") this.onnote(note);
    else this.seek(this.secondAt(note.quarter));
  }

  /** The first bar that is taken begins a stretch, the second ends it. */
  #takeBar(bar, further) {
    if (bar < 0) return;
    const begin = this.anchor < 0 && !further;
    const from = this.anchor < 0 ? bar : this.anchor;
    this.anchor = begin ? bar : -1;
    this.onbars(Math.min(from, bar), Math.max(from, bar), begin);
  }

  #barOf(note) {
    const group = this.byId.get(note.id).closest("g.measure");
    return this.measures.indexOf(group);
  }

  #barAt(event) {
    return this.measures.findIndex((measure) => {
      const box = measure.getBoundingClientRect();
      return event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    });
  }

  #pressed(event) {
    const { key } = event;
    if (event.target !== this.element || event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === " ") this.toggle();
    else if (key === "Enter") { if (this.cursor) this.#act(this.cursor); }
    else if (key.startsWith("Arrow")) this.#move(key.slice(5));
    else if (key === "Home" || key === "End") this.#step(key === "Home" ? 0 : this.columns.length - 1, 0);
    else return;
    event.preventDefault();
  }

  #move(way) {
    const column = this.cursor ? this.columns.findIndex((one) => one.includes(this.cursor)) : -1;
    const row = column < 0 ? 0 : this.columns[column].indexOf(this.cursor);
    if (way === "Right") this.#step(column + 1, row);
    else if (way === "Left") this.#step(Math.max(0, column - 1), row);
    else this.#step(Math.max(0, column), row + (way === "Down" ? 1 : -1));
  }

  #step(column, row) {
    const notes = this.columns[Math.min(column, this.columns.length - 1)];
    if (!notes) return;
    this.#point(notes[Math.max(0, Math.min(row, notes.length - 1))]);
    this.#bringIntoView(this.byId.get(this.cursor.id));
    say(spoken(this.cursor));
  }

  #point(note) {
    this.cursor = note;
    this.mark("cursor", [note.id]);
  }

  #bringIntoView(note, centre = false) {
    const frame = this.element.getBoundingClientRect(), place = note.getBoundingClientRect();
    const away = place.top < frame.top + 40 || place.bottom > frame.bottom - 100
      || place.left < frame.left + 10 || place.right > frame.right - 30;
    const behavior = calm.matches ? "auto" : "smooth";
    if (away) {
      this.element.scrollBy({
        top: place.top - frame.top - Math.min(90, frame.height / 4),
        left: place.left < frame.left + 10 || place.right > frame.right - 30 ? place.left - frame.left - frame.width / 3 : 0,
        behavior,
      });
    }
    if (centre && (frame.top < 0 || frame.top > innerHeight - 160)) this.element.scrollIntoView({ block: "nearest", behavior });
  }
}

/** Notes that begin together, from the top of the page down; by time. */
function columnsOf(notes) {
  const found = new Map();
  for (const note of notes) {
    if (!found.has(note.quarter)) found.set(note.quarter, []);
    found.get(note.quarter).push(note);
  }
  return [...found.keys()].sort((a, b) => a - b).map((quarter) =>
    found.get(quarter).sort((a, b) => (a.staff - b.staff) || (a.layer - b.layer)));
}

function soundingSets(events) {
  const active = new Set();
  return events.map((event) => {
    event.off.forEach((id) => active.delete(id));
    event.on.forEach((id) => active.add(id));
    return [...active];
  });
}

function between(from, to, value) {
  const index = lastBefore(from, value);
  if (index < 0) return to[0] ?? 0;
  if (index + 1 >= from.length) return to[index];
  const span = from[index + 1] - from[index];
  return span > 0 ? to[index] + (to[index + 1] - to[index]) * (value - from[index]) / span : to[index];
}

/** A note in words. */
export function spoken(note) {
  const parts = [note.bar && `bar ${note.bar}`, note.beat && `beat ${note.beat}`, note.voice, note.name];
  return parts.filter(Boolean).join(", ");
}

/** A ring around the head of a note; null while the score is not on the page. */
function ringed(note, kind) {
  const head = note.querySelector("g.notehead") ?? note;
  const box = head.getBBox();
  if (box.width === 0) return null;
  const ring = s("ellipse", {
    class: `ring ring-${kind}`, cx: box.x + box.width / 2, cy: box.y + box.height / 2,
    rx: box.width * 0.95, ry: box.height * 1.15,
  });
  note.append(ring);
  return ring;
}

/** The staves of a bar as a box in the drawing's units. */
function staffBox(measure) {
  const boxes = [...measure.querySelectorAll("g.staff")].map((staff) => {
    const lines = [...staff.children].filter((one) => one.localName === "path").map((one) => one.getBBox());
    return lines.length ? lines : [staff.getBBox()];
  }).flat();
  if (!boxes.length) return null;
  const left = Math.min(...boxes.map((b) => b.x)), right = Math.max(...boxes.map((b) => b.x + b.width));
  const top = Math.min(...boxes.map((b) => b.y)), bottom = Math.max(...boxes.map((b) => b.y + b.height));
  return { x: left, y: top - 300, width: right - left, height: bottom - top + 600 };
}
