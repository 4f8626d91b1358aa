// A melody heard at once, without a job: plain tones made in the browser.

const RELEASE_SEC = 0.08;

/**
 * Play a melody (melody_abc.js).  `tell(time)` comes with the place, in 16ths, as long as it sounds.
 * Returns {stop(), ended}: a promise that is kept at the end.
 */
export function playMelody(melody, tell) {
  const context = new AudioContext();
  const step = 15 / melody.tempo;
  const start = context.currentTime + 0.06;
  for (const note of melody.notes) sound(context, note, start + note.start * step, note.length * step);
  const last = melody.notes.at(-1);
  const seconds = last ? (last.start + last.length) * step + RELEASE_SEC : 0;
  let stop;
  const ended = new Promise((done) => { stop = done; });
  const watch = () => {
    const now = context.currentTime - start;
    if (now >= seconds) return stop();
    if (now >= 0) tell(now / step);
    if (context.state !== "closed") requestAnimationFrame(watch);
    return undefined;
  };
  watch();
  return { stop, ended: ended.then(() => context.close()) };
}

function sound(context, note, at, seconds) {
  const tone = new OscillatorNode(context, { type: "triangle", frequency: 440 * 2 ** ((note.midi - 69) / 12) });
  const level = new GainNode(context, { gain: 0 });
  level.gain.setValueAtTime(0, at);
  level.gain.linearRampToValueAtTime(0.3, at + 0.015);
  level.gain.exponentialRampToValueAtTime(0.12, at + Math.max(0.03, seconds));
  level.gain.linearRampToValueAtTime(0, at + seconds + RELEASE_SEC);
  tone.connect(level).connect(context.destination);
  tone.start(at);
  tone.stop(at + seconds + RELEASE_SEC);
}
