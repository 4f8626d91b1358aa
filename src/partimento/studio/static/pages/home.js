// The first page: three ways to a first result, what was made last, and what can be done here.

import { fill, h } from "../js/dom.js";
import { follow, get, post } from "../js/api.js";
import { mistake, stateWord } from "../js/jobs.js";
import { kindWord, pageOf, when } from "../js/kinds.js";

/** Title, what happens, the words of the button, and how the order is made. */
const EXAMPLES = [
  ["Compose", "“A sad, slow waltz in D minor for violin and cello, 8 bars” becomes two pieces to hear, see and change.", "Compose a sad waltz",
    () => ["compose", { text: "A sad, slow waltz in D minor for violin and cello, 8 bars", n: 2 }]],
  ["Harmonise", "The melody of Old Hundredth gets alto, tenor and bass that follow the rules of voice leading.", "Harmonise Old Hundredth",
    async () => ["harmonize", { source: await example("old_hundredth.musicxml"), n: 2 }]],
  ["Judge", "How would listeners describe 16 seconds of piano playing? Nineteen dimensions, and what drives each.", "Judge a performance",
    async () => ["critique", { performances: [await example("piano_primer.mid")] }]],
];
const DOORS = [
  ["/compose", "Compose", "A sentence becomes a piece. See what was understood, correct it, keep some bars and draw the others anew."],
  ["/harmonise", "Harmonise", "A melody becomes a four-part chorale. Or have the voice leading of any score checked, for a whole class at once."],
  ["/continue", "Continue", "A piano performance goes on where it stopped, or some of it is played anew."],
  ["/critique", "Critique", "A performance on nineteen dimensions; several performances of one passage compared."],
  ["/picture", "Picture", "A cover for a piece or a sound."],
  ["/doctor", "Doctor", "Why does a model not learn? Findings, curves and attention of training runs."],
  ["/models", "Models", "The weights that come with the package, and what they were trained on."],
  ["/history", "History", "Everything that was made here; it survives a restart."],
];
const LAST = 5;

const example = async (name) => (await post(`/api/examples/${name}`)).ref;

export async function build(main) {
  main.append(
    h("h1", {}, "What shall we make?"),
    h("p", { class: "lead" }, "Everything happens on this machine; nothing is sent anywhere. Try an example: a click, and the result opens."),
    startPart(),
    h("section", { "aria-labelledby": "last" }, h("h2", { id: "last" }, "Made last"), await lastPart()),
    h("section", { "aria-labelledby": "all" }, h("h2", { id: "all" }, "All pages"),
      h("ul", { class: "doors" }, DOORS.map(([path, name, text]) => h("li", {}, h("a", { href: path }, name), h("span", {}, text))))),
  );
}

function startPart() {
  const trouble = h("div", {});
  const buttons = [];
  async function begin(button, makeOrder) {
    fill(trouble);
    for (const one of buttons) one.disabled = true;
    const words = button.textContent;
    fill(button, "Starting ...");
    try {
      const [kind, body] = await makeOrder();
      location.assign(pageOf(await post(`/api/jobs/${kind}`, body)));
    } catch (error) {
      for (const one of buttons) one.disabled = false;
      fill(button, words);
      fill(trouble, mistake(error));
      button.focus();
    }
  }
  // A page that the browser kept while another one was open is as it was left.
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  const cards = EXAMPLES.map(([title, text, words, makeOrder]) => {
    const button = h("button", { type: "button", class: "main", onclick: () => begin(button, makeOrder) }, words);
    buttons.push(button);
    return h("section", { class: "card", "aria-label": title }, h("h2", {}, title), h("p", {}, text), button);
  });
  return h("div", {}, h("div", { class: "cards starts" }, cards), trouble);
}

/** The newest jobs; they change while they are worked on. */
async function lastPart() {
  const place = h("div", {});
  const known = new Map((await get(`/api/jobs?limit=${LAST}`)).jobs.map((job) => [job.number, job]));
  function show() {
    const newest = [...known.values()].sort((a, b) => b.number - a.number).slice(0, LAST);
    if (newest.length === 0) {
      fill(place, h("p", { class: "muted" }, "Nothing yet. What you make stands here, also after a restart."));
      return;
    }
    const focused = document.activeElement?.dataset.last;
    fill(place, h("ul", { class: "last-jobs" }, newest.map((job) => h("li", {},
      h("a", { href: pageOf(job), "data-last": job.number }, job.title),
      h("span", { class: "muted" }, `${kindWord(job.kind)}, ${when(job.created)}`, job.state === "done" ? null : [", ", h("strong", { class: `state-${job.state}` }, stateWord(job.state))])))),
    h("p", {}, h("a", { href: "/history" }, "The whole history")));
    if (focused) place.querySelector(`[data-last="${focused}"]`)?.focus();
  }
  follow((job) => {
    if (job.revision === known.get(job.number)?.revision) return;
    known.set(job.number, job);
    show();
  });
  show();
  return place;
}
