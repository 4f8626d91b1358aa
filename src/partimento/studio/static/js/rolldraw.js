// What a piano roll looks like: places of notes and bars, and the SVG made of them (see roll.js).

import { s } from "./dom.js";

const NAMES = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
const BLACK = new Set([1, 3, 6, 8, 10]);
export const RULER = 24;
const COLOURS = 8;

/** "C4" for 60. */
export const pitchName = (pitch) => `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;

/** Class of a part's colour: its own number, unless `colours` gives another. */
export const colourOf = (data, part) => `part-${(data.colours?.[part ?? 0] ?? part ?? 0) % COLOURS}`;

/** Index of the last of rising values that is not above `value`; -1 where all are. */
export function lastBefore(values, value) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Rows of pitches and their height, for a body of about `height` pixels. */
export function rowsOf(notes, height) {
  const pitches = notes.map((note) => note[2]);
  let low = Math.min(...pitches, 127) - 2;
  let high = Math.max(...pitches, 0) + 2;
  if (notes.length === 0) [low, high] = [58, 74];
  while (high - low < 14) { low -= 1; high += 1; }
  const row = Math.max(4, Math.min(14, Math.floor(height / (high - low + 1))));
  return { low, high, row, height: row * (high - low + 1), top: (pitch) => (high - pitch) * row };
}

/** The column of octave names that stays while the notes scroll. */
export function keyColumn(rows) {
  const names = [];
  for (let pitch = rows.low; pitch <= rows.high; pitch += 1) {
    if (pitch % 12 === 0) names.push(s("text", { x: 34, y: RULER + rows.top(pitch) + rows.row * 0.5 + 4, "text-anchor": "end", class: "roll-text" }, pitchName(pitch)));
  }
  return s("svg", { width: 40, height: RULER + rows.height, "aria-hidden": "true", class: "roll-keys" }, names);
}

/** Stripes of black keys, lines of octaves, bar lines with numbers or seconds. */
export function background(data, rows, scale) {
  const width = data.seconds * scale;
  const parts = [];
  for (let pitch = rows.low; pitch <= rows.high; pitch += 1) {
    const y = RULER + rows.top(pitch);
    if (BLACK.has(((pitch % 12) + 12) % 12)) parts.push(s("rect", { x: 0, y, width, height: rows.row, class: "roll-black" }));
    if (pitch % 12 === 0) parts.push(s("line", { x1: 0, x2: width, y1: y + rows.row, y2: y + rows.row, class: "roll-octave" }));
  }
  parts.push(s("rect", { x: 0, y: 0, width, height: RULER, class: "roll-ruler" }));
  const marks = data.bars.length > 1 ? barMarks(data.bars, scale) : secondMarks(data.seconds, scale);
  for (const [second, text] of marks) {
    const x = second * scale;
    parts.push(s("line", { x1: x, x2: x, y1: text ? 4 : RULER, y2: RULER + rows.height, class: "roll-bar" }));
    if (text) parts.push(s("text", { x: x + 4, y: 16, class: "roll-text" }, text));
  }
  return s("g", {}, parts);
}

/** Every bar has a line; numbers stand where they have room. */
function barMarks(bars, scale) {
  const narrowest = Math.min(...bars.slice(1).map((end, i) => end - bars[i])) * scale;
  const step = [1, 2, 4, 8, 16, 32, 64].find((n) => n * narrowest >= 26) ?? 128;
  return bars.map((second, i) => [second, i < bars.length - 1 && i % step === 0 ? String(i + 1) : ""]);
}

function secondMarks(seconds, scale) {
  const step = [1, 2, 5, 10, 20, 30, 60, 120].find((n) => n * scale >= 44) ?? 300;
  const marks = [];
  for (let second = 0; second <= seconds; second += step) marks.push([second, `${Math.floor(second / 60)}:${String(second % 60).padStart(2, "0")}`]);
  return marks;
}

/** One rectangle for each note, in their order. */
export function noteShapes(data, rows, scale) {
  return data.notes.map(([onset, held, pitch, velocity, part], index) => s("rect", {
    x: (onset * scale).toFixed(2), y: RULER + rows.top(pitch) + 0.5, height: rows.row - 1,
    width: Math.max(3, held * scale - 1).toFixed(2), rx: Math.min(2, rows.row / 4),
    class: `roll-note ${colourOf(data, part)}`, "fill-opacity": (0.5 + 0.5 * (velocity ?? 96) / 127).toFixed(2),
    "data-note": index,
  }));
}

/** A small picture of all notes: no controls, as wide as its place. */
export function miniRoll(data, label) {
  const rows = rowsOf(data.notes, 0);
  const shapes = data.notes.map(([onset, held, pitch, , part]) => s("rect", {
    x: onset * 100, y: rows.top(pitch), width: Math.max(6, held * 100 - 4), height: rows.row,
    class: `roll-note ${colourOf(data, part)}`,
  }));
  const lines = data.bars.slice(1, -1).map((second) => s("line", { x1: second * 100, x2: second * 100, y1: 0, y2: rows.height, class: "roll-bar", "vector-effect": "non-scaling-stroke" }));
  return s("svg", { viewBox: `0 0 ${data.seconds * 100} ${rows.height}`, preserveAspectRatio: "none", role: "img", "aria-label": label, class: "roll-mini" }, lines, shapes);
}

/** A swatch of a part's colour. */
export const swatch = (data, part) => s("svg", { width: 14, height: 14, "aria-hidden": "true" },
  s("rect", { width: 14, height: 14, rx: 3, class: `roll-note ${colourOf(data, part)}` }));
