// Work in the background: progress by server-sent events, cancel, and all of it still there after a reload.

import { ask } from "./api.js";
import { at, h, setText } from "./dom.js";
import { number } from "./numbers.js";
import { exploreBody } from "./state.js";

const DONE = new Set(["done", "failed", "cancelled"]);
const LARGE = [2000, 5000, 10000, 50000, 100000];

/** Start a job; its id. */
export async function startJob(body) {
  const { id } = await ask("/api/v1/jobs", { body });
  document.dispatchEvent(new CustomEvent("jobstarted", { detail: id }));
  return id;
}

/** Follow a job to its end; rejects with its own words if it fails or is cancelled. */
export function follow(id, told) {
  return new Promise((resolve, reject) => {
    const source = new EventSource(`/api/v1/jobs/${id}/events`);
    const heard = (event) => {
      const job = JSON.parse(event.data);
      told(job);
      if (!DONE.has(job.state)) { return; }
      source.close();
      if (job.state === "done") { resolve(job); } else { reject(new Error(job.error ? [job.error.message, job.error.mend].filter(Boolean).join("; ") : `The job was ${job.state}.`)); }
    };
    source.addEventListener("status", heard);
    source.addEventListener("message", heard);
    source.onerror = async () => { // the browser tries again by itself; a job that is gone will not come back
      if (source.readyState !== EventSource.CLOSED) { return; }
      try { heard({ data: JSON.stringify(await ask(`/api/v1/jobs/${id}`)) }); } catch (error) { source.close(); reject(error); }
    };
  });
}

/** The view of jobs, and the count of running ones on its tab. */
export function jobsPanel(panel, explorer) {
  const most = explorer.catalog.limits.population_patients;
  const size = h("select", {}, LARGE.filter((entry) => entry <= most).map((entry) => h("option", { value: entry, text: number(entry, 6) })));
  size.value = "10000";
  const status = h("span", { role: "status", class: "quiet" });
  const list = h("ul", { class: "jobs" });
  const run = h("button", { type: "button", class: "primary", onclick: () => large(), text: "Run these regimens" });
  const fit = h("button", { type: "button", title: "Fit typical values to the published observations of HN2301; minutes, in the background", onclick: () => calibrate(), text: "Calibrate to HN2301" });
  panel.replaceChildren(h("div", { class: "view-tools" }, run, h("label", { class: "field inline" }, "in ", size, " patients"), fit, status), list);
  const rows = new Map();

  const large = async () => {
    status.textContent = "";
    try {
      const body = exploreBody(explorer.state, explorer.catalog);
      await startJob({ kind: "population", explore: { ...body, n_patients: Number(size.value) } });
    } catch (error) { status.textContent = error.message; }
  };

  const calibrate = async () => {
    status.textContent = "";
    try { await startJob({ kind: "calibration", study: "hn2301", seed: explorer.state.seed }); } catch (error) { status.textContent = error.message; }
  };

  const show = (job) => {
    if (!rows.has(job.id)) {
      const row = jobRow(job.id, explorer, status);
      rows.set(job.id, row);
      list.prepend(row.element);
    }
    rows.get(job.id).show(job);
    const running = [...rows.values()].filter((row) => !DONE.has(row.job.state)).length;
    setText(at("tab-jobs"), running ? `Jobs (${running})` : "Jobs");
    list.dataset.count = rows.size;
  };

  const watch = (job) => {
    show(job);
    if (!DONE.has(job.state)) { follow(job.id, show).catch(() => {}); }
  };

  const load = async () => {
    try {
      const answer = await ask("/api/v1/jobs");
      const jobs = Array.isArray(answer) ? answer : answer.jobs;
      for (const job of [...jobs].sort((one, other) => String(one.created).localeCompare(String(other.created)))) {
        if (!rows.has(job.id) || rows.get(job.id).job.state !== job.state) { watch(job); }
      }
    } catch (error) { status.textContent = error.isDown ? "" : error.message; }
  };
  document.addEventListener("jobstarted", load);
  document.addEventListener("serverback", load);
  load();
  return { update: () => {} };
}

function jobRow(id, explorer, status) {
  const title = h("b");
  const state = h("span", { class: "quiet" });
  const progress = h("progress", { max: 1, value: 0, "aria-label": "Progress" });
  const act = async (work) => { try { await work(); } catch (error) { status.textContent = error.message; } };
  const cancel = h("button", { type: "button", onclick: () => act(() => ask(`/api/v1/jobs/${id}`, { method: "DELETE", as: "response" })), text: "Cancel" });
  const open = h("button", { type: "button", hidden: true, onclick: () => act(async () => {
    const result = await ask(`/api/v1/jobs/${id}/result`);
    explorer.showResult({ ...result, request: row.job.request?.explore ?? row.job.request }, `Result of a job: ${row.job.label}.`);
    scrollTo({ top: 0 });
  }), text: "Show in the charts" });
  const use = h("button", { type: "button", hidden: true, onclick: () => { explorer.setPopulation(id, row.job.label); scrollTo({ top: 0 }); }, text: "Draw patients from it" });
  const row = { element: h("li", {}, title, " ", state, progress, cancel, open, use), job: null, show: null };
  row.show = (job) => {
    row.job = { ...row.job, ...job };
    const isDone = DONE.has(job.state);
    setText(title, row.job.label || row.job.kind);
    const why = job.error ? `: ${[job.error.message, job.error.mend].filter(Boolean).join("; ")}` : "";
    setText(state, `${job.state}${isDone ? why : job.message ? `, ${job.message}` : ""}${row.job.note && isDone ? ` (${row.job.note})` : ""}`);
    progress.value = job.progress || 0;
    progress.hidden = isDone;
    cancel.hidden = isDone;
    use.hidden = !(job.state === "done" && row.job.kind === "calibration");
    open.hidden = !(job.state === "done" && row.job.kind === "population");
  };
  return row;
}
