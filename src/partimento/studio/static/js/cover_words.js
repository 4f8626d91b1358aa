// How a cover came to be, in words for people.

/** The note of a picture as a sentence. */
export function howDrawn(note) {
  return `${note[0].toUpperCase()}${note.slice(1).replace("not diffusion", "no image model was used")}.`;
}
