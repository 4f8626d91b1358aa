// Kinds of jobs: what people call them, and the page that shows each.

const KINDS = {
  compose: ["Composed", "compose"], regenerate: ["Bars anew", "compose"], song: ["Whole song", "compose"],
  harmonize: ["Harmonised", "harmonise"], check: ["Voice leading", "harmonise"],
  continue: ["Continued", "continue"], infill: ["Passage anew", "continue"], vary: ["Variation", "continue"], dream: ["From nothing", "continue"],
  critique: ["Critique", "critique"], picture: ["Picture", "picture"],
  examine: ["Run examined", "doctor"], replay: ["Sick model", "doctor"], attention: ["Attention", "doctor"],
};

/** Words for a kind. */
export const kindWord = (kind) => KINDS[kind]?.[0] ?? kind;

/** Where a job can be seen again. */
export const pageOf = (job) => `/${KINDS[job.kind]?.[1] ?? ""}?job=${job.number}`;

/** Day and time of seconds since 1970. */
export function when(seconds) {
  return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
