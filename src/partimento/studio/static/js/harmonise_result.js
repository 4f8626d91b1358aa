// What a harmonisation gave: its alternatives, the score that follows the sound, what was found.

import { clock, facts, fill, h, say, table } from "./dom.js";
import { fileAddress } from "./api.js";
import { fileLinks } from "./files.js";
import { mistake } from "./jobs.js";
import { onward } from "./onward.js";
import { countsText, findingsReport } from "./findings.js";
import { soundPlayer } from "./player.js";
import { legend, loadScore, score } from "./score.js";
import { anewPanel } from "./harmonise_anew.js";

const KEPT = [["pitches", "pitches"], ["rhythm", "rhythm"], ["spelling", "spelling"], ["ties", "ties"], ["fermatas", "fermatas"],
  ["lyrics", "words"], ["articulations", "articulations"], ["measures", "bars"], ["tempi", "tempi"]];
const MODES = [["play", "Plays from there"], ["bars", "Chooses bars"], ["notes", "Keeps notes"]];

/**
 * The view of a finished job: an element.  `take` names the alternative that was accepted ("" when
 * none was); `go(number, take)` shows another job or choice.
 */
export async function resultView(found, job, { take = "", go }) {
  const view = new Result(found, job, take, go);
  await view.show(take || found.alternatives[0].stem);
  return view.element;
}

/** Geometric mean of the model's probabilities from its nats per note, as per cent. */
const likely = (nats) => (typeof nats === "number" ? `${Math.round(100 * Math.exp(-nats))} %` : "-");

class Result {
  constructor(found, job, take, go) {
    Object.assign(this, { found, job, take, go });
    this.accepted = found.alternatives.some((one) => one.stem === take);
    const made = found.alternatives.map((one, i) => ({ ...one, label: `Alternative ${i + 1}` }));
    const before = found.before ? [{ ...found.before, label: "Before" }] : [];
    this.takes = this.accepted ? made.filter((one) => one.stem === take) : [...before, ...made];
    this.player = soundPlayer("The score", {});
    this.place = h("div", { class: "score-place" });
    this.report = findingsReport(found.rules, (finding) => this.#lead(finding));
    this.choices = h("div", {});
    this.files = h("div", {});
    this.kept = h("div", {});
    this.accept = h("div", { class: "row" });
    this.anew = anewPanel(found, job, {
      source: () => `job:${job.number}/${this.current.stem}.musicxml`,
      shade: (first, last) => this.view?.chooseBars(first, last),
      keep: (locks) => this.view?.mark("kept", this.#locked(locks)),
      done: (other) => go(other, ""),
    });
    this.element = this.#build();
  }

  #build() {
    const { found } = this;
    this.heading = h("h2", { tabindex: "-1" }, found.title);
    return h("section", { class: "harmony-result", "aria-label": "Result" },
      this.heading,
      h("p", { class: "muted" }, this.#told()),
      found.warnings.map((text) => h("p", { class: "notice" }, text)),
      this.choices, this.accept,
      h("div", { class: "harmony" },
        h("div", {}, h("div", { class: "row score-tools" }, this.player.element, this.#modes()), this.place,
          legend(["error", "warning", "info", ...(found.before ? ["fresh"] : []), "kept", "bars"])),
        h("div", { class: "harmony-side" },
          h("section", { class: "card" }, h("h3", {}, "Voice leading"), this.report.element),
          this.anew.element)),
      h("div", { class: "grid wide" },
        h("section", { class: "card" }, h("h3", {}, "What was kept"), this.kept),
        h("section", { class: "card" }, h("h3", {}, "Files"), this.files)));
  }

  #told() {
    const { found } = this;
    const given = Object.entries(found.given).filter(([, share]) => share === 1).map(([voice]) => voice.toLowerCase());
    const places = found.fermatas.map((one) => `bar ${one.bar}, beat ${one.beat}`);
    const marks = places.length ? `Fermatas of the input: ${places.join("; ")}.` : "The input has no fermatas: where phrases end was guessed from the melody.";
    return `Key: ${found.key}. ${given.length ? `Given throughout: ${given.join(", ")}. ` : ""}${marks} Made in ${found.seconds} s.`;
  }

  #modes() {
    const buttons = MODES.map(([mode, label]) => h("button", { type: "button", class: "small", "aria-pressed": String(mode === "play"), onclick: () => this.setMode(mode) }, label));
    this.modeButtons = buttons;
    return h("div", { class: "row modes", role: "group", "aria-label": "What a click or Enter on the score does" }, h("span", { class: "muted" }, "A click on the score:"), buttons);
  }

  setMode(mode) {
    this.mode = mode;
    this.modeButtons.forEach((button, i) => button.setAttribute("aria-pressed", String(MODES[i][0] === mode)));
    if (this.view) this.view.mode = mode;
  }

  /** Show one of the alternatives, at the same place of the music. */
  async show(stem) {
    const quarter = this.view ? this.view.quarterAt(this.player.time) : 0;
    const stopped = !this.player.playing;
    this.current = this.takes.find((one) => one.stem === stem) ?? this.takes[0];
    this.#choices();
    try {
      const root = `job:${this.job.number}/${this.current.stem}`;
      const sheet = await loadScore(root);
      this.unfollow?.();
      this.view = score(sheet, { label: `Score, ${this.current.label}` });
      fill(this.place, this.view.element);
      this.player.load(fileAddress(`${root}.wav`), { label: this.current.label, lead: sheet.lead, keep: !stopped });
      if (quarter > 0) this.player.seek(this.view.secondAt(quarter));
      this.unfollow = this.view.follow(this.player);
    } catch (error) {
      fill(this.place, mistake(error));
      return;
    }
    this.#wire();
    this.report.show(this.current.findings);
    this.#details();
  }

  #wire() {
    const { view } = this;
    view.mode = this.mode ?? "play";
    view.onbars = (first, last, open) => this.anew.choose(first, last, open);
    view.onnote = (note) => this.anew.toggle(note);
    requestAnimationFrame(() => {
      for (const kind of ["info", "warning", "error"]) {
        view.mark(kind, this.current.findings.filter((one) => one.severity === kind).flatMap((one) => one.notes));
      }
      view.mark("fresh", this.current.changed ?? []);
      this.anew.redraw();
    });
  }

  #lead(finding) {
    this.view.go(finding.notes);
    this.view.mark("picked", finding.notes);
    this.player.seek(this.view.secondAt(finding.onset_quarter));
    say(`Bar ${finding.bar} is shown.`);
  }

  #choices() {
    const rows = this.takes.map((one) => [
      h("button", { type: "button", class: "small", "aria-pressed": String(one === this.current), onclick: () => this.show(one.stem) }, one.label),
      countsText(one.counts),
      ...(this.found.before ? [one.changed ? one.changed.length : null] : []),
      likely(one.nats_per_note),
    ]);
    const columns = ["version", "voice leading", ...(this.found.before ? ["new notes"] : []), "how likely"];
    const focus = this.choices.contains(document.activeElement);
    fill(this.choices, this.takes.length > 1 || this.found.before
      ? table(columns, rows, "How likely: the chance that the model gave its choice, on average over the notes; higher is safer, lower is bolder") : null);
    if (focus) this.choices.querySelector("[aria-pressed=true]")?.focus();
    fill(this.accept, this.#acceptButtons());
  }

  #acceptButtons() {
    const { job, go, current } = this;
    const source = /^job:(\d+)\/(.+)\.musicxml$/.exec(job.request.source);
    const back = source && h("button", { type: "button", onclick: () => go(Number(source[1]), source[2]) }, "Go back to the version before");
    if (this.accepted) {
      return [h("p", { class: "good" }, `Accepted: ${current.label}.`),
        this.found.alternatives.length > 1 ? h("button", { type: "button", onclick: () => go(job.number, "") }, "Show all alternatives") : null, back];
    }
    if (!this.found.before) return [back];
    return [current.label === "Before" ? null
      : h("button", { type: "button", class: "main", onclick: () => go(job.number, current.stem) }, `Accept ${current.label.toLowerCase()}`), back];
  }

  #further() {
    const root = `job:${this.job.number}/${this.current.stem}`;
    const check = `/harmonise?${new URLSearchParams({ part: "check", file: `${root}.musicxml` })}`;
    return h("div", { class: "row" }, onward(`${root}.mid`, ["critique", "picture"], this.current.label), h("a", { class: "button", href: check }, "Check voice leading"));
  }

  #locked(locks) {
    const wanted = locks.map((text) => /^([SATB]+):(.*)$/.exec(text)).filter(Boolean);
    return this.view.notes.filter((note) => wanted.some(([, voices, span]) =>
      note.voice && voices.includes(note.voice[0].toUpperCase()) && this.anew.inside(span, note))).map((note) => note.id);
  }

  #details() {
    const { current, job, found } = this;
    const share = current.preserved;
    const mine = job.number && found.files.filter((file) => file.name.startsWith(`${current.stem}.`) && !file.name.endsWith(".timing.json"));
    fill(this.files, fileLinks(job, mine), h("p", { class: "muted" }, `Files of ${current.label.toLowerCase()}.`),
      found.files.some((file) => file.name === `${current.stem}.mid`) ? this.#further() : null);
    if (!share) {
      fill(this.kept, h("p", {}, "This is the version that bars were written anew of."));
      return;
    }
    const lost = KEPT.filter(([name]) => share[name] < 1);
    const text = share.share === 1
      ? "All of what was given is in the result, unchanged: pitches, rhythm, spelling, ties, fermatas, words, bars and tempi."
      : `${Math.floor(share.share * 1000) / 10} % of what was given is unchanged.`;
    fill(this.kept, h("p", {}, text), lost.length ? facts(lost.map(([name, label]) => [label, `${Math.floor(share[name] * 1000) / 10} %`])) : null,
      h("p", { class: "muted" }, `${clock(this.view.seconds.at(-1) ?? 0)} of music.`));
  }
}
