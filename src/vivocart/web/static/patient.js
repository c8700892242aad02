// The patient's-eye view: one virtual patient, day by day and item by item.

import { ask } from "./api.js";
import { cssValue, h } from "./dom.js";
import { itemName, number, unitText } from "./numbers.js";
import { dayStep, palette } from "./charts.js";
import { kindChip } from "./trail.js";
import { whoOf } from "./state.js";

/* global Plotly */

const PANELS = [
  { id: "car_percent_cd8", label: "CAR+ of CD8, %", factor: 1, log: false },
  { id: "b_cells_blood", label: "B cells, /µL", factor: 1, log: true, floor: 0.1 },
  { id: "b_cells_tissue_fraction", label: "Tissue B, % of baseline", factor: 100, log: false },
  { id: "autoantibody", label: "Autoantibody, % of baseline", factor: 100, log: false },
  { id: "c3", label: "C3, g/L", factor: 1, log: false },
  { id: "sledai", label: "SLEDAI-2K, points", factor: 1, log: false, steps: true },
  { id: "il6", label: "IL-6, pg/mL", factor: 1, log: true, floor: 0.5 },
];

/** The view of one patient of one regimen; arrows go to the neighbor. */
export function patientView(panel, explorer) {
  const arms = h("select", { onchange: () => { explorer.state.patientArm = Number(arms.value); explorer.remember(); load(); } });
  const which = h("input", { type: "number", min: 1, step: 1, inputmode: "numeric", onchange: () => go(Number(which.value) - 1) });
  const previous = h("button", { type: "button", "aria-label": "Previous patient", onclick: () => go(explorer.state.patient - 1) }, h("span", { "aria-hidden": "true", text: "←" }));
  const next = h("button", { type: "button", "aria-label": "Next patient", onclick: () => go(explorer.state.patient + 1) }, h("span", { "aria-hidden": "true", text: "→" }));
  const status = h("span", { role: "status", class: "quiet" });
  const place = h("div", { class: "patient" });
  panel.replaceChildren(h("div", { class: "view-tools" }, h("label", { class: "field inline" }, "Regimen ", arms), h("label", { class: "field inline" }, "Patient ", which), previous, next, status), place);
  let shown = "";
  let controller = null;

  const go = (wanted) => {
    explorer.state.patient = Math.max(0, Math.min(99999, Math.round(wanted) || 0));
    explorer.remember();
    load();
  };

  const load = async () => {
    const { state } = explorer;
    state.patientArm = Math.min(state.patientArm, state.arms.length - 1);
    const body = { arm: state.arms[state.patientArm], ...whoOf(state, explorer.catalog), days: state.days, seed: state.seed, patient: state.patient, tocilizumab: state.tocilizumab, population: state.population };
    which.value = state.patient + 1;
    previous.disabled = state.patient === 0;
    const key = JSON.stringify(body);
    if (key === shown) { return; }
    controller?.abort();
    controller = new AbortController();
    try {
      const answer = await ask("/api/v1/patient", { body, signal: controller.signal });
      shown = key;
      status.textContent = inWords(answer);
      draw(place, answer, state.patientArm, state.days);
    } catch (error) {
      if (error.name !== "AbortError") { status.textContent = error.message; }
    }
  };

  const update = () => {
    const names = explorer.result ? explorer.result.arms.map((arm) => arm.label) : [];
    arms.replaceChildren(...names.map((name, index) => h("option", { value: index, text: `${"ABCD"[index]}  ${name}` })));
    arms.value = String(Math.min(explorer.state.patientArm, names.length - 1));
    load();
  };
  document.addEventListener("themechange", () => { shown = ""; if (!panel.hidden) { load(); } });
  return { update };
}

function inWords(answer) {
  const scores = answer.sledai || [];
  const at90 = (answer.item_days || []).findIndex((day) => day >= 90);
  const crs = answer.crs_grade ? `CRS grade ${answer.crs_grade}` : "no CRS";
  return scores.length ? `SLEDAI-2K ${number(scores[0])} before, ${number(scores[at90 < 0 ? scores.length - 1 : at90])} at day ${answer.item_days[at90 < 0 ? scores.length - 1 : at90]}; ${crs}.` : crs;
}

function draw(place, answer, arm, days) {
  const plot = h("div", { class: "patient-plot", role: "img", "aria-label": `Course of this patient: ${PANELS.map((entry) => entry.label).join("; ")}` });
  place.replaceChildren(
    h("div", { class: "patient-left" }, plot, events(answer)),
    h("div", { class: "patient-right scroll" }, itemGrid(answer, arm), details(answer)));
  const { ink, muted, grid, colors } = palette();
  const font = { size: 10.5, color: muted, family: cssValue("--font") };
  const layout = { height: 470, width: plot.clientWidth, margin: { l: 38, r: 8, t: 6, b: 24 }, showlegend: false, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font, hovermode: "x", dragmode: false,
    xaxis: { range: [0, days], dtick: dayStep(days, plot.clientWidth < 380), showgrid: false, zeroline: false, linecolor: muted, tickfont: font, fixedrange: true }, annotations: [], shapes: [] };
  const panels = PANELS.filter((entry) => entry.steps || answer.series[entry.id]);
  const height = 1 / panels.length;
  const traces = panels.map((entry, index) => {
    const name = index ? `yaxis${index + 1}` : "yaxis";
    const top = 1 - index * height;
    layout[name] = { domain: [Math.max(0, top - height * 0.94), top - height * 0.2], type: entry.log ? "log" : "linear", rangemode: "tozero", gridcolor: grid, zeroline: false, tickfont: font, nticks: 3, fixedrange: true, exponentformat: "none", hoverformat: ".3~g" };
    layout.annotations.push({ xref: "paper", x: 0, xanchor: "left", yref: "paper", y: top, yanchor: "top", text: entry.label, showarrow: false, font: { ...font, color: ink }, borderpad: 0 });
    const y = (entry.steps ? answer.sledai : answer.series[entry.id]).map((value) => (value === null ? null : entry.log ? Math.max(entry.floor, value * entry.factor) : value * entry.factor));
    return { type: "scatter", mode: "lines", x: entry.steps ? answer.item_days : answer.times, y, yaxis: index ? `y${index + 1}` : "y", line: { color: colors[arm % colors.length], width: 1.8, shape: entry.steps ? "hv" : "linear" }, hovertemplate: "%{y:.3~g}<extra></extra>" };
  });
  layout.xaxis.anchor = panels.length > 1 ? `y${panels.length}` : "y";
  for (const day of answer.infusions_days || []) { layout.shapes.push({ type: "line", xref: "x", x0: day, x1: day, yref: "paper", y0: 0, y1: 1, line: { color: muted, width: 0.6, dash: "2px,3px" }, layer: "below" }); }
  Plotly.newPlot(plot, traces, layout, { displayModeBar: false });
}

const events = (answer) => ((answer.events || []).length ? h("p", { class: "quiet small", text: answer.events.map((event) => `day ${number(event.day, 3)}: ${event.words}`).join("; ") }) : null);

function itemGrid(answer, arm) {
  const weights = answer.item_weights || {};
  const rows = Object.entries(answer.items).filter(([, present]) => present.some(Boolean)).sort(([one], [other]) => (weights[other] ?? 0) - (weights[one] ?? 0));
  return h("table", { class: "heat items", css: { "--c": `var(--arm-${arm + 1})` } },
    h("caption", { text: "Items of SLEDAI-2K that this patient has at any visit: points where present." }),
    h("thead", {}, h("tr", {}, h("th", { scope: "col", text: "Item" }), answer.item_days.map((day) => h("th", { scope: "col", class: "num", text: `d ${day}` })))),
    h("tbody", {}, rows.map(([item, present]) => h("tr", {}, h("th", { scope: "row", text: itemName(item) }),
      present.map((is) => h("td", { class: "cell", css: { "--share": is ? 1 : 0 }, text: is ? String(weights[item] ?? 1) : "·" })))),
    h("tr", { class: "sum" }, h("th", { scope: "row", text: "SLEDAI-2K" }), (answer.sledai || []).map((score) => h("td", { class: "num", text: number(score) })))));
}

function details(answer) {
  return h("div", {},
    h("details", {}, h("summary", { text: `Who this is: ${answer.covariates.length} covariates` }), h("dl", { class: "facts" }, answer.covariates.flatMap((row) => [h("dt", { text: row.label || row.id.replaceAll("_", " ") }), h("dd", { text: `${number(row.value, 3)} ${unitText(row.unit)}` })]))),
    h("details", {}, h("summary", { text: `Own values of ${answer.parameters.length} parameters` }), h("table", {}, h("thead", {}, h("tr", {}, ["Parameter", "This patient", "Typical", "Typical value is"].map((text) => h("th", { scope: "col", text })))),
      h("tbody", {}, answer.parameters.map((row) => h("tr", {}, h("th", { scope: "row" }, h("code", { text: row.id })), h("td", { class: "num", text: number(row.value, 3) }), h("td", { class: "num", text: `${number(row.typical, 3)} ${unitText(row.unit)}` }), h("td", {}, kindChip(row.kind))))))));
}
