// Writing some bars of a score anew: which bars, what stays in them, how many alternatives.

import { fill, h, say, unique } from "./dom.js";
import { order } from "./jobs.js";
import { spoken } from "./score.js";

const VOICES = [["S", "Soprano"], ["A", "Alto"], ["T", "Tenor"], ["B", "Bass"]];
/** What the rules of voice leading do. */
export const RULES = { strict: "Strict", free: "Free", off: "Off" };
const LOCK = /^[SATB]{1,4}:[0-9A-Za-z]+(\.\d+)?(-[0-9A-Za-z]+(\.\d+)?)?$/;

/**
 * The panel: {element, choose(first, last, open), toggle(note), inside(span, note), redraw()}.  It
 * asks `source()` for the score, calls `shade(first, last)` (places of bars) and `keep(locks)` when
 * the choice changes, and `done(number)` when the new job has ended.
 */
export function anewPanel(found, job, hooks) {
  return new Anew(found, job, hooks);
}

class Anew {
  constructor(found, job, hooks) {
    Object.assign(this, { found, job, hooks });
    this.locks = [...(job.request.region ? job.request.lock : [])];
    const [from, to] = this.#earlier();
    this.first = this.#barSelect(from);
    this.last = this.#barSelect(to);
    this.voices = VOICES.map(([letter, name]) => ({ letter, box: h("input", { type: "checkbox", id: unique("voice"), checked: letter === "S" }), name }));
    this.chips = h("ul", { class: "chips", "aria-label": "Kept notes and stretches" });
    this.typed = h("input", { type: "text", id: unique("lock"), maxlength: 40, placeholder: "A:5-6", "aria-describedby": "lock-hint",
      onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); this.#add(); } } });
    this.trouble = h("p", { class: "hint", id: "lock-hint", role: "status" }, "A voice and bars, or bar.beat: A:5-6 or T:3.1-4.3. Or set “Keeps notes” above the score and click on notes.");
    this.n = h("input", { type: "number", id: unique("n"), min: 1, max: 8, value: 2 });
    this.seed = h("input", { type: "number", id: unique("seed"), min: 0, max: 2147483647, value: (job.request.seed ?? 0) + (job.request.n ?? 1) });
    this.mode = h("select", { id: unique("mode") }, Object.entries(RULES).map(([value, words]) => h("option", { value, selected: value === (job.request.mode ?? "strict") }, words)));
    this.progress = h("div", {});
    this.element = this.#build();
  }

  /** Places of the bars of the job before, else of the first ones. */
  #earlier() {
    const { bars } = this.found;
    const [from, to] = (this.job.request.region ?? "").replace(/^bars:/, "").split("-").map((text) => bars.indexOf(text.split(".")[0]));
    if (from >= 0) return [from, to ?? from];
    const first = Math.min(1, bars.length - 1);
    return [first, Math.min(first + 1, bars.length - 1)];
  }

  #barSelect(place) {
    return h("select", { id: unique("bar"), onchange: () => this.#changed() },
      this.found.bars.map((number, i) => h("option", { value: i, selected: i === place }, number)));
  }

  #build() {
    const field = (label, control) => h("div", { class: "field" }, h("label", { for: control.id }, label), control);
    return h("section", { class: "card anew" }, h("h3", {}, "Write bars anew"),
      h("p", { class: "muted" }, "The other bars stay as they are. Choose bars here, or set “Chooses bars” above the score and click on the first and the last."),
      h("div", { class: "grid narrow" }, field("First bar", this.first), field("Last bar", this.last)),
      h("fieldset", {}, h("legend", {}, "Voices that stay in these bars"),
        h("div", { class: "row" }, this.voices.map(({ box, name }) => h("span", { class: "choice" }, box, h("label", { for: box.id }, name))))),
      h("div", { class: "field" }, h("label", { for: this.typed.id }, "Notes that stay"),
        h("div", { class: "row nowrap" }, this.typed, h("button", { type: "button", onclick: () => this.#add() }, "Keep")), this.trouble),
      this.chips,
      h("div", { class: "grid narrow" }, field("Alternatives", this.n), field("Seed", this.seed), field("Rules", this.mode)),
      h("button", { type: "button", class: "main", onclick: () => this.#write() }, "Write these bars anew"),
      this.progress);
  }

  /** Bars chosen on the score; `open` when only the first end is. */
  choose(first, last, open) {
    this.first.value = String(first);
    this.last.value = String(last);
    this.#changed();
    const { bars } = this.found;
    say(open ? `Bar ${bars[first]}. Choose the last bar.` : `Bars ${bars[first]} to ${bars[last]}.`);
  }

  /** A note on the score: it stays, or does not stay any more. */
  toggle(note) {
    if (!note.voice || !"SATB".includes(note.voice[0].toUpperCase())) return;
    const text = `${note.voice[0].toUpperCase()}:${note.bar}.${Math.floor(note.beat)}`;
    const known = this.locks.includes(text);
    this.locks = known ? this.locks.filter((one) => one !== text) : [...this.locks, text];
    this.#chipsAnew();
    const [from, to] = this.#range();
    const place = this.found.bars.indexOf(note.bar);
    const outside = place < from || place > to ? " It lies outside of the bars to be written and stays anyway." : "";
    say(`${spoken(note)}: ${known ? "free" : "stays"}.${outside}`);
  }

  /** Whether a note lies in a stretch such as 5-6 or 3.1-4.3. */
  inside(span, note) {
    const place = (text) => {
      const [bar, beat] = text.split(".");
      return [this.found.bars.indexOf(bar), beat === undefined ? null : Number(beat)];
    };
    const [first, last = first] = span.split("-").map(place);
    const bar = this.found.bars.indexOf(note.bar), beat = Math.floor(note.beat);
    const after = bar > first[0] || (bar === first[0] && (first[1] === null || beat >= first[1]));
    const before = bar < last[0] || (bar === last[0] && (last[1] === null || beat <= last[1]));
    return after && before;
  }

  /** Show the choice on a score that has just come. */
  redraw() {
    this.#chipsAnew();
    if (this.touched || this.job.request.region) this.#shade();
  }

  #range() {
    const [a, b] = [Number(this.first.value), Number(this.last.value)];
    return [Math.min(a, b), Math.max(a, b)];
  }

  #changed() {
    this.touched = true;
    this.#shade();
  }

  #shade() {
    this.hooks.shade(...this.#range());
  }

  #add() {
    const text = this.typed.value.trim().replace(/\s+/g, "").replace(/^[a-z]+/, (voices) => voices.toUpperCase());
    if (!LOCK.test(text)) {
      fill(this.trouble, "Write a voice (S, A, T, B) and bars, such as A:5-6 or T:3.1-4.3.");
      this.typed.focus();
      return;
    }
    if (!this.locks.includes(text)) this.locks.push(text);
    this.typed.value = "";
    this.#chipsAnew();
    say(`${text} stays.`);
  }

  #chipsAnew() {
    fill(this.chips, this.locks.map((text, i) => h("li", {}, h("button", { type: "button", class: "chip-button", "aria-label": `Do not keep ${text}`, onclick: () => {
      this.locks.splice(i, 1);
      this.#chipsAnew();
      this.typed.focus();
    } }, `${text} ✕`))));
    this.chips.hidden = this.locks.length === 0;
    this.hooks.keep(this.locks);
  }

  #write() {
    const [from, to] = this.#range(), { bars } = this.found;
    const voices = this.voices.filter(({ box }) => box.checked).map(({ letter }) => letter).join("");
    if (voices === "SATB") return fill(this.progress, h("p", { class: "error", role: "alert" }, "All four voices stay, so there is nothing to write. Free at least one."));
    if (!voices) return fill(this.progress, h("p", { class: "error", role: "alert" }, "Keep at least one voice: the others are written to it."));
    const body = {
      source: this.hooks.source(), region: `bars:${from === to ? bars[from] : `${bars[from]}-${bars[to]}`}`, voices, lock: this.locks, key: this.found.key,
      n: Number(this.n.value) || 1, seed: Number(this.seed.value) || 0, mode: this.mode.value, layout: this.job.request.layout ?? "four",
      temperature: this.job.request.temperature ?? 0.6,
    };
    return order("harmonize", body, this.progress, (_, other) => this.hooks.done(other.number));
  }
}
