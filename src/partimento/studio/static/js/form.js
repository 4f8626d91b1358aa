// Form fields from the schemas of the orders: labels, limits and defaults stand in one place only.

import { h, unique } from "./dom.js";
import { get } from "./api.js";

let schemas = null;

/** Schema of every kind of order. */
export const forms = () => (schemas ??= get("/api/forms"));

function kindOf(field) {
  if (field.enum) return { ...field, type: "enum" };
  const options = field.anyOf?.filter((one) => one.type !== "null");
  return options ? { ...options[0], ...field, ...{ type: options[0].type } } : field;
}

/**
 * One field: {element, value()}.  `label` overrides the name; the hint comes from the schema;
 * `names` are the words for the values of a choice.
 */
export function field(schema, name, label, extra = {}, names = {}) {
  const made = kindOf(schema.properties[name]);
  const id = unique(name);
  const empty = made.default === null || made.default === undefined;
  const shared = { id, name, "aria-describedby": `${id}-hint`, ...extra };
  let control;
  if (made.type === "enum") {
    control = h("select", shared, made.enum.map((one) => h("option", { value: one, selected: one === made.default }, names[one] ?? one)));
  } else if (made.type === "boolean") {
    control = h("input", { ...shared, type: "checkbox", checked: made.default === true });
  } else if (made.type === "integer" || made.type === "number") {
    control = h("input", {
      ...shared, type: "number", min: made.minimum ?? made.exclusiveMinimum, max: made.maximum,
      step: made.type === "integer" ? 1 : "any", value: empty ? "" : made.default,
    });
  } else {
    control = h("input", { ...shared, type: "text", maxlength: made.maxLength, value: empty ? "" : made.default });
  }
  const hint = h("span", { class: "hint", id: `${id}-hint` }, made.description ?? "");
  const text = h("label", { for: id }, label);
  const parts = made.type === "boolean" ? [h("div", { class: "row" }, control, text), hint] : [text, control, hint];
  return { element: h("div", { class: "field" }, parts), control, value: () => valueOf(made, control) };
}

function valueOf(made, control) {
  if (made.type === "boolean") return control.checked;
  const text = control.value.trim();
  if (made.type === "integer" || made.type === "number") return text === "" ? null : Number(text);
  return text === "" && made.default === null ? null : text;
}

/** Values of many fields as one order; fields that are empty where the schema has a default are left out. */
export function values(fields) {
  const found = {};
  for (const [name, one] of Object.entries(fields)) {
    const value = one.value();
    if (value !== null && value !== "") found[name] = value;
  }
  return found;
}
