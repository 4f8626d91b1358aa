// Parts of a page of which one is shown at a time.
//
//   const parts = tabs("What to do", [["make", "Harmonise", panelA], ["check", "Check", panelB]]);
//   page.append(parts.element); parts.open("check"); parts.onopen = (name) => ...

import { h, unique } from "./dom.js";

/** A list of tabs with their panels; arrow keys go from tab to tab. */
export function tabs(label, entries) {
  const id = unique("tabs");
  const buttons = entries.map(([name, title]) => h("button", {
    type: "button", role: "tab", id: `${id}-${name}`, "aria-controls": `${id}-${name}-panel`, onclick: () => open(name, true),
  }, title));
  entries.forEach(([name, , panel]) => {
    panel.id = `${id}-${name}-panel`;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", `${id}-${name}`);
  });
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": label, onkeydown: move }, buttons);
  const parts = { element: h("div", {}, list, entries.map(([, , panel]) => panel)), open, onopen: () => {} };

  function open(name, told = false) {
    entries.forEach(([other, , panel], i) => {
      const here = other === name;
      panel.hidden = !here;
      buttons[i].setAttribute("aria-selected", String(here));
      buttons[i].tabIndex = here ? 0 : -1;
    });
    if (told) parts.onopen(name);
  }

  function move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length;
    buttons[next].focus();
    open(entries[next][0], true);
  }

  open(entries[0][0]);
  return parts;
}
