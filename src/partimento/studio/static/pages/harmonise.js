// Harmonise a melody in four parts, write bars anew, check the voice leading of any score.

import { fill, h, unique } from "../js/dom.js";
import { get, result } from "../js/api.js";
import { filesOfAddress } from "../js/files.js";
import { field, forms, values } from "../js/form.js";
import { fromAddress, mistake, order, reveal } from "../js/jobs.js";
import { RULES } from "../js/harmonise_anew.js";
import { checkPanel, checkView } from "../js/harmonise_check.js";
import { resultView } from "../js/harmonise_result.js";
import { melodySource } from "../js/harmonise_source.js";
import { KEYS } from "../js/melody_abc.js";
import { tabs } from "../js/tabs.js";

const UPPER = "upper line";
const LAYOUTS = { four: "Four staves", two: "Two staves" };
const VOICES = [["", "Found from the file"], ["S", "Soprano"], ["A", "Alto"], ["T", "Tenor"], ["B", "Bass"], ["SB", "Soprano and bass"], ["SA", "Soprano and alto"], [UPPER, "The upper line of a piece (MIDI)"]];

export async function build(main) {
  const schema = (await forms()).harmonize;
  const place = h("div", { id: "result" });
  const form = makeForm(schema, place);
  const make = h("div", {}, h("p", { class: "lead" },
    "Give a melody; get soprano, alto, tenor and bass that keep it note for note and follow the rules of voice leading. Then write single bars anew until you like all of them."),
  form.element, place);
  const check = checkPanel((found, job) => showCheck(found, job, true));
  const parts = tabs("What to do", [["make", "Harmonise a melody", make], ["check", "Check voice leading", check.element]]);
  main.append(h("h1", {}, "Harmonise"), parts.element);
  await route(parts, place, check.place);
  const files = await filesOfAddress();
  if (new URLSearchParams(location.search).get("part") === "check") files.forEach(check.add);
  else if (files.length) form.give(files[0]);
  window.addEventListener("popstate", () => route(parts, place, check.place));

  async function showCheck(found, job, fresh) {
    await putCheck(check.place, found, job, fresh);
  }
}

/** Show what the address asks for: a job again, or the part that checks. */
async function route(parts, place, checkPlace) {
  const asked = new URLSearchParams(location.search);
  if (asked.get("part") === "check") parts.open("check");
  const place_ = asked.get("job") ? h("div", {}) : null;
  if (!place_) return fill(place);
  const job = await fromAddress(["harmonize", "check"], place_, async (found, made) => {
    if (made.kind === "check") await putCheck(checkPlace, found, made, false);
    else await putResult(place, found, made, asked.get("take") ?? "", false);
  });
  const home = job?.kind === "check" ? checkPlace : place;
  parts.open(job?.kind === "check" ? "check" : "make");
  // Progress, or the mistake, of a job that has not ended stands where its result will stand.
  if (!home.querySelector("section")) fill(home, place_);
  return undefined;
}

function makeForm(schema, place) {
  const source = melodySource();
  const key = keyField(schema), voices = voicesField(schema);
  const fields = {
    mode: field(schema, "mode", "Rules", {}, RULES), layout: field(schema, "layout", "Layout", {}, LAYOUTS), n: field(schema, "n", "Alternatives", { value: 2 }),
    temperature: field(schema, "temperature", "Temperature"), seed: field(schema, "seed", "Seed"),
  };
  fields.n.control.value = "2";
  const button = h("button", { type: "submit", class: "main" }, "Harmonise");
  const trouble = h("div", {});
  const element = h("form", { class: "card", onsubmit: async (event) => {
    event.preventDefault();
    fill(trouble);
    const focused = document.activeElement === button;
    button.disabled = true;
    try {
      const one = await source.take();
      const given = voices.value() === UPPER ? { upper_line: true } : values({ voices });
      await order("harmonize", { ...values(fields), ...given, key: key.value(), source: one.ref }, place, (found, job) => putResult(place, found, job, "", true));
    } catch (error) {
      fill(trouble, mistake(error));
    } finally {
      button.disabled = false;
      // A button that is disabled loses the focus.
      if (focused && document.activeElement === document.body) button.focus();
    }
  } },
  source.element,
  h("div", { class: "grid form-row" }, key.element, fields.mode.element, fields.layout.element, fields.n.element),
  h("details", {}, h("summary", {}, "More settings"), h("div", { class: "grid form-row" }, voices.element, fields.temperature.element, fields.seed.element)),
  h("div", { class: "row" }, button), trouble);
  /** A file that another page sends: of a piece that was made here the upper line is meant. */
  function give(one) {
    source.give(one);
    if (one.ref.endsWith(".mid")) voices.choose(UPPER);
  }
  return { element, give };
}

function choiceField(label, hint, options) {
  const id = unique("choice");
  const select = h("select", { id, "aria-describedby": `${id}-hint` }, options.map(([value, text]) => h("option", { value }, text)));
  return { element: h("div", { class: "field" }, h("label", { for: id }, label), select, h("span", { class: "hint", id: `${id}-hint` }, hint)), value: () => select.value || null, choose: (value) => { select.value = value; } };
}

const keyField = () => choiceField("Key", "Found from the melody, or said by you", [["auto", "Found from the melody"], ...KEYS.map((one) => [one.name, one.name])]);
const voicesField = (schema) => choiceField("Voices that are given", schema.properties.voices.description, VOICES);

/** Put a finished harmonisation on the page; a fresh one gets an address of its own. */
async function putResult(place, found, job, take, fresh) {
  if (fresh) history.pushState(null, "", address(job.number, take));
  const go = async (number, stem) => {
    try {
      const [other, again] = await Promise.all([result(number), get(`/api/jobs/${number}`)]);
      await putResult(place, other, again, stem, true);
    } catch (error) {
      place.prepend(mistake(error));
    }
  };
  const view = await resultView(found, job, { take, go });
  fill(place, view);
  place.dataset.shown = `${job.number}/${take}`;
  if (fresh) arrive(view);
  else reveal(view);
}

async function putCheck(place, found, job, fresh) {
  if (fresh) history.pushState(null, "", address(job.number, ""));
  const view = checkView(found, job);
  fill(place, view.element);
  await view.ready;
  place.dataset.shown = String(job.number);
  if (fresh) arrive(view.element);
  else reveal(view.element);
}

const address = (number, take) => `/harmonise?job=${number}${take ? `&take=${encodeURIComponent(take)}` : ""}`;

/** What has just come is where the eye and the reader go on. */
function arrive(element) {
  const heading = element.querySelector("h2");
  heading.focus({ preventScroll: true });
  heading.scrollIntoView({ block: "start" });
}
