// Talking to the studio: requests with the token, uploads, jobs that are followed to their end.

let session = null;

/** A mistake as the studio tells it: message is one clear paragraph. */
export class StudioError extends Error {
  constructor(text, status) {
    super(text);
    this.status = status;
  }
}

async function begin() {
  session ??= fetch("/api/session").then((answer) => {
    if (!answer.ok) throw new StudioError("The studio does not answer.", answer.status);
    return answer.json();
  });
  try {
    return await session;
  } catch (error) {
    session = null;
    throw error;
  }
}

async function read(answer) {
  if (answer.ok) return answer.json();
  let text = `The studio answered with ${answer.status}.`;
  try {
    text = (await answer.json()).text ?? text;
  } catch { /* no JSON came; the number must do */ }
  throw new StudioError(text, answer.status);
}

async function request(path, options, again = true) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new StudioError("The studio does not answer. Is it still running?", 0);
  }
  // A studio that was started anew has a new token.
  if (answer.status === 403 && again && options?.headers?.["X-Partimento-Token"]) {
    session = null;
    const headers = { ...options.headers, "X-Partimento-Token": (await begin()).token };
    return request(path, { ...options, headers }, false);
  }
  return read(answer);
}

/** GET, as JSON. */
export function get(path, options = {}) {
  return request(path, options);
}

async function change(method, path, body) {
  const headers = { "X-Partimento-Token": (await begin()).token };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return request(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

/** POST of JSON. */
export const post = (path, body) => change("POST", path, body);
/** DELETE. */
export const remove = (path) => change("DELETE", path);

/** Hand in a File or Blob; returns the upload with its ref and facts. */
export async function upload(file, name = file.name) {
  const headers = { "X-Partimento-Token": (await begin()).token, "Content-Type": "application/octet-stream" };
  return request(`/api/uploads?name=${encodeURIComponent(name)}`, { method: "POST", headers, body: file });
}

/** Ask a question that is answered at once. */
export const ask = (question, body) => post(`/api/ask/${question}`, body);

/** Where a file of a job or an upload can be had. */
export function fileAddress(ref, download = false) {
  const tail = download ? "?download=true" : "";
  if (ref.startsWith("upload:")) return `/api/uploads/${ref.slice(7)}/content${tail}`;
  const [number, name] = ref.slice(4).split("/");
  return `/api/jobs/${number}/files/${encodeURIComponent(name)}${tail}`;
}

// Following jobs: one long question for all of them, as long as somebody wants to know.

const followers = new Set();
let asking = false;

async function followAll() {
  if (asking) return;
  asking = true;
  let revision = 0;
  let pause = 500;
  while (followers.size > 0) {
    try {
      const news = await get(`/api/changes?since=${revision}&wait=${revision === 0 ? 0 : 20}`);
      revision = news.revision;
      pause = 500;
      for (const follower of [...followers]) for (const job of [...news.jobs].reverse()) follower(job);
    } catch {
      await new Promise((done) => setTimeout(done, pause));
      // The studio may have been started anew, with a history that counts as before.
      pause = Math.min(2 * pause, 5000);
    }
  }
  asking = false;
}

/** Call back with every job that changes; returns a function that ends it. */
export function follow(callback) {
  followers.add(callback);
  followAll();
  return () => followers.delete(callback);
}

/** The result of a finished job. */
export const result = (number) => get(`/api/jobs/${number}/result`);
