// A melody as data, and as ABC text.  Times and lengths are whole 16th notes.
//
// A melody: { title, fifths, minor, beats, beatType, pickup, bars, tempo, notes }; `pickup` is the
// length of a bar before the first (0: none); notes: [{start, length, midi, fermata}], by time, one
// at a time.

const LETTERS = [0, 2, 4, 5, 7, 9, 11];
const NAMES = ["C", "D", "E", "F", "G", "A", "B"];
/** Letters in the order in which sharps come; flats come the other way. */
const SHARPS = [3, 0, 4, 1, 5, 2, 6];
const MAJOR = ["Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#"];
const MINOR = ["Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#"];
const WRITTEN = [16, 12, 8, 6, 4, 3, 2, 1];
const SIGNS = { "-2": "__", "-1": "_", 0: "=", 1: "^", 2: "^^" };

/** Every key that can be chosen: {name, fifths, minor}. */
export const KEYS = [false, true].flatMap((minor) => (minor ? MINOR : MAJOR).map((tonic, i) =>
  ({ name: `${tonic} ${minor ? "minor" : "major"}`, fifths: i - 6, minor })));

export const METRES = [[4, 4], [3, 4], [2, 4], [6, 4], [3, 2], [2, 2], [6, 8], [3, 8], [9, 8]];

/** A melody without notes. */
export const emptyMelody = () => ({
  title: "My melody", fifths: 0, minor: false, beats: 4, beatType: 4, pickup: 0, bars: 4, tempo: 84, notes: [],
});

/** Length of a bar, and of a beat (a dotted value in 6/8 and its kin). */
export const barLength = (melody) => melody.beats * 16 / melody.beatType;
export const beatLength = (melody) =>
  (melody.beatType === 8 && melody.beats % 3 === 0 && melody.beats > 3 ? 6 : 16 / melody.beatType);
/** Length of all bars with the pickup. */
export const wholeLength = (melody) => melody.pickup + melody.bars * barLength(melody);

/** Accidental of each letter C D E F G A B in a key. */
export function signature(fifths) {
  const found = [0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < Math.abs(fifths); i += 1) found[fifths > 0 ? SHARPS[i] : SHARPS[6 - i]] += Math.sign(fifths);
  return found;
}

/** Pitch classes of a key's scale. */
export const scaleOf = (fifths) => signature(fifths).map((alter, letter) => (LETTERS[letter] + alter + 12) % 12);

/** {letter, alter, octave} of a pitch: the key's own note, else raised in sharp keys and minor, else lowered. */
export function spell(midi, melody) {
  const own = signature(melody.fifths);
  const ways = [0, 1, 2, 3, 4, 5, 6].flatMap((letter) => [-1, 0, 1].map((alter) => ({ letter, alter })));
  const fitting = ways.filter((one) => (LETTERS[one.letter] + one.alter + 12) % 12 === midi % 12);
  const raised = melody.fifths > 0 || melody.minor || melody.fifths === 0;
  const cost = (one) => (one.alter === own[one.letter] ? 0 : 2 + (one.alter === 0 ? 0 : Math.sign(one.alter) === (raised ? 1 : -1) ? 1 : 2));
  const best = fitting.sort((a, b) => cost(a) - cost(b))[0];
  return { ...best, octave: Math.floor((midi - best.alter) / 12) - 1 };
}

/** A pitch in words: F#4. */
export function pitchName(midi, melody) {
  const one = spell(midi, melody);
  return `${NAMES[one.letter]}${one.alter > 0 ? "#" : one.alter < 0 ? "b" : ""}${one.octave}`;
}

/** Bar (0 is the pickup) and beat of a time. */
export function placeOf(time, melody) {
  const length = barLength(melody);
  const full = melody.pickup ? length - melody.pickup : 0;
  const phase = time + full;
  const bar = Math.floor(phase / length) + (melody.pickup ? 0 : 1);
  return { bar, beat: 1 + (phase % length) / beatLength(melody) };
}

/** The bar line after a time. */
export function nextBarLine(time, melody) {
  const length = barLength(melody);
  if (time < melody.pickup) return melody.pickup;
  return melody.pickup + (Math.floor((time - melody.pickup) / length) + 1) * length;
}

/** The melody as ABC text, up to the end of the bar of its last note. */
export function abcText(melody) {
  const key = KEYS.find((one) => one.fifths === melody.fifths && one.minor === melody.minor);
  const tonic = key.name.split(" ")[0];
  const head = [
    "X:1", `T:${melody.title.replace(/[\r\n%]+/g, " ").trim() || "My melody"}`, `M:${melody.beats}/${melody.beatType}`,
    "L:1/16", `Q:1/4=${melody.tempo}`, `K:${tonic}${melody.minor ? "m" : ""}`,
  ];
  return `${head.join("\n")}\n${bodyOf(melody)} |]\n`;
}

function bodyOf(melody) {
  const last = melody.notes.at(-1);
  const end = nextBarLine(last.start + last.length - 1, melody);
  const words = [];
  let time = 0, signs = new Map();
  const bar = () => {
    if (time === melody.pickup || (time > melody.pickup && (time - melody.pickup) % barLength(melody) === 0)) {
      if (time > 0 && time < end) words.push("|");
      signs = new Map();
    }
  };
  /** One value after the other, none across a bar line. */
  const write = (length, text, tied) => {
    let left = length;
    while (left > 0) {
      const room = Math.min(left, nextBarLine(time, melody) - time);
      const value = WRITTEN.find((one) => one <= room);
      left -= value;
      words.push(`${text(left)}${value}${tied && left ? "-" : ""}`);
      time += value;
      bar();
    }
  };
  for (const note of melody.notes) {
    write(note.start - time, () => "z", false);
    write(note.length, (left) => `${note.fermata && left === 0 ? "!fermata!" : ""}${pitchText(note.midi, melody, signs)}`, true);
  }
  write(end - time, () => "z", false);
  return words.join(" ");
}

/** A pitch in ABC; `signs` remembers the accidentals of the bar. */
function pitchText(midi, melody, signs) {
  const { letter, alter, octave } = spell(midi, melody);
  const place = `${letter}/${octave}`;
  const known = signs.get(place) ?? signature(melody.fifths)[letter];
  signs.set(place, alter);
  const sign = alter === known ? "" : SIGNS[alter];
  const name = octave >= 5 ? NAMES[letter].toLowerCase() : NAMES[letter];
  return sign + name + "'".repeat(Math.max(0, octave - 5)) + ",".repeat(Math.max(0, 4 - octave));
}

/** Put a note in: what it covers goes or gets shorter; returns it. */
export function putNote(melody, note) {
  const end = note.start + note.length;
  melody.notes = melody.notes.flatMap((old) => {
    const oldEnd = old.start + old.length;
    if (oldEnd <= note.start || old.start >= end) return [old];
    return old.start < note.start ? [{ ...old, length: note.start - old.start }] : [];
  });
  melody.notes.push(note);
  melody.notes.sort((a, b) => a.start - b.start);
  return note;
}

/** The note that sounds at a time, or nothing. */
export const noteAt = (melody, time) => melody.notes.find((note) => note.start <= time && time < note.start + note.length);
