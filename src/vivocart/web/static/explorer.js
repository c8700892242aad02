// The explorer: state in the address, one request in flight, charts and words from one answer.

import { ApiError, ask } from "./api.js";
import { createCharts } from "./charts.js";
import { createControls } from "./controls.js";
import { at, h, say, setText, tabs } from "./dom.js";
import { endpointTable } from "./endpoint_table.js";
import { heatMap } from "./heat_map.js";
import { itemTable } from "./item_table.js";
import { jobsPanel } from "./jobs.js";
import { learnItems, number } from "./numbers.js";
import { patientView } from "./patient.js";
import { download } from "./share.js";
import { decode, encode, exploreBody, isUpload } from "./state.js";
import { support } from "./support.js";
import { createTrail } from "./trail.js";

const SPOKEN_MS = 900;
const SLOW_MS = 2500;
const VIEWS = [
  { id: "endpoints", title: "Endpoints", make: endpointTable },
  { id: "items", title: "SLEDAI-2K items", make: itemTable },
  { id: "heat", title: "Dose × interval", make: heatMap },
  { id: "patient", title: "One patient", make: patientView },
  { id: "support", title: "What this rests on", make: support },
  { id: "jobs", title: "Jobs", make: jobsPanel },
];

/** What every part of the explorer is handed. */
const explorer = {
  catalog: null, state: null, result: null, charts: null, trail: null, views: new Map(),
  /** Ask the server anew, or only draw anew if `isShown` changes alone. */
  changed: (isLive) => changed(isLive),
  redraw: () => redraw(),
  /** Show a result that a job has made; the next change of a control goes back to live ones. */
  showResult: (result, words) => showResult(result, words),
  /** Set regimens from outside the controls. */
  setArms: (arms) => { explorer.state.arms.splice(0, Infinity, ...arms); explorer.showControls(); changed(false); },
  /** Draw patients from the populations of a finished calibration. */
  setPopulation: (id, label) => {
    if (!explorer.catalog.populations.some((entry) => entry.id === id)) {
      explorer.catalog.populations.push({ id, label, note: label });
      at("population").append(h("option", { value: id, text: label }));
    }
    explorer.state.population = id;
    explorer.showControls();
    changed(false);
  },
  chooseView: (id, focus) => explorer.choose(id, focus),
  remember: () => remember(),
};

start();

async function start() {
  try {
    const [catalog, uploads] = await Promise.all([ask("/api/v1/catalog"), ask("/api/v1/uploads").catch(() => [])]);
    learnItems(catalog.items);
    explorer.catalog = { ...catalog, own_patients: uploads.filter((entry) => entry.kind === "patients") };
  } catch (error) {
    at("sentences").replaceChildren(h("p", { class: "problem", text: error.message }));
    document.addEventListener("serverback", () => location.reload(), { once: true });
    return;
  }
  explorer.state = decode(location.hash, explorer.catalog);
  at("charts").dataset.disclaimer = explorer.catalog.disclaimer;
  explorer.trail = createTrail(at("trail"));
  explorer.charts = createCharts(at("charts"), explorer.catalog.charts, {
    zoomed: (window) => { explorer.state.window = window; redraw(); },
    flipped: (chart) => { toggle(explorer.state.flipped, chart); redraw(); },
    asked: (what) => explorer.trail.open(what),
    isBusy: () => asking.controller !== null || performance.now() - asking.moved < 250,
    items: () => { explorer.choose("items", true); at("tabs").scrollIntoView({ block: "nearest" }); },
  });
  explorer.showControls = createControls({ catalog: explorer.catalog, state: explorer.state, changed });
  makeToolbar();
  makeViews();
  window.addEventListener("hashchange", () => {
    if (location.hash === encode(explorer.state)) { return; }
    Object.assign(explorer.state, decode(location.hash, explorer.catalog));
    explorer.showControls();
    explorer.choose(explorer.state.tab);
    redraw();
    changed(false);
  });
  document.addEventListener("serverback", () => { asking.shown = ""; changed(false); });
  changed(false);
}

// -- asking -------------------------------------------------------------------------------------------------------------

const asking = { controller: null, since: 0, isWanted: false, moved: 0, isLive: false, sent: "", shown: "" };

/** A control moved: ask at once, or as soon as the answer that is on its way is in; an answer that is late is not awaited. */
function changed(isLive) {
  if (!isLive) { remember(); }
  const key = JSON.stringify(exploreBody(explorer.state, explorer.catalog));
  if (key === (asking.controller ? asking.sent : asking.shown)) { // a slider let go where it stood asks nothing new
    asking.isWanted = false;
    return;
  }
  Object.assign(asking, { moved: performance.now(), isLive });
  asking.isWanted = true;
  if (asking.controller && performance.now() - asking.since < SLOW_MS) { return; }
  asking.controller?.abort();
  next();
}

async function next() {
  const controller = new AbortController();
  const { moved, isLive } = asking;
  const body = exploreBody(explorer.state, explorer.catalog);
  Object.assign(asking, { controller, since: performance.now(), isWanted: false, sent: JSON.stringify(body) });
  const late = setTimeout(() => document.body.classList.add("is-waiting"), 250);
  try {
    const answer = await ask("/api/v1/explore", { body, signal: controller.signal });
    const arrived = performance.now();
    asking.shown = JSON.stringify(body);
    const redrawn = await show({ ...answer, days: body.days, request: body }, isLive);
    measure({ moved, isLive, redrawn }, arrived, answer);
  } catch (error) {
    if (error.name !== "AbortError") { refuse(error); }
  } finally {
    clearTimeout(late);
    if (asking.controller === controller) {
      asking.controller = null;
      document.body.classList.remove("is-waiting");
      if (asking.isWanted) { next(); }
    }
  }
}

/** The time from a movement to the painted charts, as the browser's own measure; benchmarks read it. */
function measure({ moved, isLive, redrawn: charts }, arrived, answer) {
  const redrawn = performance.now();
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => performance.measure("vivocart:turn", {
      start: moved, end: performance.now(), detail: { server_ms: answer.server_ms, answer_ms: arrived - moved, draw_ms: redrawn - arrived, is_live: isLive, redrawn: charts },
    });
    channel.port2.postMessage(null);
  });
}

function refuse(error) {
  if (error instanceof ApiError && error.isDown) { return; } // the banner says so
  at("sentences").replaceChildren(h("p", { class: "problem", role: "alert", text: error.message }));
  document.body.classList.add("is-refused");
  asking.shown = ""; // back to what is drawn has to be asked for again
}

// -- showing ------------------------------------------------------------------------------------------------------------

async function show(result, isLive = false) {
  explorer.result = result;
  document.body.classList.remove("is-refused");
  sentences(result);
  const drawn = explorer.charts.draw(result, explorer.state, isLive);
  explorer.views.get(explorer.state.tab)?.update?.();
  const failed = result.arms.reduce((sum, arm) => sum + (arm.n_failed || 0), 0);
  const size = result.arms[0]?.n_patients ?? result.request?.n_patients;
  setText(at("run-line"), `${number(size, 5)} ${isUpload(explorer.state.patientType) ? "patients of your table" : "virtual patients"}, the same in every regimen${failed ? `; ${failed} left out, could not be simulated` : ""}. Answered in ${Math.round(result.server_ms)} ms.`);
  return drawn;
}

function showResult(result, words) {
  asking.shown = "";
  show({ ...result, days: result.request?.days ?? explorer.state.days, words });
}

function redraw() {
  remember();
  pressToolbar();
  if (explorer.result) { explorer.charts.draw(explorer.result, explorer.state); }
}

let spoken = 0;
/** The answer in words: on the screen at once, spoken once the sliders rest. */
function sentences(result) {
  const box = at("sentences");
  const lines = [...(result.words ? [{ words: result.words, note: true }] : []), ...result.arms.map((arm, index) => ({ label: arm.label, words: arm.sentence, more: arm.sentence_more || "", index }))];
  if (box.children.length !== lines.length || box.querySelector(".problem, .waiting")) {
    box.replaceChildren(...lines.map((line) => (line.note
      ? h("p", { class: "stored" }, h("span"), " ", h("button", { type: "button", class: "link", onclick: () => { asking.shown = ""; changed(false); }, text: "Back to live" }))
      : h("p", { class: "sentence", css: { "--c": `var(--arm-${line.index + 1})` } }, h("span", { class: "swatch", "aria-hidden": "true", text: "ABCD"[line.index] }), h("span", {}, h("b"), h("span"), h("span", { class: "more-words" }))))));
  }
  lines.forEach((line, place) => {
    const paragraph = box.children[place];
    if (line.note) { setText(paragraph.firstChild, line.words); return; }
    setText(paragraph.querySelector("b"), line.words.startsWith(line.label) ? "" : `${line.label}: `);
    setText(paragraph.lastChild.children[1], line.words);
    setText(paragraph.lastChild.lastChild, line.more ? ` ${line.more}` : "");
  });
  clearTimeout(spoken);
  spoken = setTimeout(() => setText(at("spoken"), result.arms.map((arm) => `${arm.label}: ${arm.sentence} ${arm.sentence_more || ""}`).join(" ")), SPOKEN_MS);
}

let rememberTimer = 0;
/** Put the state into the address; browsers forbid doing so too often. */
function remember() {
  clearTimeout(rememberTimer);
  rememberTimer = setTimeout(() => {
    const hash = encode(explorer.state);
    if (hash !== location.hash) { history.replaceState(null, "", hash); }
  }, 120);
}

// -- toolbar and views --------------------------------------------------------------------------------------------------

function toggle(list, entry) {
  const place = list.indexOf(entry);
  if (place < 0) { list.push(entry); } else { list.splice(place, 1); }
}

function makeToolbar() {
  const { state } = explorer;
  for (const button of document.querySelectorAll("[data-window]")) { button.addEventListener("click", () => { state.window = button.dataset.window; redraw(); }); }
  for (const button of document.querySelectorAll("[data-band]")) {
    button.addEventListener("click", () => { toggle(state.bands, button.dataset.band); state.bands.sort(); redraw(); });
  }
  document.querySelector("[data-marks]").addEventListener("click", () => { state.marks = !state.marks; redraw(); });
  const menu = at("download-menu");
  for (const button of menu.querySelectorAll("[data-download]")) {
    button.addEventListener("click", () => { menu.open = false; menu.firstElementChild.focus(); download(button.dataset.download, explorer, (words) => say(at("tool-status"), words)); });
  }
  menu.addEventListener("keydown", (event) => { if (event.key === "Escape") { menu.open = false; menu.firstElementChild.focus(); } });
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) { menu.open = false; } });
  at("share").addEventListener("click", async () => {
    const address = `${location.origin}${location.pathname}${encode(state)}`;
    history.replaceState(null, "", encode(state));
    try { await navigator.clipboard.writeText(address); say(at("tool-status"), "Link copied"); } catch { say(at("tool-status"), "Copy the link from the address bar"); }
  });
  pressToolbar();
}

function pressToolbar() {
  const { state } = explorer;
  for (const button of document.querySelectorAll("[data-window]")) { button.setAttribute("aria-pressed", String(button.dataset.window === state.window)); }
  for (const button of document.querySelectorAll("[data-band]")) { button.setAttribute("aria-pressed", String(state.bands.includes(button.dataset.band))); }
  document.querySelector("[data-marks]").setAttribute("aria-pressed", String(state.marks));
  for (const chart of explorer.catalog.charts) {
    const isLog = Boolean(chart.panels[0].log) !== state.flipped.includes(chart.id);
    document.querySelector(`#chart-${chart.id} .chart-head button[title^="Linear"]`).setAttribute("aria-pressed", String(isLog));
  }
}

function makeViews() {
  explorer.choose = tabs(at("tabs"), at("tab-panels"), VIEWS, (id, panel) => {
    explorer.state.tab = id;
    if (!explorer.views.has(id)) { explorer.views.set(id, VIEWS.find((view) => view.id === id).make(panel, explorer)); }
    remember();
    explorer.views.get(id).update?.();
  });
  const jobs = VIEWS.find((view) => view.id === "jobs");
  explorer.views.set("jobs", jobs.make(at("panel-jobs"), explorer)); // hears of running jobs from the first moment
  explorer.choose(VIEWS.some((view) => view.id === explorer.state.tab) ? explorer.state.tab : "endpoints");
}
