// The whole song: the performance that was kept, its score, its critique, its picture, its files.

import { facts, fill, h, table } from "./dom.js";
import { fileAddress, get } from "./api.js";
import { howDrawn } from "./cover_words.js";
import { fileLinks } from "./files.js";
import { mistake } from "./jobs.js";
import { onward } from "./onward.js";
import { soundPlayer } from "./player.js";
import { radar, radarTable } from "./radar.js";
import { pianoRoll } from "./roll.js";
import { loadScore, score } from "./score.js";
import { matchList, matchWords } from "./compose_cards.js";

/** Files that only this page reads. */
const FOR_PAGES = /(\.timing|^performance)\.json$/;

/** A share for people; "-" where there is none. */
const percent = (share) => (typeof share === "number" ? `${Math.round(100 * share)} %` : "-");

/** Everything that a song job found, as one element. */
export function songView(job, found) {
  const ref = (name) => `job:${job.number}/${name}`;
  const open = h("a", { class: "button", href: fileAddress(ref("index.html")), target: "_blank", rel: "noopener" }, "Open the page that holds all of it");
  return h("div", { class: "song" },
    h("div", { class: "card song-head" },
      h("figure", {}, h("img", { src: fileAddress(ref(found.picture.file)), alt: `Cover picture of ${found.title}`, width: 768, height: 768 }),
        h("figcaption", { class: "muted" }, howDrawn(found.picture.note))),
      h("div", {}, h("h3", {}, found.title), h("p", {}, found.lead_text),
        facts([["Bars", `${found.facts.bars} of ${found.facts.meter}`], ["Key", found.facts.key], ["Lasts", `${found.facts.seconds} s`],
          ["Match", matchWords(found.rows)], ["Convincing", found.facts.convincing === null ? null : `${percent(found.facts.convincing)}, as the critic hears it`]]),
        h("div", { class: "row" }, open, onward(ref("performance.mid"), ["critique", "picture", "continue"], "the performance"),
          onward(ref("score.mid"), ["harmonise"], "the score")))),
    performance(ref, found),
    found.settings.map((one) => settingView(ref, one)),
    found.critique ? critique(found.critique) : h("p", { class: "notice" }, "The critic could not judge this performance."),
    h("div", { class: "card" }, h("h3", {}, "What was asked and what came"), matchList(found.rows, "Asked and came"),
      found.could_not.map((one) => h("p", { class: "notice" }, `${one}.`))),
    takes(found),
    h("div", { class: "card" }, h("h3", {}, "Files"), fileLinks(job, found.files.filter((file) => !FOR_PAGES.test(file.name)))));
}

function performance(ref, found) {
  const player = soundPlayer("The performance", { source: fileAddress(ref("performance.wav")), lead: found.lead });
  const place = h("div", {});
  const paper = h("div", {});
  get(fileAddress(ref("performance.json"))).then((data) => {
    const roll = pianoRoll(data, { label: "Piano roll of the performance", height: 240,
      onseek: (second, start) => { player.seek(second); if (start) player.play(); } });
    place.append(roll.element);
    player.ontime((second, playing) => roll.playhead(second, playing));
  }).catch((error) => fill(place, mistake(error)));
  follow(ref("score"), "Score", player, paper);
  return h("div", { class: "card" }, h("h3", {}, "Performance"), player.element, place, paper);
}

function settingView(ref, one) {
  const player = soundPlayer(one.heading, { source: fileAddress(ref(`${one.stem}.wav`)), lead: one.lead });
  const paper = h("div", {});
  follow(ref(one.stem), one.heading, player, paper);
  return h("div", { class: "card" }, h("h3", {}, one.heading), one.said.map((words) => h("p", {}, words)), player.element, paper);
}

function follow(stem, label, player, paper) {
  loadScore(stem).then((sheet) => {
    const view = score(sheet, { label });
    paper.append(view.element);
    view.follow(player);
  }).catch((error) => fill(paper, mistake(error)));
}

function critique(one) {
  return h("div", { class: "card" }, h("h3", {}, "Critique"), h("p", {}, one.summary),
    one.caveats.map((words) => h("p", { class: "muted" }, words)),
    radar(one.radar, { label: "Critique of the performance" }).element, radarTable(one.radar));
}

function takes(found) {
  const rows = found.takes.map((take) => [take.take === found.chosen ? h("strong", {}, `${take.take} (kept)`) : take.take,
    take.piece, take.player, percent(take.match), percent(take.convincing), `${Math.round(take.seconds)} s`]);
  return h("div", { class: "card" }, h("h3", {}, "All that was tried"),
    table(["take", "piece", "player", "match", "convincing", "length"], rows, `${found.takes.length} ${found.takes.length === 1 ? "take" : "takes"}; kept by ${found.chosen_by}. Match: share of the wishes met, without those that were fixed; convincing: the critic's score, 100 % is most`));
}
