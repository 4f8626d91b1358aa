// Sound with play, pause and a place to go to; one sound at a time on a page.
//
//   const player = soundPlayer("Candidate 1", { source: fileAddress("job:3/01.wav"), lead: 0.05 });
//   page.append(player.element);
//   player.ontime((seconds) => roll.playhead(seconds));   // music seconds; returns a function that ends it
//   player.load(address, { label: "Alternative", keep: true });   // another sound, at the same place
//   player.play(); player.pause(); player.toggle(); player.seek(12.5);
//   player.time, player.seconds, player.playing
//
// `lead` is the silence, in seconds, before the music begins in the file: all other seconds are
// those of the music.  While it plays callbacks come once for each picture of the screen, and once
// more after each pause and seek; the second argument tells whether the sound is playing.

import { clock, fill, h, s } from "./dom.js";

let sounding = null;

const SHAPES = { play: "M3 1.5v13l11-6.5z", pause: "M3 2h4v12H3zM9 2h4v12H9z" };

/** A button's little picture: play or pause. */
export function sign(name) {
  return s("svg", { viewBox: "0 0 16 16", width: 16, height: 16, class: "sign", "aria-hidden": "true" },
    s("path", { d: SHAPES[name], fill: "currentColor" }));
}

/**
 * Controls and the sound behind them.  Options: source (address), lead (seconds), small (only the
 * button), ended (callback at the end of the sound).
 */
export function soundPlayer(label, { source = null, lead = 0, small = false, ended = null } = {}) {
  const audio = h("audio", { preload: "metadata" });
  const callbacks = new Set();
  const button = h("button", { type: "button", class: "round", onclick: () => player.toggle() });
  const slider = h("input", { type: "range", min: 0, max: 1, step: "any", class: "seek",
    oninput: () => player.seek(Number(slider.value)) });
  const times = h("span", { class: "muted time" }, "0:00");
  const trouble = h("span", { role: "status" });
  const state = { label, lead, wanted: null };

  const player = {
    element: h("div", { class: small ? "player small" : "player", role: "group" },
      button, small ? null : slider, small ? null : times, trouble),
    /** Seconds of the music. */
    get time() { return Math.max(0, (state.wanted ?? audio.currentTime) - state.lead); },
    /** Length, seconds of the music; 0 while it is not known. */
    get seconds() { return Number.isFinite(audio.duration) ? Math.max(0, audio.duration - state.lead) : 0; },
    get playing() { return !audio.paused && !audio.ended; },
    ontime(callback) {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
    load(address, { label: name = state.label, lead: silence = state.lead, keep = false } = {}) {
      const place = keep ? player.time : 0;
      const goOn = keep && player.playing;
      Object.assign(state, { label: name, lead: silence });
      audio.src = address;
      state.wanted = place + silence;
      fill(trouble);
      if (goOn) player.play();
      show();
    },
    async play() {
      if (sounding && sounding !== player) sounding.pause();
      sounding = player;
      try {
        await audio.play();
      } catch (error) {
        // A pause that comes before the sound began is no mistake.
        if (error.name !== "AbortError") fill(trouble, "This sound cannot be played here.");
      }
    },
    pause() { audio.pause(); },
    toggle() { return player.playing ? player.pause() : player.play(); },
    seek(seconds) {
      state.wanted = Math.max(0, seconds) + state.lead;
      place();
      tell();
    },
  };

  function place() {
    if (state.wanted === null || audio.readyState < HTMLMediaElement.HAVE_METADATA) return;
    audio.currentTime = Math.min(state.wanted, audio.duration);
    state.wanted = null;
  }

  function show() {
    const name = player.playing ? "Pause" : "Play";
    if (button.dataset.shows !== name) {
      button.dataset.shows = name;
      fill(button, sign(player.playing ? "pause" : "play"));
    }
    button.setAttribute("aria-label", `${name}: ${state.label}`);
    player.element.setAttribute("aria-label", state.label);
    slider.max = String(Math.max(player.seconds, 0.01));
    if (document.activeElement !== slider || player.playing) slider.value = String(player.time);
    const told = `${clock(player.time)} of ${clock(player.seconds)}`;
    if (times.textContent !== told) {
      fill(times, told);
      slider.setAttribute("aria-valuetext", told);
    }
    slider.setAttribute("aria-label", `Place in ${state.label}`);
  }

  function tell() {
    show();
    for (const callback of callbacks) callback(player.time, player.playing);
  }

  function step() {
    tell();
    if (player.playing) requestAnimationFrame(step);
  }

  audio.addEventListener("loadedmetadata", () => { place(); tell(); });
  audio.addEventListener("play", step);
  for (const name of ["pause", "seeked", "ended"]) audio.addEventListener(name, tell);
  if (ended) audio.addEventListener("ended", ended);
  audio.addEventListener("error", () => { if (audio.src) fill(trouble, "This sound cannot be played here."); });
  if (source) player.load(source);
  show();
  return player;
}
