// The weights that come with the package: cards, and all that is known of each.

import { facts, fill, h, number, say, table } from "../js/dom.js";
import { get } from "../js/api.js";
import { mistake } from "../js/jobs.js";
import { flat, shown } from "../js/runs.js";

const TASKS = {
  chorale: ["Chorales: harmonise and compose", "/harmonise"],
  text2midi: ["Text to music", "/compose"],
  piano: ["Piano performances", "/continue"],
  critique: ["Judging performances", "/critique"],
  audio2visual: ["Sound to picture", "/picture"],
};

/** Bytes for people. */
export function size(bytes) {
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`;
}

function million(count) {
  return count >= 1e6 ? `${(count / 1e6).toFixed(1)} million` : count.toLocaleString("en");
}

export async function build(main) {
  const { models } = await get("/api/models");
  const detail = h("section", { id: "model", tabindex: "-1", "aria-label": "About one model", hidden: true });
  const buttons = new Map();
  const total = models.reduce((sum, one) => sum + one.size_bytes, 0);

  async function open(name, move = true) {
    for (const [key, button] of buttons) button.setAttribute("aria-expanded", String(key === name));
    try {
      const card = await get(`/api/models/${encodeURIComponent(name)}`);
      const row = models.find((one) => one.name === name);
      fill(detail, about(card, row, close));
      history.replaceState(null, "", `?model=${encodeURIComponent(name)}`);
    } catch (error) {
      fill(detail, mistake(error));
    }
    detail.hidden = false;
    if (move) detail.focus();
    detail.scrollIntoView({ block: "start" });
    say(`${name} is shown.`);
  }
  function close() {
    detail.hidden = true;
    history.replaceState(null, "", location.pathname);
    for (const [, button] of buttons) {
      if (button.getAttribute("aria-expanded") === "true") button.focus();
      button.setAttribute("aria-expanded", "false");
    }
  }
  function card(one) {
    const button = h("button", { type: "button", "aria-expanded": "false", "aria-controls": "model", onclick: () => open(one.name) }, `All about ${one.name}`);
    buttons.set(one.name, button);
    return h("article", { class: "card", "data-model": one.name }, h("h3", {}, one.name), h("p", {}, one.summary),
      h("ul", { class: "chips", "aria-label": "In short" }, [`${million(one.parameters)} numbers`, size(one.size_bytes), one.licence].map((text) => h("li", { class: "chip" }, text))), button);
  }

  main.append(
    h("h1", {}, "Models"),
    h("p", { class: "lead" }, `${models.length} sets of weights come with the package, ${size(total)} together. Nothing is downloaded.`),
    detail,
    ...Object.entries(TASKS).map(([task, [name, path]]) => {
      const some = models.filter((one) => one.task === task);
      return some.length ? h("section", {}, h("h2", {}, name), h("p", { class: "muted" }, "Used by ", h("a", { href: path }, `the page ${path[1].toUpperCase()}${path.slice(2)}`), "."), h("div", { class: "cards" }, some.map(card))) : null;
    }).filter(Boolean));
  const wanted = new URLSearchParams(location.search).get("model");
  if (models.some((one) => one.name === wanted)) await open(wanted, false);
}

function about(card, row, close) {
  const metrics = Object.entries(card.metrics ?? {}).filter(([, value]) => typeof value !== "object");
  const settings = flat(card.config).map(([name, value]) => [name, shown(value)]);
  return h("div", { class: "card" }, h("h2", {}, card.name), h("p", {}, card.summary),
    facts([
      ["Task", card.task], ["Parameters", card.parameters.toLocaleString("en")], ["Size", row ? size(row.size_bytes) : "-"],
      ["Licence", card.licence], ["Trained on", h("ul", {}, card.trained_on.map((one) => h("li", {}, one)))],
      ["Recipe", card.recipe ? h("code", {}, `partimento train ${card.recipe}`) : "-"],
      card.notes ? ["Notes", card.notes] : null,
      ["Class", h("code", {}, card.model_class)], ["Data", card.data_hash ? h("code", {}, card.data_hash) : "-"],
    ].filter(Boolean)),
    metrics.length ? table(["measure", "value"], metrics.map(([name, value]) => [name.replaceAll("_", " "), typeof value === "number" ? value : number(value)]), "Figures of the card") : null,
    settings.length ? h("details", {}, h("summary", {}, `Configuration (${settings.length})`), table(["setting", "value"], settings, "Configuration of the network")) : null,
    h("p", {}, h("button", { type: "button", onclick: close }, "Close")));
}
