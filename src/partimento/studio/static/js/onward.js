// From one page to the next with the same piece.

import { h } from "./dom.js";

const PLACES = { critique: "Critique", picture: "Picture", continue: "Continue", harmonise: "Harmonise" };

/**
 * Links that open other pages with these files ("job:3/01.mid", "upload:0123"): `refs` is one or
 * several, `to` the pages.  Only a critique takes more than one file; the others get the first.
 * `name` says what is taken, to those who hear the link without what stands around it.
 */
export function onward(refs, to, name) {
  const all = [refs].flat().slice(0, 8);
  return h("div", { class: "row onward", role: "group", "aria-label": `Go on with ${name}` }, to.map((page) => {
    const some = page === "critique" ? all : all.slice(0, 1);
    const address = `/${page}?${new URLSearchParams(some.map((ref) => ["file", ref]))}`;
    return h("a", { class: "button", href: address }, `Use in ${PLACES[page]}`);
  }));
}
