"use strict";
// Lights up the notes that sound, moves the cursor of the piano roll, and lets a click on a note
// (or the arrow keys on the score) move the sound.
const pieces = JSON.parse(document.getElementById("page-data").textContent);
const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

function lastBefore(values, value) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1; else high = middle;
  }
  return low - 1;
}

function soundingSets(events) {
  const active = new Set();
  return events.map((event) => {
    event.off.forEach((id) => active.delete(id));
    event.on.forEach((id) => active.add(id));
    return [...active];
  });
}

function follow(piece) {
  const root = document.getElementById(piece.root);
  const audio = root.querySelector("audio");
  const paper = root.querySelector(".paper");
  const box = root.querySelector("input[type=checkbox]");
  const seconds = piece.events.map((event) => event.sec);
  const sets = soundingSets(piece.events);
  const starts = new Map();
  piece.events.forEach((event) => event.on.forEach((id) => {
    if (!starts.has(id)) starts.set(id, event.sec);
  }));
  const rolls = [...document.querySelectorAll("[data-follows]")]
    .filter((figure) => figure.dataset.follows === piece.root).map(makeCursor);
  let lit = [], shown = -1;

  function show(index) {
    if (index === shown) return;
    shown = index;
    lit.forEach((note) => note.classList.remove("now"));
    const ids = index < 0 ? [] : sets[index];
    lit = ids.map((id) => document.getElementById(id)).filter((note) => note !== null);
    lit.forEach((note) => note.classList.add("now"));
    if (lit.length && box.checked) keepInView(paper, lit[0]);
  }

  function tick() {
    const now = audio.currentTime;
    const index = lastBefore(seconds, now);
    show(audio.ended || (audio.paused && now === 0) ? -1 : index);
    rolls.forEach((move) => move(quarterAt(piece.events, index, now)));
    if (!audio.paused && !audio.ended) window.requestAnimationFrame(tick);
  }

  ["play", "pause", "seeked", "ended"].forEach((name) => audio.addEventListener(name, tick));
  paper.addEventListener("click", (event) => {
    const note = event.target.closest("g.note");
    if (note && starts.has(note.id)) audio.currentTime = starts.get(note.id);
  });
  paper.addEventListener("keydown", (event) => {
    const index = lastBefore(seconds, audio.currentTime + 0.01);
    if (event.key === " ") {
      if (audio.paused) audio.play(); else audio.pause();
    } else if (event.key === "ArrowRight" && index + 1 < seconds.length) {
      audio.currentTime = seconds[index + 1];
    } else if (event.key === "ArrowLeft") {
      audio.currentTime = seconds[Math.max(0, index - 1)];
    } else {
      return;
    }
    event.preventDefault();
  });
}

function quarterAt(events, index, now) {
  if (index < 0) return 0;
  const here = events[index], next = events[index + 1];
  if (!next || next.sec <= here.sec) return here.quarter;
  const share = Math.min(1, (now - here.sec) / (next.sec - here.sec));
  return here.quarter + share * (next.quarter - here.quarter);
}

function keepInView(paper, note) {
  const frame = paper.getBoundingClientRect();
  const place = note.getBoundingClientRect();
  const outside = place.top < frame.top + 40 || place.bottom > frame.bottom - 120
    || place.left < frame.left || place.right > frame.right;
  if (!outside) return;
  paper.scrollTo({
    top: paper.scrollTop + place.top - frame.top - 90,
    left: paper.scrollLeft + place.left - frame.left - frame.width / 3,
    behavior: calm ? "auto" : "smooth",
  });
}

function makeCursor(figure) {
  const svg = figure.querySelector("svg");
  const paper = figure.querySelector(".paper");
  const left = Number(svg.dataset.left), scale = Number(svg.dataset.pxPerQuarter);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  line.setAttribute("class", "cursor");
  line.setAttribute("y1", "56");
  line.setAttribute("y2", String(svg.viewBox.baseVal.height - 26));
  // Unseen until the sound is played: before, it would stand beside the picture.
  line.setAttribute("visibility", "hidden");
  svg.append(line);
  return (quarter) => {
    const x = left + quarter * scale;
    line.setAttribute("x1", String(x));
    line.setAttribute("x2", String(x));
    line.setAttribute("visibility", "visible");
    const shown = x - paper.scrollLeft;
    if (shown < 0 || shown > paper.clientWidth - 40) paper.scrollLeft = x - 80;
  };
}

pieces.forEach(follow);
