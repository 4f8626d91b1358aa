// The page where a piano performance goes on, is filled or varied, or begins from nothing.

import { fill, h, say, unique } from "../js/dom.js";
import { filesOfAddress, named, shownName } from "../js/files.js";
import { field, forms, values } from "../js/form.js";
import { fromAddress, mistake, order, remember } from "../js/jobs.js";
import { performancePicker, rollOf } from "../js/performances.js";
import { pianoRoll } from "../js/roll.js";
import { showPieces } from "../js/pieces.js";

const STYLES = {
  balanced: { temperature: 0.8, top_k: 10, top_p: 0.92, words: "near to the given music, with some turns of its own" },
  creative: { temperature: 1.1, top_k: 15, top_p: 0.95, words: "more surprises; may leave the given music" },
  deterministic: { temperature: 0.7, top_k: 5, top_p: 0.85, words: "takes what is likeliest; may repeat itself" },
  long: { temperature: 0.8, top_k: 8, top_p: 0.9, words: "a little narrower, so that long pieces stay together" },
};
const MODES = {
  continue: { name: "Go on", button: "Go on", help: "The model plays on from the place that you choose." },
  infill: { name: "Write a passage anew", button: "Write it anew", help: "Only the chosen seconds are played anew; what stands before and after stays." },
  vary: { name: "Vary", button: "Vary", help: "Some stretches are played anew, the rest stays." },
  dream: { name: "From nothing", button: "Play", help: "The model plays a piece of its own; no performance is needed." },
};

export async function build(main) {
  const schemas = await forms();
  const page = new Page(schemas);
  main.append(
    h("h1", {}, "Continue"),
    h("p", { class: "lead" }, "Give a piano performance as MIDI: it goes on where you say, or some of it is played anew. All of it happens on this machine."),
    page.element);
  const again = await fromAddress(["continue", "infill", "vary", "dream"], page.place(), (found, job) => page.show(found, job));
  const [file] = await (again?.request.primer ? named([again.request.primer]) : filesOfAddress());
  if (file) await page.take(file);
}

class Page {
  constructor(schemas) {
    this.schemas = schemas;
    this.source = null;
    this.mode = "continue";
    this.picker = performancePicker("MIDI file of a performance", (one) => this.take(one));
    this.stage = h("div", {}, h("p", { class: "muted" }, "No performance is chosen yet. The example lasts 16 seconds."));
    this.setting = h("div", { class: "grid" });
    this.help = h("p", { class: "muted" });
    this.go = h("button", { type: "submit", class: "main" });
    this.trouble = h("div", {});
    this.results = h("div", {});
    this.style = this.styleFields();
    this.element = h("div", {},
      h("div", { class: "columns" },
        h("section", { class: "card", "aria-labelledby": "source-title" }, h("h2", { id: "source-title" }, "Performance"), this.picker.element),
        h("section", { class: "card", "aria-labelledby": "task-title" }, h("h2", { id: "task-title" }, "What to play"), this.stage, this.form())),
      h("section", { "aria-label": "Results" }, this.results));
    this.choose("continue");
  }

  form() {
    return h("form", { class: "stacked", onsubmit: (event) => { event.preventDefault(); this.place_order(); } },
      this.modes(), this.help, this.setting, this.style.element, h("p", { class: "row" }, this.go), this.trouble);
  }

  modes() {
    const name = unique("mode");
    this.radios = new Map(Object.entries(MODES).map(([mode, one]) =>
      [mode, h("input", { type: "radio", name, id: `${name}-${mode}`, value: mode, onchange: () => this.choose(mode) })]));
    return h("fieldset", { class: "tasks" }, h("legend", {}, "Task"),
      h("div", { class: "row" }, Object.entries(MODES).map(([mode, one]) =>
        h("span", { class: "row" }, this.radios.get(mode), h("label", { for: `${name}-${mode}` }, one.name)))));
  }

  /** Fields of a task, in their order. */
  choose(mode) {
    this.mode = mode;
    this.radios.get(mode).checked = true;
    const schema = this.schemas[mode];
    const at = (name, label) => field(schema, name, label);
    const made = {
      continue: () => ({ primer_seconds: this.cutField(), seconds: at("seconds", "Seconds to play"), n: at("n", "Alternatives") }),
      infill: () => ({ start: at("start", "From second"), end: at("end", "To second"), n: at("n", "Alternatives") }),
      vary: () => ({ strength: at("strength", "Strength"), start: at("start", "From second"), end: at("end", "To second"), n: at("n", "Alternatives") }),
      dream: () => ({ seconds: at("seconds", "Seconds to play"), n: at("n", "Alternatives") }),
    };
    this.fields = made[mode]();
    fill(this.setting, Object.values(this.fields).map((one) => one.element));
    fill(this.help, MODES[mode].help, " ", mode === "infill" ? "Choose the passage on the roll: drag, or [ and ] on a note." : "");
    fill(this.go, MODES[mode].button);
    for (const name of ["start", "end"]) this.fields[name]?.control.addEventListener("input", () => this.regionFromFields());
    this.regionFromFields();
    this.showCut();
  }

  /** Where to go on: a slider and a number that tell the same, and a line on the roll. */
  cutField() {
    const made = field(this.schemas.continue, "primer_seconds", "Go on from second", { step: "0.1" });
    const id = unique("cut");
    this.slider = h("input", { type: "range", id, min: 0.1, step: 0.1, max: 1, value: 1, disabled: true,
      "aria-label": "Place to go on from", oninput: () => this.setCut(Number(this.slider.value)) });
    made.control.addEventListener("input", () => this.setCut(made.value(), false));
    made.element.append(this.slider);
    this.cut = made;
    if (this.source) this.boundCut();
    return made;
  }

  boundCut() {
    const end = Math.max(0.2, this.source.seconds);
    Object.assign(this.slider, { max: end.toFixed(1), disabled: false });
    this.slider.value = this.cut.value() ?? end;
  }

  setCut(second, write = true) {
    if (this.mode !== "continue" || !this.source) return;
    const end = this.source.seconds;
    const at = second === null ? end : Math.min(Math.max(0.1, second), end);
    // The very end is the default: nothing to write.
    if (write) this.cut.control.value = at >= end - 0.06 ? "" : at.toFixed(1);
    this.slider.value = at;
    this.slider.setAttribute("aria-valuetext", at >= end - 0.06 ? "the end" : `${at.toFixed(1)} seconds`);
    this.showCut();
  }

  showCut() {
    if (!this.roll) return;
    this.roll.playhead(this.mode === "continue" ? this.cut.value() ?? this.source.seconds : 0);
    if (this.mode === "continue") this.roll.select(null);
  }

  regionFromFields() {
    if (!this.roll || !this.fields.start) return;
    const [start, end] = [this.fields.start.value() ?? 0, this.fields.end.value() ?? this.source.seconds];
    this.roll.select(end > start && this.fields.end.value() !== null ? { start, end } : null);
  }

  regionFromRoll(region) {
    if (this.mode !== "infill" && this.mode !== "vary" && region) this.choose("infill");
    if (!this.fields.start) return;
    this.fields.start.control.value = region ? region.start : 0;
    this.fields.end.control.value = region ? region.end : "";
  }

  styleFields() {
    const schema = this.schemas.continue;
    const words = h("p", { class: "muted", role: "status" });
    const numbers = h("p", { class: "muted" });
    const style = field(schema, "style", "Style");
    const tell = () => {
      const one = STYLES[style.value()];
      fill(words, `${one.words[0].toUpperCase()}${one.words.slice(1)}.`);
      fill(numbers, `This style: temperature ${one.temperature}, top-k ${one.top_k}, top-p ${one.top_p}.`);
    };
    style.control.addEventListener("change", tell);
    tell();
    this.common = { style, temperature: field(schema, "temperature", "Temperature"), top_k: field(schema, "top_k", "Top-k"),
      top_p: field(schema, "top_p", "Top-p"), seed: field(schema, "seed", "Seed") };
    const { temperature, top_k, top_p, seed } = this.common;
    return { element: h("div", {}, style.element, words,
      h("details", {}, h("summary", {}, "Temperature, top-k, top-p, seed"),
        h("p", { class: "muted" }, "The model gives every next event a probability. Temperature below 1 prefers the likely ones, above 1 the unlikely ones. Top-k keeps only the k likeliest. Top-p keeps the likeliest until their probabilities add up to p. Lower numbers are safer, higher ones are freer."), numbers,
        h("div", { class: "grid" }, temperature.element, top_k.element, top_p.element, seed.element))) };
  }

  /** Show a performance and make it the one to go on from. */
  async take(one) {
    try {
      const data = await rollOf(one.ref);
      this.source = { ...one, seconds: data.seconds };
      this.roll = pianoRoll(data, { label: `Notes of ${shownName(one.ref, one.name)}`, height: 220, select: "seconds",
        onselect: (region) => this.regionFromRoll(region), onseek: (second) => this.setCut(second) });
      fill(this.stage, h("p", {}, h("strong", {}, shownName(one.ref, one.name)), `: ${data.notes.length} notes, ${data.seconds.toFixed(1)} s`), this.roll.element);
      if (this.mode === "dream") this.choose("continue");
      else this.choose(this.mode);
    } catch (error) {
      fill(this.stage, mistake(error));
    }
  }

  /** A place for a result, above the earlier ones. */
  place() {
    const place = h("div", { class: "result" });
    this.results.prepend(place);
    return place;
  }

  place_order() {
    fill(this.trouble);
    if (this.mode !== "dream" && !this.source) {
      fill(this.trouble, mistake(new Error("Choose a performance first: a MIDI file, or the example.")));
      return;
    }
    const body = values({ ...this.fields, ...this.common });
    if (this.mode !== "dream") body.primer = this.source.ref;
    this.send(this.mode, body);
  }

  async send(kind, body) {
    const place = this.place();
    remember(await order(kind, body, place, (found, job) => this.show(found, job, place)));
  }

  show(found, job, place = this.results.firstChild) {
    showPieces(place, found, job, {
      goOn: async (one) => {
        await this.take(one);
        this.choose("continue");
        this.go.focus();
        say(`${one.name} of job ${job.number} is chosen; it goes on from its end.`);
      },
      anew: (one, region) => this.send("infill", { ...values(this.common), primer: one.ref, start: region.start, end: region.end, n: 1 }),
    });
  }
}
