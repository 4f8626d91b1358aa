// The frame of every page: which page it is, and how much work there is.

import { fill, h } from "./dom.js";
import { follow } from "./api.js";
import { mistake } from "./jobs.js";

const main = document.getElementById("main");
const queue = document.getElementById("queue");
const open = new Map();

function showQueue() {
  const running = [...open.values()].filter((state) => state === "running").length;
  const waiting = open.size - running;
  const parts = [[running, "working"], [waiting, "waiting"]].filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  const text = parts.length ? `Jobs: ${parts.join(", ")}` : "";
  if (queue.textContent !== text) fill(queue, text ? h("a", { href: "/history" }, text) : null);
}

follow((job) => {
  if (job.state === "queued" || job.state === "running") open.set(job.number, job.state);
  else open.delete(job.number);
  showQueue();
});

async function start() {
  const page = await import(`/static/pages/${document.body.dataset.page}.js`);
  await page.build(main);
  main.dataset.ready = "true";
}

start().catch((error) => {
  console.error(error);
  fill(main, h("h1", {}, "This page did not open"), mistake(error));
});

