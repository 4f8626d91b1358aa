// The words of a piece: what was understood of each, and a way to correct every attribute.
//
//   const panel = wordsPanel();   // { element, text(), settings(), set(text, settings) }
//
// While somebody types, the studio is asked what it understands.  A correction is kept until it is
// taken back, whatever the text says later.

import { fill, h, say, unique } from "./dom.js";
import { ask } from "./api.js";
import { mistake } from "./jobs.js";

const WAIT_MS = 350;
const EXAMPLES = [
  ["A sad waltz", "A sad, slow waltz in D minor for violin and cello, 8 bars"],
  ["A fast jig", "A fast, happy jig for flute in G major, 8 bars"],
  ["A hymn", "A calm hymn in F major for choir and organ, 8 bars, soft"],
  ["A sparse nocturne", "A quiet, sparse piano piece in A minor, legato, about 70 bpm, 8 bars"],
];
const HOW = { said: "", implied: "implied by ", negated: "not: " };
/** Names of attributes for people. */
export const LABELS = { valence: "mood", tempo_bpm: "tempo", tempo_word: "tempo", excluded: "without", arousal: "energy", polyphony: "notes at once", dynamics: "loudness" };

const PLAIN = {
  valence: { low: "sad", medium: "neither sad nor happy", high: "happy" },
  arousal: { low: "calm", medium: "moderate", high: "lively" },
};
/** A value of an attribute for people: moods have names, not heights. */
export const plainValue = (attribute, value) => PLAIN[attribute]?.[value] ?? value;

/** The panel; see above. */
export function wordsPanel() {
  const state = { settings: {}, controls: new Map(), asked: 0, timer: 0 };
  const id = unique("words");
  const text = h("textarea", { id, name: "text", maxlength: 2000, rows: 3, "aria-describedby": `${id}-hint`,
    placeholder: "A sad waltz in D minor for violin and cello", oninput: () => later() });
  const told = h("div", { class: "understood", role: "group", "aria-label": "What was understood" });
  const grid = h("div", { class: "grid" });
  const corrections = h("details", { class: "corrections", hidden: true }, h("summary", {}, "Correct what was understood"),
    h("p", { class: "muted" }, "A correction holds whatever the text says. Empty fields are as the text says; what is open the model chooses."), grid);

  function later() {
    clearTimeout(state.timer);
    state.timer = setTimeout(understand, WAIT_MS);
  }

  async function understand() {
    clearTimeout(state.timer);
    const mine = ++state.asked;
    const words = text.value.trim();
    if (!words) {
      fill(told, h("p", { class: "muted" }, "What is understood of your words will stand here."));
      return;
    }
    if (told.childElementCount === 0) fill(told, h("p", { class: "muted" }, "Reading ..."));
    try {
      const answer = await ask("understand", { text: words, settings: state.settings });
      if (mine === state.asked) show(answer);
    } catch (error) {
      if (mine === state.asked) fill(told, mistake(error));
    }
  }

  function show(answer) {
    fill(told,
      chips(answer),
      answer.wishes.length ? h("p", { class: "muted" }, `For the whole song: ${answer.wishes.map((one) => one.words).join("; ")}.`) : null,
      answer.unused.length ? h("p", { class: "muted" }, `Not used: ${answer.unused.join(", ")}.`) : null,
      answer.could_not.map((one) => h("p", { class: "notice" }, `${one}.`)));
    corrections.hidden = false;
    for (const control of answer.controls) {
      if (!state.controls.has(control.name)) addControl(control);
      state.controls.get(control.name).update(control, answer.wrong[control.name] ?? "");
    }
  }

  function chips(answer) {
    const items = answer.findings.map((one) => {
      const corrected = one.setting in state.settings;
      const value = Array.isArray(one.value) ? one.value.join(" to ") : String(plainValue(one.attribute, one.value));
      const label = LABELS[one.attribute] ?? one.attribute;
      const inside = [h("strong", {}, `${label}: `), corrected ? h("s", {}, value) : value, h("span", { class: "muted" }, ` ${HOW[one.how]}“${one.words}”`)];
      return h("li", { class: "chip" }, one.setting === null ? inside : h("button", { type: "button", class: "plain", title: `Correct ${label}`, onclick: () => goTo(one.setting) }, inside));
    });
    for (const [name, value] of Object.entries(state.settings)) {
      const label = LABELS[name] ?? name;
      items.push(h("li", { class: "chip yours" }, h("strong", {}, `${label}: `), value === "any" ? "open" : value, h("span", { class: "muted" }, " set by you "),
        h("button", { type: "button", class: "plain", "aria-label": `Take back ${label}`, onclick: () => change(name, "") }, "✕")));
    }
    if (items.length === 0) return h("p", { class: "muted" }, "Nothing that we know was asked for; the model is free.");
    return h("ul", { class: "chips", "aria-label": "Understood, word by word" }, items);
  }

  function goTo(name) {
    corrections.open = true;
    state.controls.get(name)?.focus();
  }

  function change(name, value) {
    if (value === "") delete state.settings[name];
    else state.settings[name] = value;
    say(value === "" ? `${name}: as the text says` : `${name}: ${value}`);
    understand();
  }

  function addControl(control) {
    const made = MAKERS[control.kind](control, (value) => change(control.name, value), () => state.settings[control.name] ?? "");
    state.controls.set(control.name, made);
    grid.append(made.element);
  }

  const examples = h("div", { class: "row" }, h("span", { class: "muted" }, "Try:"), EXAMPLES.map(([name, words]) =>
    h("button", { type: "button", onclick: () => { panel.set(words, {}); text.focus(); } }, name)));

  const panel = {
    element: h("div", {}, h("div", { class: "field" }, h("label", { for: id }, "What do you want to hear?"), text,
      h("span", { class: "hint", id: `${id}-hint` }, "In English, Italian, Spanish or Catalan: kind of piece, mood, key, tempo, instruments, length.")),
    examples, told, corrections),
    text: () => text.value.trim(),
    settings: () => ({ ...state.settings }),
    focus: () => text.focus(),
    set(words, settings) {
      text.value = words;
      state.settings = { ...settings };
      understand();
    },
  };
  understand();
  return panel;
}

// One control for each kind of setting: { element, update(control, wrong), focus() }.

function frame(control, inner, id) {
  const hint = h("span", { class: "hint", id: `${id}-hint` });
  const element = h("div", { class: "field" }, h("label", { for: id }, control.label), inner, hint);
  const tell = (news, wrong) => {
    const said = news.text ? `The text: ${news.text}` : "The text leaves it open";
    fill(hint, wrong ? h("span", { class: "wrong" }, wrong) : `${said}${control.kind === "tempo" ? "; a word or beats a minute" : ""}`);
  };
  return { element, tell };
}

function choice(control, change, current) {
  const id = unique(control.name);
  const first = h("option", { value: "" }, "");
  const select = h("select", { id, "aria-describedby": `${id}-hint`, onchange: () => change(select.value) },
    first, h("option", { value: "any" }, "open"), control.choices.map((one) => h("option", { value: one }, one)));
  const { element, tell } = frame(control, select, id);
  return { element, focus: () => select.focus(), update(news, wrong) {
    first.textContent = news.text ? `as the text says: ${news.text}` : "open";
    // "Open" is a correction only where the text says something.
    select.options[1].hidden = !news.text;
    select.value = current();
    tell(news, wrong);
  } };
}

function written(control, change, current, extra) {
  const id = unique(control.name);
  const input = h("input", { id, "aria-describedby": `${id}-hint`, onchange: () => change(input.value.trim()), ...extra });
  const { element, tell } = frame(control, input, id);
  return { element, input, focus: () => input.focus(), update(news, wrong) {
    input.placeholder = news.text || "open";
    if (document.activeElement !== input) input.value = current() === "any" ? "" : current();
    input.setAttribute("aria-invalid", String(Boolean(wrong)));
    tell(news, wrong);
  } };
}

function tempo(control, change, current) {
  const list = unique("tempi");
  const made = written(control, change, current, { type: "text", list, maxlength: 20, autocomplete: "off" });
  made.element.append(h("datalist", { id: list }, control.choices.map((one) => h("option", { value: one }))));
  return made;
}

const numeric = (control, change, current) => written(control, change, current, { type: "number", min: control.least, max: control.most, step: 1 });

function names(control, change, current) {
  const id = unique(control.name);
  const chosen = h("ul", { class: "chips", "aria-label": `${control.label} asked for` });
  let value = [];
  const select = h("select", { id, "aria-describedby": `${id}-hint`, onchange: () => {
    const added = select.value;
    select.value = "";
    if (added && !value.includes(added)) change([...value, added].join(", "));
  } }, h("option", { value: "" }, "Add ..."), control.choices.map((one) => h("option", { value: one }, one)));
  const { element, tell } = frame(control, h("div", {}, chosen, select), id);
  const drop = (name) => {
    const left = value.filter((one) => one !== name);
    change(left.length ? left.join(", ") : "any");
    select.focus();
  };
  return { element, focus: () => select.focus(), update(news, wrong) {
    value = news.value ? news.value.split(", ") : [];
    fill(chosen, value.map((name) => h("li", { class: "chip" }, `${name} `, h("button", { type: "button", class: "plain", "aria-label": `Remove ${name}`, onclick: () => drop(name) }, "✕"))));
    chosen.hidden = value.length === 0;
    tell(news, wrong);
    if (current()) element.dataset.yours = "true";
    else delete element.dataset.yours;
  } };
}

const MAKERS = { choice, tempo, number: numeric, names };
