// The page where performances are judged on nineteen dimensions, and compared.

import { fill, h, say } from "../js/dom.js";
import { filePicker, filesOfAddress, named, shownName } from "../js/files.js";
import { fromAddress, mistake, order, remember } from "../js/jobs.js";
import { performancePicker } from "../js/performances.js";
import { showVerdicts } from "../js/verdicts.js";

const MOST = 8;

export async function build(main) {
  const page = new Page();
  main.append(
    h("h1", {}, "Critique"),
    h("p", { class: "lead" }, "Give a piano performance as MIDI: how would listeners describe it? Give several of the same passage, and they are compared."),
    page.element);
  const again = await fromAddress(["critique"], page.result, (found, job) => showVerdicts(page.result, found, job));
  for (const file of await (again ? named(again.request.performances) : filesOfAddress())) page.add(file);
}

class Page {
  constructor() {
    this.chosen = [];
    this.score = null;
    this.list = h("ol", { class: "chosen" });
    this.empty = h("p", { class: "muted" }, "None yet. The example is a performance of 16 seconds.");
    this.scoreState = h("p", { class: "row" });
    this.go = h("button", { type: "submit", class: "main" }, "Judge");
    this.trouble = h("div", {});
    this.result = h("div", {});
    const picker = performancePicker("MIDI files of performances", (one) => this.add(one), true);
    const score = filePicker("MusicXML, ABC, Humdrum or MIDI of the score", ["score", "midi"], ".musicxml,.mxl,.xml,.mid,.midi,.abc,.krn",
      (one) => this.takeScore(one));
    this.element = h("div", {},
      h("div", { class: "columns" },
        h("section", { class: "card", "aria-labelledby": "choose-title" }, h("h2", { id: "choose-title" }, "Add a performance"), picker.element),
        h("section", { class: "card", "aria-labelledby": "chosen-title" },
          h("h2", { id: "chosen-title" }, "To be judged"),
          h("form", { onsubmit: (event) => { event.preventDefault(); this.send(); } },
            this.empty, this.list,
            h("details", {}, h("summary", {}, "With a score (optional)"),
              h("p", { class: "muted" }, "With the score of the passage the critic knows beats and bars, and tells more."), this.scoreState, score.element),
            h("p", { class: "row" }, this.go), this.trouble))),
      h("section", { "aria-label": "Result" }, this.result));
  }

  add(one) {
    fill(this.trouble);
    if (this.chosen.some((other) => other.ref === one.ref)) return;
    if (this.chosen.length >= MOST) {
      fill(this.trouble, mistake(new Error(`At most ${MOST} performances at once; remove one first.`)));
      return;
    }
    this.chosen.push(one);
    this.showChosen();
  }

  remove(one) {
    this.chosen = this.chosen.filter((other) => other !== one);
    this.showChosen();
    say(`${one.name} is removed.`);
    (this.list.querySelector("button") ?? this.go).focus();
  }

  showChosen() {
    this.empty.hidden = this.chosen.length > 0;
    fill(this.go, this.chosen.length > 1 ? `Compare ${this.chosen.length}` : "Judge");
    fill(this.list, this.chosen.map((one) => {
      const name = shownName(one.ref, one.name);
      return h("li", {}, h("span", { class: "row" }, h("span", {}, name),
        h("button", { type: "button", class: "small", "aria-label": `Remove ${name}`, onclick: () => this.remove(one) }, "Remove")));
    }));
  }

  takeScore(one) {
    this.score = one;
    fill(this.scoreState, one ? [h("span", {}, `Score: ${shownName(one.ref, one.name)}`),
      h("button", { type: "button", class: "small", onclick: () => this.takeScore(null) }, "Without it")] : []);
  }

  async send() {
    fill(this.trouble);
    if (this.chosen.length === 0) {
      fill(this.trouble, mistake(new Error("Add a performance first: a MIDI file, or the example.")));
      return;
    }
    const body = { performances: this.chosen.map((one) => one.ref) };
    if (this.score) body.score = this.score.ref;
    remember(await order("critique", body, this.result, (found, job) => showVerdicts(this.result, found, job)));
  }
}
