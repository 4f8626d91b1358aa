// Several versions of one piece with one player: listening to one or the other at the same place.

import { fileAddress } from "./api.js";
import { fill, h, say } from "./dom.js";
import { soundPlayer } from "./player.js";
import { pianoRoll } from "./roll.js";

/**
 * `versions`: [{name, sound (a file's ref or null), lead, roll (data of pianoRoll), label}].
 * Options: across(seconds, from, to): the same place in another version; select: passed to the
 * roll; onselect(region); shown(place): called when another version is chosen; seek(second, place):
 * called when a place was chosen on the roll.
 * Returns {element, at, show(place), playFrom(second), roll(), player}.
 */
export function alternatives(versions, { label = "Version", across = (seconds) => seconds, select, onselect, shown } = {}) {
  const player = soundPlayer(versions[0].name);
  const rolls = new Map();
  const stage = h("div", { class: "stage" });
  const silent = h("p", { class: "muted", role: "status" });
  const view = { at: -1 };
  const buttons = versions.map((one, place) =>
    h("button", { type: "button", "aria-pressed": "false", onclick: () => show(place) }, one.name));
  const choice = versions.length === 1 ? null
    : h("div", { class: "row versions", role: "group", "aria-label": `${label} to hear and see` }, buttons);

  function rollAt(place) {
    if (!rolls.has(place)) {
      const one = versions[place];
      rolls.set(place, pianoRoll(one.roll, { label: one.label ?? one.name, height: 260, select, onselect,
        onseek: (second, play) => (play ? playFrom(second) : player.seek(second)) }));
    }
    return rolls.get(place);
  }

  function show(place) {
    if (place === view.at) return;
    const second = view.at < 0 ? 0 : across(player.time, view.at, place);
    const playing = player.playing;
    const first = view.at < 0;
    view.at = place;
    const one = versions[place];
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === place)));
    fill(stage, rollAt(place).element);
    if (one.sound) {
      player.load(fileAddress(one.sound), { label: one.name, lead: one.lead });
      player.seek(second);
      if (playing) player.play();
    } else {
      player.pause();
    }
    player.element.hidden = !one.sound;
    fill(silent, one.sound ? one.note ?? "" : "There is no note to hear.");
    if (!first) say(`${one.name} is shown.`);
    shown?.(place);
  }

  function playFrom(second) {
    player.seek(second);
    player.play();
  }

  player.ontime((seconds, playing) => rolls.get(view.at)?.playhead(seconds, playing));
  const element = h("div", { class: "alternatives" }, choice, player.element, silent, stage);
  show(0);
  return { element, player, show, playFrom, roll: () => rollAt(view.at), get at() { return view.at; } };
}

/** The place on a rising line through [from, to] pairs, going on at the same pace beyond its ends. */
export function between(pairs, value, from = 0, to = 1) {
  if (pairs.length === 0) return value;
  const after = pairs.findIndex((pair) => pair[from] >= value);
  if (after === 0) return Math.max(0, pairs[0][to] - (pairs[0][from] - value));
  if (after < 0) return pairs.at(-1)[to] + (value - pairs.at(-1)[from]);
  const [a, b] = [pairs[after - 1], pairs[after]];
  return a[to] + ((value - a[from]) / (b[from] - a[from] || 1)) * (b[to] - a[to]);
}
