// The credibility page: each published observation beside what the model says of it.

import { ask } from "./api.js";
import { at, cssValue, h } from "./dom.js";
import { palette } from "./charts.js";
import { follow } from "./jobs.js";
import { percent, unitText } from "./numbers.js";
import { escapeText } from "./traces.js";
import { createTrail, recordLink } from "./trail.js";

/* global Plotly */

const trail = createTrail(at("trail"));
const TITLES = { new: "Brought by the user", "held out": "Held out of the fit", fitted: "Fitted", "in view": "In view when constants were set by hand" };

read();
document.addEventListener("serverback", read);
document.addEventListener("themechange", () => { if (shown) { show(shown); } });
let shown = null;

async function read() {
  try { take(await ask("/api/v1/credibility")); } catch (error) { at("credibility").replaceChildren(h("p", { class: "problem", role: "alert", text: error.message })); }
}

function take(answer) {
  if (answer.state === "done") { show(answer); return; }
  if (answer.state === "running" && answer.job) { wait(answer.job); return; }
  const button = h("button", { type: "button", class: "primary", text: "Compare the model with every published observation", onclick: async () => {
    button.disabled = true;
    try { wait((await ask("/api/v1/jobs", { body: { kind: "credibility" } })).id); } catch (error) { at("credibility").append(h("p", { class: "problem", role: "alert", text: error.message })); button.disabled = false; }
  } });
  at("credibility").replaceChildren(h("p", { text: answer.note || "The comparison of this model with what was published has not been made here yet; it takes a minute or two, in the background." }), h("p", {}, button));
}

function wait(id) {
  const progress = h("progress", { max: 1, value: 0, "aria-label": "Progress" });
  const status = h("span", { role: "status", class: "quiet", text: "queued" });
  at("credibility").replaceChildren(h("p", { text: "Simulating cohorts of the size of each published study…" }), h("p", {}, progress, " ", status));
  follow(id, (job) => { progress.value = job.progress || 0; status.textContent = job.message || job.state; }).then(read, (error) => at("credibility").append(h("p", { class: "problem", role: "alert", text: error.message })));
}

// -- the table ----------------------------------------------------------------------------------------------------------

function show(answer) {
  shown = answer;
  const groups = Object.keys(TITLES).map((status) => ({
    status, title: TITLES[status], about: answer.status_words?.[status] || answer.table.find((row) => row.status === status)?.status_words || "", rows: answer.table.filter((row) => row.status === status),
  })).filter((group) => group.rows.length);
  at("credibility").replaceChildren(
    h("div", { class: "summary-cards" }, groups.map(card)),
    answer.note ? h("p", { class: "quiet", text: answer.note }) : "",
    coverage(answer.coverage || []),
    ...groups.map(section),
    h("p", { class: "quiet small" }, "Model ", h("code", { text: String(answer.model_hash || "").slice(0, 12) }), answer.command ? ["; the same table by ", h("code", { text: answer.command })] : ""));
  for (const group of groups) { figure(group); }
}

const judged = (rows) => rows.filter((row) => row.is_inside === true || row.is_inside === false);

function card({ title, rows }) {
  const told = judged(rows);
  return h("div", {}, h("b", { text: `${told.filter((row) => row.is_inside).length} of ${told.length}` }), h("span", { text: `inside the predicted 90 %. ${title}` }), rows.length > told.length && h("span", { class: "quiet", text: `; ${rows.length - told.length} more the model does not predict` }));
}

/** How often intervals held what was published, beside how often they should. */
function coverage(rows) {
  if (!rows.length) { return ""; }
  return h("div", { class: "scroll" }, h("table", { class: "narrow" },
    h("caption", { text: "How often predicted intervals held what was published. Observations of one study depend on each other, so this is a description, not a test." }),
    h("thead", {}, h("tr", {}, ["Observations", "Interval", "Held", "Share", "95 % interval of the share"].map((text) => h("th", { scope: "col", text })))),
    h("tbody", {}, rows.map((row) => h("tr", {}, h("th", { scope: "row", text: TITLES[row.status] || row.status }), h("td", { text: percent(row.level) }), h("td", { text: `${row.n_inside} of ${row.n}` }), h("td", { text: percent(row.share) }),
      h("td", {}, `${percent(row.low)} to ${percent(row.high)} `, h("span", { class: "quiet", text: row.is_plausible ? "" : `does not hold ${percent(row.level)}` })))))));
}

const idOf = (status) => `figure-${status.replaceAll(" ", "-")}`;

function section({ status, title, about, rows }) {
  const studies = [...new Set(rows.map((row) => row.study))];
  return h("section", { "aria-label": title },
    h("h2", { text: title }), h("p", { class: "quiet", text: about ? `${about[0].toUpperCase()}${about.slice(1)}.` : "" }),
    h("div", { class: "range-plot", id: idOf(status), role: "img", "aria-label": `${title}: observed value of each observation on the scale of its predicted 90 % interval; the same numbers stand in the table` }),
    h("div", { class: "scroll" }, h("table", { class: "cards" },
      h("thead", {}, h("tr", {}, ["Observation", "Observed", "Predicted, middle 90 % of cohorts", "Verdict", "Source"].map((text) => h("th", { scope: "col", text })))),
      studies.map((study) => h("tbody", {}, h("tr", { class: "group" }, h("th", { scope: "rowgroup", colspan: 5, text: study })), rows.filter((row) => row.study === study).map(line))))));
}

const armName = (arm) => arm.replaceAll("_", " ");

function line(row) {
  const unit = unitText(row.unit);
  const verdict = row.is_inside === true ? h("span", { class: "verdict inside", text: "inside" })
    : row.is_inside === false ? h("span", { class: "verdict outside", text: "outside" }) : h("span", { class: "quiet", text: "not predicted" });
  const isPredicted = row.is_inside === true || row.is_inside === false;
  return h("tr", {},
    h("th", { scope: "row" }, row.label, row.arm && row.arm !== "all" && h("span", { class: "quiet", text: `, ${armName(row.arm)}` }), row.note && h("details", { class: "note" }, h("summary", { text: "note" }), h("p", { class: "quiet small", text: row.note }))),
    h("td", { "data-label": "observed", text: row.observed }),
    h("td", { "data-label": "predicted" }, isPredicted ? h("button", { type: "button", class: "number", onclick: () => trail.open({ numbers: [row.measure], title: row.label, reading: { label: row.arm === "all" ? row.study : `${row.study}, ${row.arm}`, text: row.predicted, unit: row.unit } }), text: `${row.predicted} ${unit}`.trim() }) : h("span", { class: "quiet", text: row.predicted })),
    h("td", {}, verdict), h("td", {}, row.record_id ? recordLink(row.record_id, row.citation) : ""));
}

const SYMBOLS = { upper_bound: "triangle-left", lower_bound: "triangle-right" };

/** Observed values on the scale of their predicted intervals: 0 the median, -1 and 1 the ends of the middle 90 %. */
function figure({ status, rows }) {
  const place = at(idOf(status));
  const drawn = rows.map((row) => ({ ...row, seen: row.observed_value ?? (row.observed_lower !== null && row.observed_upper !== null ? (row.observed_lower + row.observed_upper) / 2 : null) }))
    .filter((row) => [row.seen, row.predicted_median, row.low90, row.high90].every((value) => typeof value === "number" && Number.isFinite(value)) && row.high90 > row.low90);
  if (!drawn.length || typeof Plotly === "undefined") { place.hidden = true; return; }
  const { ink, muted, grid, surface, colors } = palette();
  const onScale = (row, value) => {
    const span = value >= row.predicted_median ? row.high90 - row.predicted_median : row.predicted_median - row.low90;
    return Math.max(-2.4, Math.min(2.4, span > 0 ? (value - row.predicted_median) / span : Math.sign(value - row.predicted_median) * 2.4));
  };
  const x = drawn.map((row) => onScale(row, row.seen));
  const whisker = (row, index, end) => (typeof row[end] === "number" ? Math.abs(onScale(row, row[end]) - x[index]) : 0);
  const font = { size: 11.5, color: muted, family: cssValue("--font") };
  const height = 56 + 23 * drawn.length;
  const left = Math.min(390, place.clientWidth * 0.5);
  const fits = Math.floor(left / 6.4);
  const labels = drawn.map((row) => { const text = `${row.label}${row.arm && row.arm !== "all" ? `, ${armName(row.arm)}` : ""}`; return text.length > fits ? `${text.slice(0, fits - 1)}…` : text; });
  place.style.minHeight = `${height}px`;
  Plotly.react(place, [{
    type: "scatter", mode: "markers", x, y: drawn.map((_, index) => index),
    error_x: { type: "data", symmetric: false, array: drawn.map((row, index) => whisker(row, index, "observed_upper")), arrayminus: drawn.map((row, index) => whisker(row, index, "observed_lower")), color: ink, thickness: 1.5, width: 3 },
    marker: { size: 10, symbol: drawn.map((row) => SYMBOLS[row.statistic] || (row.is_inside ? "circle" : "diamond")), color: drawn.map((row) => (row.is_inside ? colors[0] : colors[1])), line: { width: 1.5, color: surface } },
    hovertemplate: drawn.map((row) => `${escapeText(row.label)}<br>observed ${escapeText(row.observed)}<br>predicted ${escapeText(row.predicted)} ${escapeText(unitText(row.unit))}<extra></extra>`),
  }], {
    width: place.clientWidth, height, margin: { l: left, r: 12, t: 8, b: 40 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font, showlegend: false, dragmode: false,
    hoverlabel: { bgcolor: surface, bordercolor: muted, font: { color: ink, size: 11 }, align: "left" },
    shapes: [{ type: "rect", xref: "x", x0: -1, x1: 1, yref: "paper", y0: 0, y1: 1, fillcolor: colors[0], opacity: 0.12, line: { width: 0 }, layer: "below" }, { type: "line", x0: 0, x1: 0, yref: "paper", y0: 0, y1: 1, line: { color: muted, width: 1 }, layer: "below" }],
    xaxis: { range: [-2.6, 2.6], fixedrange: true, zeroline: false, showgrid: false, tickvals: [-1, 0, 1], ticktext: ["5 %", "median", "95 %"], title: { text: "observed, on the scale of its predicted middle 90 %", font }, tickfont: { ...font, color: ink } },
    yaxis: { range: [drawn.length - 0.5, -0.5], fixedrange: true, gridcolor: grid, zeroline: false, tickvals: drawn.map((_, index) => index), ticktext: labels.map(escapeText), tickfont: { ...font, color: ink } },
  }, { displayModeBar: false, responsive: false });
}
