// Drawing a melody on a grid of pitch and time, with the mouse or the keyboard.
//
//   const editor = melodyEditor();
//   place.append(editor.element);
//   editor.melody      the melody (melody_abc.js); editor.abc() its ABC text, "" while it is empty

import { fill, h, s, say, unique } from "./dom.js";
import { METRES, KEYS, abcText, barLength, emptyMelody, noteAt, pitchName, placeOf, putNote, scaleOf, wholeLength } from "./melody_abc.js";
import { playMelody } from "./melody_sound.js";

const TOP = 81, LOW = 57, ROW = 15, STEP = 12, HEAD = 22;
const MOST_BARS = 32;
const VALUES = [[1, "1/16", "sixteenth"], [2, "1/8", "eighth"], [3, "1/8.", "dotted eighth"], [4, "1/4", "quarter"],
  [6, "1/4.", "dotted quarter"], [8, "1/2", "half"], [12, "1/2.", "dotted half"], [16, "1/1", "whole note"]];
const HELP = "Letters A to G write a note and go on, R a rest. Arrows move the cursor, with Shift by semitones. Enter puts a note, "
  + "Delete removes it, Backspace the one before. 1 to 8 choose the value, H sets a fermata (hold), P plays.";

/** The editor; see the top of this file. */
export function melodyEditor() {
  return new Editor();
}

class Editor {
  constructor() {
    this.melody = emptyMelody();
    this.value = 4;
    this.time = 0;
    this.pitch = 71;
    this.past = [];
    this.sound = null;
    this.sheet = s("svg", { class: "melody-sheet" });
    this.names = s("svg", { class: "melody-names", "aria-hidden": "true" });
    this.box = h("div", {
      class: "melody-box", tabindex: "0", role: "application", "aria-roledescription": "melody grid",
      "aria-label": `Melody grid. ${HELP}`, onkeydown: (event) => this.#pressed(event),
    }, this.sheet);
    this.sheet.addEventListener("pointerdown", (event) => this.#down(event));
    this.sheet.addEventListener("dblclick", (event) => { this.#hit(event); this.#remove(); });
    this.text = h("pre", { class: "melody-text", tabindex: "0", role: "region", "aria-label": "Melody as ABC text" });
    this.state = h("p", { class: "muted", role: "status" });
    this.values = VALUES.map(([length, short, name]) =>
      h("button", { type: "button", class: "small", "aria-label": name, title: name, onclick: () => this.#choose(length) }, short));
    this.listen = h("button", { type: "button", onclick: () => this.#play() }, "Listen");
    this.element = h("div", { class: "melody" }, this.#settings(), this.#tools(),
      h("div", { class: "melody-frame" }, this.names, this.box), this.state,
      h("p", { class: "hint muted" }, `With the mouse: click to put a note, drag to make it longer, double click to remove it. ${HELP}`),
      h("details", {}, h("summary", {}, "As text (ABC)"), this.text));
    fill(this.state, "The grid is empty. Click into it, or go to it with Tab and press letters.");
    this.#draw();
  }

  /** The melody as ABC text; empty without notes. */
  abc() {
    return this.melody.notes.length ? abcText(this.melody) : "";
  }

  #settings() {
    const field = (label, control) => {
      control.id = unique("melody");
      return h("div", { class: "field" }, h("label", { for: control.id }, label), control);
    };
    const set = (change) => { this.#remember(); change(); this.#fit(); this.#draw(); };
    const title = h("input", { type: "text", maxlength: 60, value: this.melody.title, onchange: () => set(() => { this.melody.title = title.value; }) });
    const key = h("select", { onchange: () => set(() => Object.assign(this.melody, { fifths: KEYS[key.value].fifths, minor: KEYS[key.value].minor })) },
      KEYS.map((one, i) => h("option", { value: i, selected: one.name === "C major" }, one.name)));
    const metre = h("select", { onchange: () => set(() => { [this.melody.beats, this.melody.beatType] = metre.value.split("/").map(Number); pickups(); }) },
      METRES.map(([beats, type]) => h("option", { value: `${beats}/${type}` }, `${beats}/${type}`)));
    const pickup = h("select", { onchange: () => set(() => { this.melody.pickup = Number(pickup.value); }) });
    const pickups = () => {
      const fitting = [[0, "none"], [2, "an eighth"], [4, "a quarter"], [8, "a half"], [12, "three quarters"]].filter(([n]) => n < barLength(this.melody));
      fill(pickup, fitting.map(([n, name]) => h("option", { value: n, selected: n === this.melody.pickup }, name)));
      this.melody.pickup = Number(pickup.value);
    };
    pickups();
    const bars = h("input", { type: "number", min: 1, max: MOST_BARS, value: this.melody.bars, onchange: () => set(() => { this.melody.bars = within(bars.value, 1, MOST_BARS, 4); }) });
    const tempo = h("input", { type: "number", min: 30, max: 240, value: this.melody.tempo, onchange: () => set(() => { this.melody.tempo = within(tempo.value, 30, 240, 84); }) });
    this.bars = bars;
    return h("div", { class: "grid melody-settings" }, field("Title", title), field("Key", key), field("Metre", metre), field("Pickup", pickup), field("Bars", bars), field("Quarters a minute", tempo));
  }

  #tools() {
    const tool = (name, act) => h("button", { type: "button", class: "small", onclick: () => { act(); this.#draw(); } }, name);
    return h("div", { class: "row melody-tools" },
      h("div", { class: "row", role: "group", "aria-label": "Value of the next note" }, this.values),
      h("div", { class: "row", role: "group", "aria-label": "Change the melody" },
        tool("Fermata", () => this.#fermata()), tool("Delete note", () => this.#remove()),
        tool("Undo", () => this.#undo()), tool("Clear", () => { this.#remember(); this.melody.notes = []; this.time = 0; })),
      this.listen);
  }

  // What changes the melody

  #remember() {
    this.past.push(JSON.stringify(this.melody.notes));
    if (this.past.length > 200) this.past.shift();
  }

  #undo() {
    if (this.past.length) this.melody.notes = JSON.parse(this.past.pop());
    this.#tell("Undone");
  }

  #put(midi, onward) {
    this.#remember();
    while (this.time + this.value > wholeLength(this.melody) && this.melody.bars < MOST_BARS) this.melody.bars += 1;
    this.bars.value = String(this.melody.bars);
    const length = Math.min(this.value, wholeLength(this.melody) - this.time);
    if (length <= 0) return this.#tell("The grid is full");
    const note = putNote(this.melody, { start: this.time, length, midi, fermata: false });
    this.pitch = midi;
    this.#tell(`${pitchName(midi, this.melody)} written`);
    if (onward) this.time = note.start + note.length;
    return note;
  }

  #remove() {
    const note = this.#chosen();
    if (!note) return;
    this.#remember();
    this.melody.notes = this.melody.notes.filter((one) => one !== note);
    this.#tell("Removed");
  }

  #fermata() {
    const note = this.#chosen();
    if (!note) return this.#tell("No note here for a fermata");
    this.#remember();
    note.fermata = !note.fermata;
    return this.#tell(note.fermata ? "Fermata" : "No fermata");
  }

  /** The note at the cursor, else the one that ends there. */
  #chosen() {
    return noteAt(this.melody, this.time) ?? noteAt(this.melody, this.time - 1);
  }

  #choose(length) {
    this.value = length;
    const note = noteAt(this.melody, this.time);
    if (note) {
      this.#remember();
      this.melody.notes = this.melody.notes.filter((one) => one !== note);
      putNote(this.melody, { ...note, length: Math.min(length, wholeLength(this.melody) - note.start) });
    }
    this.#draw();
  }

  /** Other bars or another metre: what lies beyond the end goes. */
  #fit() {
    const end = wholeLength(this.melody);
    this.melody.notes = this.melody.notes.filter((note) => note.start < end).map((note) => ({ ...note, length: Math.min(note.length, end - note.start) }));
    this.time = Math.min(this.time, end - 1);
  }

  // Mouse and keys

  #grid(event) {
    const frame = this.sheet.getBoundingClientRect();
    const snap = this.value >= 2 ? 2 : 1;
    const x = (event.clientX - frame.left) / STEP, y = (event.clientY - frame.top - HEAD) / ROW;
    return { exact: Math.floor(x), time: Math.floor(x / snap) * snap, midi: TOP - Math.floor(y) };
  }

  #hit(event) {
    const { exact, time, midi } = this.#grid(event);
    const note = noteAt(this.melody, exact);
    const here = note && note.midi === midi ? note : null;
    this.time = here ? here.start : Math.max(0, Math.min(time, wholeLength(this.melody) - 1));
    this.pitch = Math.max(LOW, Math.min(TOP, midi));
    return here;
  }

  #down(event) {
    if (event.button !== 0) return;
    const note = this.#hit(event) ?? this.#put(this.pitch, false);
    if (note && event.pointerType !== "touch") this.#drag(event, note);
    this.#draw();
  }

  /** Drag to the right for a longer note, until the button is let go. */
  #drag(event, note) {
    const from = event.clientX, began = note.length;
    const move = (now) => {
      const longer = Math.round((now.clientX - from) / STEP);
      const next = this.melody.notes.find((one) => one.start > note.start)?.start ?? wholeLength(this.melody);
      if (longer === 0 && note.length === began) return;
      note.length = Math.max(1, Math.min(began + longer, next - note.start));
      this.#draw();
    };
    const end = () => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end);
  }

  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (/^[a-g]$/.test(key)) this.#letter(key);
    else if (key === "h") this.#fermata();
    else if (/^[1-8]$/.test(key)) this.#choose(VALUES[Number(key) - 1][0]);
    else if (key === "r") { this.time = Math.min(this.time + this.value, wholeLength(this.melody)); this.#tell("Rest"); }
    else if (key === "p") this.#play();
    else if (key === "Enter") this.#put(this.pitch, true);
    else if (key === "Delete") this.#remove();
    else if (key === "Backspace") this.#back();
    else if (key.startsWith("Arrow")) this.#move(key.slice(5), event.shiftKey);
    else if (key === "Home" || key === "End") { this.time = key === "Home" ? 0 : this.#end(); this.#tell(""); }
    else return;
    event.preventDefault();
    this.#draw();
    this.#show();
  }

  #end() {
    const last = this.melody.notes.at(-1);
    return last ? last.start + last.length : 0;
  }

  /** A letter is the key's note of this name that lies nearest. */
  #letter(letter) {
    const scale = scaleOf(this.melody.fifths)["cdefgab".indexOf(letter)];
    const ways = [];
    for (let midi = LOW; midi <= TOP; midi += 1) if (midi % 12 === scale) ways.push(midi);
    this.#put(ways.sort((a, b) => Math.abs(a - this.pitch) - Math.abs(b - this.pitch))[0], true);
  }

  #back() {
    const note = noteAt(this.melody, this.time - 1);
    if (note) this.time = note.start;
    else this.time = Math.max(0, this.time - this.value);
    if (note) this.#remove();
  }

  #move(way, chromatic) {
    if (way === "Left" || way === "Right") {
      const step = Math.min(this.value, 4);
      this.time = Math.max(0, Math.min(this.time + (way === "Right" ? step : -step), wholeLength(this.melody) - 1));
    } else {
      const scale = scaleOf(this.melody.fifths), by = way === "Up" ? 1 : -1;
      let next = this.pitch + by;
      while (!chromatic && !scale.includes(next % 12)) next += by;
      this.pitch = Math.max(LOW, Math.min(TOP, next));
    }
    this.#tell("");
  }

  // What is seen and heard

  #tell(what) {
    const { bar, beat } = placeOf(this.time, this.melody);
    const note = noteAt(this.melody, this.time);
    const here = note ? `${pitchName(note.midi, this.melody)}${note.fermata ? " with fermata" : ""}` : "empty";
    const text = `${what ? `${what}. ` : ""}Bar ${bar}, beat ${Number(beat.toFixed(2))}: ${here}. Cursor on ${pitchName(this.pitch, this.melody)}.`;
    fill(this.state, text);
    say(text);
  }

  #show() {
    const left = this.time * STEP;
    if (left < this.box.scrollLeft || left > this.box.scrollLeft + this.box.clientWidth - 60) this.box.scrollLeft = left - this.box.clientWidth / 3;
  }

  async #play() {
    if (this.sound) {
      this.sound.stop();
      return;
    }
    this.sound = playMelody(this.melody, (time) => this.head?.setAttribute("x", String(time * STEP)));
    fill(this.listen, "Stop");
    this.#draw();
    await this.sound.ended;
    this.sound = null;
    fill(this.listen, "Listen");
    this.#draw();
  }

  #draw() {
    const { melody } = this, width = wholeLength(melody) * STEP, height = HEAD + (TOP - LOW + 1) * ROW;
    for (const [sheet, wide] of [[this.sheet, width], [this.names, 44]]) {
      for (const [name, value] of Object.entries({ viewBox: `0 0 ${wide} ${height}`, width: wide, height })) sheet.setAttribute(name, value);
    }
    const row = (midi) => HEAD + (TOP - midi) * ROW;
    const scale = scaleOf(melody.fifths), tonic = (melody.fifths * 7 + 84 + (melody.minor ? 9 : 0)) % 12;
    const pitches = Array.from({ length: TOP - LOW + 1 }, (_, i) => TOP - i);
    const rows = pitches.map((midi) => s("rect", { x: 0, y: row(midi), width, height: ROW,
      class: `melody-row${scale.includes(midi % 12) ? "" : " out"}${midi % 12 === tonic ? " tonic" : ""}` }));
    fill(this.names, pitches.map((midi) => scale.includes(midi % 12) ? s("text", { x: 40, y: row(midi) + ROW - 4, class: "melody-label", "text-anchor": "end" }, pitchName(midi, melody)) : null));
    fill(this.sheet, rows, this.#lines(height),
      s("rect", { class: "melody-cursor", x: this.time * STEP, y: row(this.pitch), width: this.value * STEP, height: ROW }),
      melody.notes.map((note) => this.#noteShape(note, row(note.midi))),
      this.head = s("rect", { class: "melody-head", x: this.sound ? 0 : -9, y: 0, width: 2, height }));
    this.values.forEach((button, i) => button.setAttribute("aria-pressed", String(VALUES[i][0] === this.value)));
    fill(this.text, this.abc() || "No notes yet");
  }

  #lines(height) {
    const { melody } = this, lines = [];
    for (let time = 0; time <= wholeLength(melody); time += 1) {
      const { bar, beat } = placeOf(time, melody);
      if ((beat - 1) % 1 > 1e-6 || time === wholeLength(melody)) continue;
      const line = beat === 1;
      lines.push(s("line", { x1: time * STEP, x2: time * STEP, y1: line ? 0 : HEAD, y2: height, class: line ? "melody-bar" : "melody-beat" }));
      if (line || time === 0) lines.push(s("text", { x: time * STEP + 4, y: 15, class: "melody-label" }, `bar ${bar}`));
    }
    return lines;
  }

  #noteShape(note, y) {
    const width = note.length * STEP - 1, x = note.start * STEP, name = pitchName(note.midi, this.melody);
    const middle = x + width / 2;
    return s("g", { class: "melody-note" }, s("title", {}, name),
      s("rect", { x, y: y + 0.5, width, height: ROW - 1, rx: 3 }),
      note.length >= 3 ? s("text", { x: x + 5, y: y + ROW - 4 }, name) : null,
      note.fermata ? s("path", { class: "melody-fermata", d: `M${middle - 8} ${y - 2}a8 8 0 0 1 16 0M${middle - 1} ${y - 4}h2` }) : null);
  }
}

function within(text, low, high, usual) {
  const value = Math.round(Number(text));
  return Number.isFinite(value) && value ? Math.max(low, Math.min(high, value)) : usual;
}
