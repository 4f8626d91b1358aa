// The API as a page to read: every request, what it takes and what it answers.

import { fill, h, table } from "../js/dom.js";
import { get } from "../js/api.js";

const GROUPS = {
  studio: "The studio itself", orders: "Orders: place a job", jobs: "Jobs: follow, read, cancel", questions: "Questions: answered at once",
  uploads: "Files", models: "Models", doctor: "Doctor",
};

export async function build(main) {
  const api = await get("/api/openapi.json");
  const routes = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, about]) => ({ path, method: method.toUpperCase(), ...about })));
  const groups = [...new Set([...Object.keys(GROUPS), ...routes.flatMap((one) => one.tags ?? ["studio"])])];
  const list = h("div", {});
  const filter = h("input", { id: "filter", type: "search", autocomplete: "off", oninput: () => draw() });
  const count = h("p", { class: "muted", role: "status" });

  function draw() {
    const wanted = filter.value.trim().toLowerCase();
    const fitting = routes.filter((one) => `${one.method} ${one.path} ${one.description ?? ""}`.toLowerCase().includes(wanted));
    fill(count, `${fitting.length} of ${routes.length} requests.`);
    fill(list, groups.map((group) => {
      const some = fitting.filter((one) => (one.tags ?? ["studio"])[0] === group);
      return some.length ? h("section", {}, h("h2", {}, GROUPS[group] ?? group), some.map((one) => route(one, api, wanted !== "" && fitting.length < 4))) : null;
    }));
  }

  main.append(
    h("h1", {}, "API"),
    h("p", { class: "lead" }, `All that the pages do can be done by a program. Version ${api.info.version}; the machine-readable form is `, h("a", { href: "/api/openapi.json" }, "/api/openapi.json"), "."),
    begin(),
    h("div", { class: "field" }, h("label", { for: "filter" }, "Find a request"), filter, h("span", { class: "hint" }, "Part of a path, a method or a word")), count, list);
  draw();
}

/** How a program begins: the token, an order, its result. */
function begin() {
  const where = location.origin;
  const lines = [
    "# 1. the token that changing requests carry (new at each start of the studio)",
    `TOKEN=$(curl -s ${where}/api/session | python3 -c 'import json,sys; print(json.load(sys.stdin)["token"])')`,
    "",
    "# 2. place an order; the answer has its number",
    `curl -s -X POST ${where}/api/jobs/compose \\`,
    '  -H "X-Partimento-Token: $TOKEN" -H "Content-Type: application/json" \\',
    '  -d \'{"text": "a calm waltz for piano", "bars": 8, "n": 1}\'',
    "",
    "# 3. follow it, then read its result and its files",
    `curl -s ${where}/api/jobs/1`,
    `curl -s ${where}/api/jobs/1/result`,
    "",
    "# hand in a file: the body is the file; an order names it by its ref",
    `curl -s -X POST "${where}/api/uploads?name=tune.mid" \\`,
    '  -H "X-Partimento-Token: $TOKEN" --data-binary @tune.mid',
  ];
  return h("section", {}, h("h2", {}, "How to begin"),
    h("p", {}, "GET needs nothing. POST and DELETE carry the header ", h("code", {}, "X-Partimento-Token"), " with the token of ", h("code", {}, "/api/session"), "; without it, or from another site, the answer is 403. The studio answers on this machine only."),
    h("pre", { tabindex: "0", role: "region", "aria-label": "Example with curl" }, h("code", {}, lines.join("\n"))),
    h("p", {}, "Every error has the same form: ", h("code", {}, '{"error": {"what", "where", "fix"}, "text": "one paragraph"}'), " with 400 (a file or value that cannot be used), 403, 404, 413 (too large), 422 (a field that does not fit), 429 (the queue is full) or 503 (busy)."));
}

function route(one, api, open) {
  const parameters = (one.parameters ?? []).map((p) => [p.name, p.in, p.required ? "yes" : "no", typeOf(p.schema, api), p.schema.default ?? "-", p.description ?? p.schema.description ?? ""]);
  const body = Object.entries(one.requestBody?.content ?? {})[0];
  const answers = Object.entries(one.responses ?? {}).filter(([code]) => code !== "422").map(([code, about]) => `${code} ${about.description}`).join("; ");
  return h("details", { class: "route", open, "data-route": `${one.method} ${one.path}` },
    h("summary", {}, h("span", { class: `method method-${one.method.toLowerCase()}` }, one.method), " ", h("code", {}, one.path)),
    h("p", {}, one.description ?? one.summary ?? ""),
    one.method === "GET" ? null : h("p", { class: "muted" }, "Carries the token."),
    parameters.length ? table(["parameter", "in", "needed", "type", "default", "meaning"], parameters, `Parameters of ${one.method} ${one.path}`) : null,
    body ? bodyOf(body, one, api) : null,
    h("p", { class: "muted" }, `Answer: ${answers}.`));
}

function bodyOf([kind, content], one, api) {
  const schema = resolve(content.schema, api);
  if (!schema.properties) return h("p", {}, `Body: ${kind === "application/octet-stream" ? "the file itself, nothing around it" : typeOf(schema, api)}.`);
  const needed = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties).map(([name, field]) => {
    const made = resolve(field, api);
    return [name, needed.has(name) ? "yes" : "no", typeOf(made, api), needed.has(name) ? "-" : JSON.stringify(made.default ?? null), made.description ?? ""];
  });
  return h("div", {}, h("p", {}, "Body, as JSON:"), table(["field", "needed", "type and limits", "default", "meaning"], rows, `Fields of ${schema.title ?? "the body"}`), example(schema, one, api));
}

/** The smallest body that fits. */
function example(schema, one, api) {
  const SAMPLES = { text: "a calm waltz for piano", bars: "3-4", run: "first", fault: "piano: ten times the rate", start: 4, end: 8 };
  const found = {};
  for (const name of schema.required ?? []) {
    const field = resolve(schema.properties[name], api);
    const ref = (field.pattern ?? "").includes("upload:") || (resolve(field.items ?? {}, api).pattern ?? "").includes("upload:");
    const sample = SAMPLES[name] ?? (ref ? "upload:0123456789abcdef" : field.type === "number" || field.type === "integer" ? 1 : "...");
    found[name] = field.type === "array" ? [sample] : sample;
  }
  if (Object.keys(found).length === 0) return null;
  return h("pre", { tabindex: "0", role: "region", "aria-label": `Smallest body for ${one.path}` }, h("code", {}, JSON.stringify(found)));
}

function resolve(schema, api) {
  if (!schema?.$ref) return schema ?? {};
  return resolve(schema.$ref.split("/").slice(1).reduce((place, key) => place[key], api), api);
}

/** A type with its limits, in words. */
export function typeOf(schema, api) {
  const one = resolve(schema, api);
  if (one.anyOf) return one.anyOf.map((part) => typeOf(part, api)).map((text) => (text === "null" ? "nothing" : text)).join(" or ");
  if (one.enum) return one.enum.map((value) => `"${value}"`).join(", ");
  if (one.type === "array") return `list of ${typeOf(one.items, api)}${one.maxItems ? `, at most ${one.maxItems}` : ""}`;
  const limits = [
    one.minimum !== undefined ? `from ${one.minimum}` : one.exclusiveMinimum !== undefined ? `above ${one.exclusiveMinimum}` : "",
    one.maximum !== undefined ? `to ${one.maximum}` : "", one.maxLength !== undefined ? `at most ${one.maxLength} characters` : "",
  ].filter(Boolean);
  if ((one.pattern ?? "").includes("upload:")) return "upload:ID or job:NUMBER/NAME";
  return [one.type ?? "anything", ...limits].join(" ");
}
