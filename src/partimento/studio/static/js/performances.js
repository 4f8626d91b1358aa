// Piano performances: choosing them, and what is needed to show one.

import { ask } from "./api.js";
import { filePicker } from "./files.js";

const EXAMPLE = "piano_primer.mid";

/** A field to choose performances in MIDI; see filePicker(). */
export function performancePicker(label, chosen, several = false) {
  return filePicker(label, ["midi"], ".mid,.midi", chosen, { several, example: EXAMPLE });
}

/** The notes of a file as a piano roll takes them. */
export async function rollOf(ref) {
  const found = await ask("roll", { source: ref });
  // The studio tells when a note ends, the roll takes how long it lasts.
  const notes = found.notes.map(([onset, end, pitch, velocity]) => [onset, Math.max(0.01, end - onset), pitch, velocity, 0]);
  return { notes, parts: ["given"], seconds: found.seconds };
}

/** When the last note ends. */
export const lengthOf = (notes) => notes.reduce((end, [onset, duration]) => Math.max(end, onset + duration), 0);
