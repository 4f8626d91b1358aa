// Where the melody comes from: an example, a file, or drawn here.

import { fill, h, say, unique } from "./dom.js";
import { get, post, upload } from "./api.js";
import { filePicker } from "./files.js";
import { mistake } from "./jobs.js";
import { melodyEditor } from "./melody.js";
import { askScore, score } from "./score.js";

const SCORES = ".mid,.midi,.musicxml,.xml,.mxl,.abc,.krn,.kern";
const FIRST = "old_hundredth.musicxml";

/** The name of an example's file as a title. */
export const exampleTitle = (name) => {
  const words = name.replace(/\.[a-z]+$/, "").replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
};

/** The shipped scores as a list to choose from. */
export function exampleList(label) {
  const id = unique("example");
  const select = h("select", { id });
  get("/api/examples").then(({ examples }) => {
    const names = examples.filter((name) => !name.endsWith(".mid"));
    fill(select, names.map((name) => h("option", { value: name, selected: name === FIRST }, exampleTitle(name))));
  }).catch((error) => select.after(mistake(error)));
  return { element: h("div", { class: "field" }, h("label", { for: id }, label), select), select, take: () => post(`/api/examples/${select.value || FIRST}`) };
}

/**
 * The choice: {element, take(), give(file)}; take() gives the file, or raises an error that says
 * what is missing; give() chooses one.
 */
export function melodySource() {
  const name = unique("source");
  const examples = exampleList("Melody");
  const preview = h("div", {});
  let file = null;
  const picker = filePicker("A melody as MIDI, MusicXML, ABC or Humdrum", ["midi", "score"], SCORES, (one) => {
    file = one;
    see(one);
  });
  let editor = null;
  const drawn = h("div", {});
  const panels = {
    example: h("div", {}, h("div", { class: "row end" }, examples.element,
      h("button", { type: "button", onclick: () => examples.take().then(see).catch((error) => fill(preview, mistake(error))) }, "Show it"))),
    file: picker.element,
    draw: drawn,
  };
  let chosen = "example";

  function choose(what) {
    chosen = what;
    for (const [key, panel] of Object.entries(panels)) panel.hidden = key !== what;
    fill(preview);
    if (what === "draw" && !editor) {
      editor = melodyEditor();
      drawn.append(editor.element);
    }
    if (what === "file" && file) see(file);
  }

  async function see(one) {
    fill(preview, h("p", { class: "muted" }, "Engraving ..."));
    try {
      const view = score(await askScore(one.ref), { label: `Melody ${one.name}` });
      const warnings = (one.facts?.warnings ?? []).map((text) => h("p", { class: "notice" }, text));
      fill(preview, h("h2", {}, "The melody"), warnings, view.element);
      say(`${one.name} is shown.`);
    } catch (error) {
      fill(preview, mistake(error));
    }
  }

  async function take() {
    if (chosen === "example") return examples.take();
    if (chosen === "file") {
      if (!file) throw new Error("Choose a file with a melody first.");
      return file;
    }
    const text = editor.abc();
    if (!text) throw new Error("The grid is empty. Click into it, or press letters from A to G, to write a melody first.");
    const title = editor.melody.title.trim() || "melody";
    return upload(new File([text], `${title}.abc`));
  }

  const radios = [["example", "One of the examples"], ["file", "A file of yours"], ["draw", "Draw one"]].map(([key, label]) => {
    const id = unique("way");
    return h("span", { class: "choice" },
      h("input", { type: "radio", name, id, value: key, checked: key === chosen, onchange: () => choose(key) }), h("label", { for: id }, label));
  });
  /** Take a file that stands already: one that the address names. */
  function give(one) {
    radios.find((row) => row.querySelector("input").value === "file").querySelector("input").checked = true;
    choose("file");
    picker.choose(one);
  }
  choose("example");
  return { element: h("fieldset", {}, h("legend", {}, "Melody"), h("div", { class: "row choices" }, radios), Object.values(panels), preview), take, give };
}
