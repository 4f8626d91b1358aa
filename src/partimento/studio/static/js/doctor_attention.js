// Attention of a chorale network: where each head looks while it reads a score.

import { facts, fill, h, number, say, table, unique } from "./dom.js";
import { fileAddress, get } from "./api.js";
import { field, forms, values } from "./form.js";
import { fileLinks, filePicker } from "./files.js";
import { heatmap, thumbnail } from "./heatmap.js";
import { mistake, order, remember, watch } from "./jobs.js";

const EXAMPLE = "old_hundredth_hymn.musicxml";
const SHADES = { low: 0, high: 1000, root: true };

export async function attentionPart(place, job) {
  const [schemas, { models }] = await Promise.all([forms(), get("/api/models")]);
  const told = h("div", {});
  let source = null;
  const picker = filePicker("A score in four parts", ["score"], ".musicxml,.mxl,.xml,.abc,.krn", (one) => { source = one.ref; },
    { example: EXAMPLE, exampleLabel: "Take the example: Old Hundredth in four parts", started: () => begin() });
  const id = unique("weights");
  const weights = h("select", { id }, models.filter((one) => one.task === "chorale").map((one) =>
    h("option", { value: one.name, selected: one.name === "chorale-strong" }, one.name)));
  const fields = { first_step: field(schemas.attention, "first_step", "First step"), steps: field(schemas.attention, "steps", "Steps") };

  async function begin() {
    if (!source) {
      fill(told, mistake(new Error("Choose a score first, or take the example.")));
      return;
    }
    remember(await order("attention", { source, weights: weights.value, ...values(fields) }, told, (found, done) => show(told, found, done)));
  }

  place.append(h("div", { class: "columns" },
    h("form", { class: "card stack", onsubmit: (event) => { event.preventDefault(); begin(); } },
      h("h2", {}, "Who reads what?"), picker.element,
      h("div", { class: "field" }, h("label", { for: id }, "Model"), weights),
      h("div", { class: "grid" }, Object.values(fields).map((one) => one.element)),
      h("p", {}, h("button", { type: "submit", class: "main" }, "Show its attention"))),
    h("div", {}, h("h2", {}, "Where it looks"), told)));
  if (job) watch(job, told, (found, done) => show(told, found, done));
  else fill(told, h("p", { class: "muted" }, "A network with attention decides for each moment how much it looks at every other moment it knows. Here you see it do that, head by head."));
}

function entropyWords(value) {
  if (value === null || typeof value !== "number") return "-";
  if (value < 0.3) return `${value.toFixed(2)}: looks at few places`;
  if (value < 0.75) return `${value.toFixed(2)}: looks at some places`;
  return `${value.toFixed(2)}: looks around evenly`;
}

async function show(place, found, job) {
  const { maps } = await get(fileAddress(`job:${job.number}/maps.json`));
  const state = { layer: found.layers - 1, channel: 0, head: 0 };
  const heads = h("div", {});
  const detail = h("div", {});
  const channel = found.channels.length > 1 ? select("Voice", found.channels, (i) => { state.channel = i; draw(); }) : null;
  const row = () => found.table.find((one) => one.layer === state.layer && one.head === state.head && one.channel === found.channels[state.channel]);
  const values_ = () => maps[state.layer][state.channel][state.head];
  const notes = () => found.notes[Object.keys(found.notes)[Math.min(state.channel, Object.keys(found.notes).length - 1)]];
  const big = heatmap({ label: "Attention of one head: each row is a moment, each column a moment it looks at", values: values_(), options: SHADES,
    cell: (y, x, value) => `${found.places[y]} looks at ${found.places[x]} with ${(value / 10).toFixed(1)} % (${notes()[x]} is there).` });

  function draw() {
    const button = (layer, head) => h("button", { type: "button", "aria-pressed": String(layer === state.layer && head === state.head),
      "data-layer": layer, "data-head": head, "aria-label": `Layer ${layer + 1}, head ${head + 1}, entropy ${entropyOf(layer, head)}`, onclick: () => pick(layer, head) },
      thumbnail(maps[layer][state.channel][head], SHADES), `Head ${head + 1} `, h("span", { class: "muted" }, entropyOf(layer, head)));
    const range = (count) => [...Array(count).keys()];
    const list = range(found.layers).map((layer) => [h("p", { class: "layer" }, `Layer ${layer + 1}`),
      h("ul", { class: "heads", "aria-label": `Heads of layer ${layer + 1}` }, range(found.heads).map((head) => h("li", {}, button(layer, head))))]);
    fill(heads, h("p", { class: "muted" }, "The figure below each head is its entropy. Choose one to see it large."), list);
    update();
  }
  function entropyOf(layer, head) {
    const one = found.table.find((r) => r.layer === layer && r.head === head && r.channel === found.channels[state.channel]);
    return typeof one.normalised_entropy === "number" ? one.normalised_entropy.toFixed(2) : "-";
  }
  function pick(layer, head) {
    Object.assign(state, { layer, head });
    for (const one of heads.querySelectorAll("button"))
      one.setAttribute("aria-pressed", String(Number(one.dataset.layer) === layer && Number(one.dataset.head) === head));
    update();
    say(`Layer ${layer + 1}, head ${head + 1}.`);
  }
  function update() {
    const last = values_()[found.steps - 1];
    big.show(values_(), [found.steps - 1, last.indexOf(Math.max(...last))]);
    const one = row();
    fill(detail, h("h3", {}, `Layer ${state.layer + 1}, head ${state.head + 1}`), facts([
      ["Entropy", entropyWords(one.normalised_entropy)], ["Mean distance", `${number(one.mean_distance_steps)} steps of a 16th`],
    ]), strongest(values_(), found, notes()));
  }

  fill(place, h("p", {}, `${found.title}: ${found.layers} layers of ${found.heads} heads, ${found.steps} steps of a 16th note.`),
    h("details", { open: true }, h("summary", {}, "How to read this"), h("p", {}, "Each square is one head. A row is a moment of the music, from top to bottom; a column is a moment that it looks at. The stronger the colour, the more it looks there. A strong diagonal looks at itself or just before; stripes look back by a fixed distance, such as a bar; a single strong column is one place that all look at."),
      h("p", {}, "The entropy of a head is 0 when it looks at one place only and 1 when it looks at all alike. Heads that stay near 1 have learnt nothing; all heads near 0 may have frozen too early.")),
    channel, heads, h("div", { class: "columns" }, detail, h("div", {}, big.element,
      h("p", { class: "muted" }, `Rows from the top and columns from the left: ${found.places[0]} to ${found.places[found.steps - 1]}.`))), across(found), everyHead(found), fileLinks(job, found.files));
  draw();
}

function select(label, names, chosen) {
  const id = unique("choice");
  const control = h("select", { id, onchange: () => chosen(control.selectedIndex) }, names.map((name) => h("option", {}, name)));
  return h("div", { class: "field" }, h("label", { for: id }, label), control);
}

/** The strongest looks of a head as words: where a map is not seen it can be read. */
function strongest(map, found, notes) {
  const looks = map.flatMap((row, y) => row.map((value, x) => [value, y, x])).filter(([, y, x]) => y !== x && y > 0).sort((a, b) => b[0] - a[0]).slice(0, 5);
  return table(["moment", "looks at", "note there", "share, %"], looks.map(([value, y, x]) => [found.places[y], found.places[x], notes[x], value / 10]), "Its strongest looks away from itself");
}

function across(found) {
  if (!found.cross_channel) return null;
  const names = ["soprano", "alto", "tenor", "bass"];
  return h("details", {}, h("summary", {}, "How much the voices look at each other"), found.cross_channel.map((layer, i) =>
    table(["voice", ...names], layer.map((row, y) => [names[y], ...row]), `Layer ${i + 1}: each row adds up to 1`)));
}

function everyHead(found) {
  const rows = found.table.map((one) => [one.layer + 1, one.channel, one.head + 1, one.normalised_entropy, one.mean_distance_steps]);
  return h("details", {}, h("summary", {}, "All heads as a table"), table(["layer", "voice", "head", "entropy", "mean distance, steps"], rows, "Every head"));
}
