// Talking to the server: JSON in and out, errors in words, and what the reader is told when nobody answers.

import { at } from "./dom.js";

/** A refusal in the server's words, or that nobody answered (`isDown`). */
export class ApiError extends Error {
  constructor(message, { status = 0, isDown = false, where = "" } = {}) {
    super(message);
    this.status = status;
    this.where = where;
    this.isDown = isDown;
  }
}

let retry = null;

/**
 * Ask the server; the answer's JSON.
 * @param {string} path
 * @param {{method?: string, body?: any, signal?: AbortSignal, as?: "json"|"blob"|"response"}} [options] a body that is text goes as it is
 */
export async function ask(path, { method, body, signal, as = "json" } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method: method || (body === undefined ? "GET" : "POST"),
      headers: body === undefined ? {} : { "content-type": typeof body === "string" ? "text/plain" : "application/json" },
      body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
      signal,
    });
    if (response.ok && as === "json") { const data = response.status === 204 ? null : await response.json(); isUp(); return data; }
    if (response.ok && as === "blob") { const blob = await response.blob(); isUp(); return { blob, response }; }
  } catch (error) {
    if (error.name === "AbortError") { throw error; }
    isDown();
    throw new ApiError("The server does not answer.", { isDown: true });
  }
  isUp();
  if (response.ok) { return response; }
  throw await refusal(response);
}

/** The problem with its mend, and the place of it, as the server says them. */
async function refusal(response) {
  const { status } = response;
  try {
    const { error, detail } = await response.json();
    if (error) { return new ApiError([error.message, error.mend].filter(Boolean).join("; "), { status, where: error.where || "" }); }
    if (Array.isArray(detail)) { return new ApiError(detail.map((entry) => `${(entry.loc || []).slice(1).join(".")}: ${entry.msg}`).join("; "), { status }); }
    if (typeof detail === "string") { return new ApiError(detail, { status }); }
  } catch { /* no JSON: the status has to do */ }
  return new ApiError(`The server answered ${status} ${response.statusText}.`, { status });
}

function isUp() {
  if (retry === null) { return; }
  clearTimeout(retry.timer);
  retry = null;
  at("connection").hidden = true;
}

/** Say that the server is gone, try again in longer and longer steps, and tell the page when it is back. */
function isDown() {
  if (retry !== null) { return; }
  const box = at("connection");
  box.textContent = "The server does not answer. What is shown is the last result; trying again… (is “vivocart serve” still running?)";
  box.hidden = false;
  retry = { wait: 500, timer: 0 };
  const later = () => { if (retry) { retry.timer = setTimeout(attempt, retry.wait); retry.wait = Math.min(5000, retry.wait * 1.5); } };
  const attempt = async () => {
    try {
      const response = await fetch("/api/v1/catalog", { cache: "no-store" });
      if (!response.ok) { throw new Error("not ready"); }
      isUp();
      document.dispatchEvent(new CustomEvent("serverback"));
    } catch { later(); }
  };
  later();
}
