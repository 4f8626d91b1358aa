// The form for bars that are drawn anew: which, by whom, like what, how many alternatives.
//
//   regionForm({ region(region), held(parts), free(), draw(body) })
//   // { element, set({bars, region, locked}), parts(names), region(region), locked(count), held() }

import { fill, h, unique } from "./dom.js";

/** The form; see above. */
export function regionForm({ region: told, held: holding, free, draw }) {
  const state = { most: 1, region: { first: 1, last: 1 }, parts: [], redrawn: [] };
  const ids = { first: unique("first"), last: unique("last"), n: unique("n"), text: unique("like") };
  const bar = (id) => h("input", { id, type: "number", min: 1, step: 1, onchange: () => typed() });
  const first = bar(ids.first);
  const last = bar(ids.last);
  const text = h("input", { id: ids.text, type: "text", maxlength: 2000, placeholder: "softer, more notes ...", "aria-describedby": `${ids.text}-hint` });
  const n = h("input", { id: ids.n, type: "number", min: 1, max: 8, step: 1, value: "2" });
  const players = h("fieldset", { hidden: true }, h("legend", {}, "Drawn anew"));
  const locks = h("div", { class: "row", role: "status" });
  const button = h("button", { type: "submit", class: "main" });

  function typed() {
    const clamp = (value) => Math.max(1, Math.min(Math.round(Number(value)) || 1, state.most));
    const from = clamp(first.value);
    api.region({ first: from, last: Math.max(from, clamp(last.value)) });
    told(state.region);
  }

  function submit(event) {
    event.preventDefault();
    const { first: from, last: to } = state.region;
    const all = state.redrawn.length === state.parts.length;
    draw({ bars: from === to ? String(from) : `${from}-${to}`, text: text.value.trim(), n: Number(n.value) || 1, instruments: all ? [] : state.redrawn });
  }

  function showPlayers() {
    players.hidden = state.parts.length < 2;
    fill(players, h("legend", {}, "Drawn anew (the others stay)"), h("div", { class: "row" }, state.parts.map((name) => {
      const id = unique("part");
      return h("span", {}, h("input", { id, type: "checkbox", checked: state.redrawn.includes(name), onchange: (event) => choosePart(name, event.target) }), " ", h("label", { for: id }, name));
    })));
  }

  function choosePart(name, box) {
    const left = state.parts.filter((one) => (one === name ? box.checked : state.redrawn.includes(one)));
    // Nobody to play would be no order.
    if (left.length === 0) { box.checked = true; return; }
    state.redrawn = left;
    holding(api.held());
  }

  const field = (id, label, control, hint = null) => h("div", { class: "field" }, h("label", { for: id }, label), control, hint);
  const api = {
    element: h("form", { class: "region-form", onsubmit: submit },
      h("h3", {}, "Draw some bars anew"),
      h("p", { class: "muted" }, "Drag over the roll, or give the bars. Click a note to lock it: it stays as it is. So does everything outside the bars."),
      h("div", { class: "pair" }, field(ids.first, "From bar", first), field(ids.last, "To bar", last)),
      players, locks,
      field(ids.text, "Like what (may be empty)", text, h("span", { class: "hint", id: `${ids.text}-hint` }, "What the new bars should be like, in words")),
      field(ids.n, "Alternatives", n), h("div", { class: "row" }, button)),
    set({ bars, region, locked }) {
      state.most = bars;
      first.max = last.max = String(bars);
      api.region(region);
      api.locked(locked);
    },
    parts(names) {
      if (names.join() === state.parts.join()) return;
      state.parts = names;
      state.redrawn = [...names];
      showPlayers();
    },
    region(region) {
      state.region = region ?? { first: 1, last: 1 };
      first.value = String(state.region.first);
      last.value = String(state.region.last);
      const { first: from, last: to } = state.region;
      fill(button, from === to ? `Draw bar ${from} anew` : `Draw bars ${from} to ${to} anew`);
    },
    locked(count) {
      fill(locks, count === 0 ? [] : [h("span", {}, `${count} ${count === 1 ? "note is" : "notes are"} locked.`), h("button", { type: "button", class: "small", onclick: free }, "Free all")]);
    },
    held: () => state.parts.flatMap((name, part) => (state.redrawn.includes(name) ? [] : [part])),
  };
  return api;
}
