// The first page: what can be done here.

import { h } from "../js/dom.js";

const DOORS = [
  ["/compose", "Compose", "A sentence becomes a piece. See what was understood, correct it, keep some bars and draw the others anew."],
  ["/harmonise", "Harmonise", "A melody becomes a four-part chorale that follows the rules of voice leading, or says where it does not."],
  ["/continue", "Continue", "A piano performance goes on where it stopped."],
  ["/critique", "Critique", "A performance on nineteen dimensions; several performances of one passage compared."],
  ["/picture", "Picture", "A cover for a piece or a sound."],
  ["/doctor", "Doctor", "Why does a model not learn? Findings, curves and attention of training runs."],
  ["/models", "Models", "The weights that come with the package, and what they were trained on."],
  ["/history", "History", "Everything that was made here; it survives a restart."],
];

export async function build(main) {
  main.append(
    h("h1", {}, "Studio"),
    h("p", { class: "lead" }, "Everything happens on this machine; nothing is sent anywhere."),
    h("div", { class: "cards" }, DOORS.map(([path, name, text]) =>
      h("section", { class: "card" }, h("h2", {}, h("a", { href: path }, name)), h("p", {}, text)))),
  );
}
