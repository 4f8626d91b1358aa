// A job on the page: how far it is, a way to stop it, its result or the paragraph that says why not.

import { fill, h, say } from "./dom.js";
import { follow, get, post, result } from "./api.js";
import { pageOf } from "./kinds.js";

const WORDS = { queued: "waiting", running: "working", done: "done", failed: "failed", cancelled: "stopped" };

/** Words for a state. */
export const stateWord = (state) => WORDS[state] ?? state;

/** How far a job is, as an element. */
export function progressOf(job) {
  const label = job.state === "queued" ? "Waiting for its turn" : job.label || "Working";
  const known = job.state === "running" && job.total > 0;
  return h("div", { class: "row" },
    h("progress", { max: known ? job.total : null, value: known ? job.done : undefined, "aria-label": "Progress of the job" }),
    h("span", {}, known ? `${label} (${job.done} of ${job.total})` : label));
}

/** With a capital, unless it begins with the name of a file or a field, which are as they are. */
export const sentence = (text) => (/^(a|an|job|no|the|there|this) [^.:]*([.:] |$)/.test(text) ? text[0].toUpperCase() + text.slice(1) : text);

/** A paragraph that says what went wrong. */
export function mistake(error) {
  return h("p", { class: "error", role: "alert" }, sentence(error.message ?? String(error)));
}

/**
 * Place an order and follow it inside `place`; `show(result, job)` fills in what comes.
 * Returns the job's number, or null when the order was refused.
 */
export async function order(kind, body, place, show) {
  fill(place, h("p", { class: "muted" }, "Starting ..."));
  let job;
  try {
    job = await post(`/api/jobs/${kind}`, body);
  } catch (error) {
    fill(place, mistake(error));
    return null;
  }
  watch(job, place, show);
  return job.number;
}

async function stopJob(number, place) {
  try {
    await post(`/api/jobs/${number}/cancel`);
  } catch (error) {
    place.append(mistake(error));
  }
}

/** Whoever was on the button that is gone goes on where the result begins. */
function land(place) {
  const target = place.querySelector("h2, h3, .error, .notice") ?? place;
  target.tabIndex = -1;
  target.focus();
}

/** Bring what has come into the window, where it stands below it. */
export function reveal(place) {
  if (place.getBoundingClientRect().top > 0.6 * window.innerHeight) place.scrollIntoView({ block: "start" });
}

/** The address of the page shows this job again, also after a reload. */
export function remember(number) {
  if (number !== null) history.replaceState(null, "", `?job=${number}`);
}

/** Follow a job inside `place` until it ends. */
export function watch(job, place, show) {
  let shown = -1;
  // One button for the whole job: it must not slip away under a finger, or lose the focus.
  const holder = h("div", {});
  const notice = h("div", { class: "notice row", "data-job": job.number }, holder,
    h("button", { type: "button", onclick: () => stopJob(job.number, place) }, "Stop"));
  const end = follow((news) => {
    if (news.number === job.number) step(news);
  });
  async function step(news) {
    if (news.revision <= shown) return;
    shown = news.revision;
    if (news.state === "queued" || news.state === "running") {
      fill(holder, progressOf(news));
      if (notice.parentElement !== place) fill(place, notice);
      return;
    }
    end();
    const before = document.activeElement;
    const inside = place.contains(before);
    if (news.state === "done") await finish(news);
    else if (news.state === "failed") fill(place, mistake(new Error(news.error)));
    else fill(place, h("p", { class: "notice" }, "This job was stopped."));
    if (inside && document.activeElement === document.body) land(place);
    else if (document.activeElement === before) reveal(place);
    say(`The job is ${stateWord(news.state)}.`);
  }
  async function finish(news) {
    try {
      const found = await result(news.number);
      fill(place);
      await show(found, news);
      place.dataset.done = news.number;
    } catch (error) {
      fill(place, mistake(error));
    }
  }
  step(job);
}

/** Show a job of the history again, when the address says ?job=NUMBER; true when it does. */
export async function fromAddress(kinds, place, show) {
  const number = Number(new URLSearchParams(location.search).get("job"));
  if (!Number.isInteger(number) || number < 1) return null;
  try {
    const job = await get(`/api/jobs/${number}`);
    if (!kinds.includes(job.kind)) {
      fill(place, h("p", { class: "notice" }, `Job ${number} is shown on `, h("a", { href: pageOf(job) }, "another page"), "."));
      return null;
    }
    watch(job, place, show);
    if (!job.ended) requestAnimationFrame(() => place.scrollIntoView({ block: "nearest" }));
    return job;
  } catch (error) {
    fill(place, mistake(error));
    return null;
  }
}
