// Six linked charts. Plotly draws axes, marks and hover; while a slider moves, only the paths of the curves are
// rewritten in place (5 ms for six charts instead of 90), and Plotly catches up once the slider rests.

import { at, cssValue, h, setText } from "./dom.js";
import { itemName, number, percent, unitText } from "./numbers.js";
import { curves, isLogPanel, markTrace, marksOf, pathOf, timesOf, traceOf, windowOf, yRange, escapeText } from "./traces.js";

/* global Plotly */

const REST_MS = 260;
const DASHES = ["solid", "solid", "dash", "dot"];
const CONFIG = { displayModeBar: false, responsive: false, doubleClick: false, showTips: false };

/** The palette of the page as it is now, light or dark. */
export function palette() {
  return {
    ink: cssValue("--ink"), muted: cssValue("--muted"), grid: cssValue("--grid"), surface: cssValue("--surface"),
    colors: [1, 2, 3, 4].map((arm) => cssValue(`--arm-${arm}`)),
  };
}

/**
 * The charts of the explorer.
 * @param {HTMLElement} container
 * @param {any[]} specs the catalog's charts
 * @param {{zoomed: (window: string) => void, flipped: (chart: string) => void, asked: (what: any) => void, items: () => void, isBusy: () => boolean}} to
 */
export function createCharts(container, specs, to) {
  const charts = specs.map((spec) => frame(spec, to));
  container.append(...charts.map((chart) => chart.figure));
  const world = { charts, to, result: null, view: null, palette: palette(), timer: 0, isHovering: false };

  document.addEventListener("themechange", () => { world.palette = palette(); redrawAll(world); });
  let width = 0;
  new ResizeObserver(() => {
    if (Math.abs(container.clientWidth - width) < 2) { return; }
    width = container.clientWidth;
    redrawAll(world);
  }).observe(container);
  for (const chart of charts) {
    chart.expand.addEventListener("click", () => {
      const is = chart.figure.classList.toggle("expanded");
      chart.expand.setAttribute("aria-pressed", String(is));
      redraw(world, chart);
    });
  }
  return {
    /** Draw a result; resolves when they are on the screen, with the number of charts that Plotly had to draw. */
    draw: (result, view, isLive = false) => drawAll(world, result, view, isLive),
    /** An image of all six charts, `png` or `svg`. */
    image: (format) => picture(world, format),
  };
}

function frame(spec, to) {
  const title = h("h3", { id: `chart-title-${spec.id}`, text: spec.title });
  const unit = spec.panels.length === 1 ? h("span", { class: "unit", text: spec.panels[0].unit }) : null;
  const readout = h("span", { class: "readout", "aria-hidden": "true" });
  const scale = h("button", { type: "button", class: "mini", "aria-pressed": "false", "aria-label": `${spec.title}: logarithmic axis`, title: "Linear or logarithmic axis", onclick: () => to.flipped(spec.id), text: "log" });
  const expand = h("button", { type: "button", class: "mini", "aria-pressed": "false", "aria-label": `${spec.title}: larger`, title: "Larger" }, h("span", { "aria-hidden": "true", text: "⤢" }));
  const info = h("button", { type: "button", class: "mini", "aria-label": `${spec.title}: what it rests on`, title: "What this rests on: parameters, places, records", onclick: () => to.asked({ numbers: spec.panels.map((panel) => panel.observable), title: spec.title }) }, h("span", { "aria-hidden": "true", text: "i" }));
  const note = h("div", { class: "chart-note" });
  const plot = h("div", { class: "plot", role: "img", "aria-labelledby": `chart-title-${spec.id}`, "aria-describedby": `chart-words-${spec.id}` });
  const cross = h("div", { class: "cross", hidden: true });
  const words = h("figcaption", { class: "hidden", id: `chart-words-${spec.id}` });
  const figure = h("figure", { class: "chart", id: `chart-${spec.id}` },
    h("div", { class: "chart-head" }, title, unit, readout, h("span", { class: "grow" }), info, scale, expand), note, h("div", { class: "plot-box" }, plot, cross), words);
  return { spec, figure, plot, cross, words, note, readout, scale, expand, key: "", ranges: [], isStale: false, paths: new Map() };
}

// -- drawing ------------------------------------------------------------------------------------------------------------

/** What has to be equal for paths alone to be rewritten. */
const structureOf = (world, chart) => JSON.stringify([
  world.result.arms.length, world.view.bands, world.view.flipped.includes(chart.spec.id), windowOf(chart.spec, world.view, world.result.days), chart.ranges,
]);

async function drawAll(world, result, view, isLive) {
  world.result = result;
  world.view = view;
  const waiting = [];
  notes(world); // before the curves: a line more takes its height from the plot
  for (const chart of world.charts) {
    setRanges(world, chart, isLive);
    const key = structureOf(world, chart);
    if (chart.key === key && rewrite(world, chart)) { chart.isStale = true; } else { waiting.push(redraw(world, chart)); }
  }
  rest(world);
  await Promise.all(waiting);
  return waiting.length;
}

function setRanges(world, chart, isHeld) {
  const { spec } = chart;
  const days = windowOf(spec, world.view, world.result.days);
  const isFlipped = world.view.flipped.includes(spec.id);
  chart.ranges = spec.panels.map((panel, axis) => {
    const isLog = isLogPanel(panel, isFlipped);
    const marks = world.view.marks ? marksOf(spec, panel, world.result) : [];
    const before = chart.scales?.[axis] === `${isLog}${days}` ? chart.ranges[axis] : null;
    return yRange(panel, world.result, marks, days, { isLog, bands: world.view.bands, before, isHeld });
  });
  chart.scales = spec.panels.map((panel) => `${isLogPanel(panel, isFlipped)}${days}`);
}

/** Rewrite the paths of the curves; false if one is not where it is expected, and Plotly has to draw. */
function rewrite(world, chart) {
  const layout = chart.plot._fullLayout;
  if (!layout || !layout.xaxis) { return false; }
  const all = curves(chart.spec, world.result, world.view);
  const found = all.map((curve) => chart.paths.get(curve.uid));
  if (found.some((paths) => !paths?.[0]?.isConnected)) { return false; }
  all.forEach((curve, index) => {
    const yAxis = layout[curve.axis ? `yaxis${curve.axis + 1}` : "yaxis"];
    const [first, ...others] = found[index]; // Plotly gives each unbroken piece a path of its own
    first.setAttribute("d", pathOf(curve, layout.xaxis, yAxis) || "M0,0");
    for (const path of others) { path.setAttribute("d", "M0,0"); }
  });
  return true;
}

async function redraw(world, chart) {
  if (!world.result) { return; }
  const { spec } = chart;
  const names = world.result.arms.map((arm) => arm.label);
  const style = { width: chart.plot.clientWidth < 240 ? 1.5 : 2, dashes: DASHES, opacity: names.length > 2 ? 0.6 : 1 }; // four bands over each other stay readable
  const traces = curves(spec, world.result, world.view).map((curve) => traceOf(curve, world.palette.colors, names, style));
  if (world.view.marks) {
    spec.panels.forEach((panel, axis) => {
      const marks = marksOf(spec, panel, world.result);
      if (marks.length) { traces.push(markTrace(marks, panel, axis, world.palette)); }
    });
  }
  chart.key = structureOf(world, chart);
  chart.isStale = false;
  await Plotly.react(chart.plot, traces, layoutOf(world, chart), CONFIG);
  chart.paths.clear();
  for (const trace of traces) {
    chart.paths.set(trace.uid, [...chart.plot.querySelectorAll(`.scatterlayer .trace${trace.uid} ${trace.fill ? ".js-fill" : ".js-line"}`)]);
  }
  listen(world, chart);
  setText(chart.words, inWords(world, spec));
}

const redrawAll = (world) => { if (world.result) { for (const chart of world.charts) { redraw(world, chart); } } };

/** Once nothing has moved for a moment, let Plotly draw what was rewritten by hand, a chart a frame. */
function rest(world) {
  clearTimeout(world.timer);
  const catchUp = () => {
    if (world.to.isBusy()) { rest(world); return; }
    const stale = world.charts.find((chart) => chart.isStale);
    if (!stale) { return; }
    setRanges(world, stale, false);
    redraw(world, stale);
    world.timer = setTimeout(catchUp, 30);
  };
  world.timer = setTimeout(catchUp, REST_MS);
}

// -- layout -------------------------------------------------------------------------------------------------------------

function layoutOf(world, chart) {
  const { spec } = chart;
  const { ink, muted, grid, surface } = world.palette;
  const isFlipped = world.view.flipped.includes(spec.id);
  const isSmall = chart.plot.clientWidth < 240;
  const size = isSmall ? 9 : 11;
  const font = { size, color: muted, family: cssValue("--font") };
  const count = spec.panels.length;
  const [from, to] = windowOf(spec, world.view, world.result.days);
  const layout = {
    width: chart.plot.clientWidth,
    height: chart.plot.clientHeight,
    margin: isSmall ? { l: 26, r: 6, t: 3, b: 16 } : { l: 38, r: 10, t: 4, b: 22 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    showlegend: false,
    font,
    hovermode: "x",
    hoverdistance: 30,
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    hoverlabel: { bgcolor: surface, bordercolor: muted, font: { color: ink, size: 11, family: font.family }, align: "left" },
    xaxis: {
      range: [from, to], showgrid: false, zeroline: false, ticks: "outside", ticklen: 3, tickcolor: muted, linecolor: muted, tickfont: font, nticks: isSmall ? 4 : 7,
      dtick: dayStep(to - from, isSmall), tick0: 0, ticksuffix: " d", showticksuffix: "first", anchor: count > 1 ? `y${count}` : "y", unifiedhovertitle: { text: "day %{x:.3~g}" }, hoverformat: ".3~g",
    },
    shapes: [],
    annotations: [],
  };
  spec.panels.forEach((panel, axis) => {
    const isLog = isLogPanel(panel, isFlipped);
    const gap = isSmall ? 0.12 : 0.09;
    const height = (1 - gap * (count - 1)) / count;
    const top = 1 - axis * (height + gap);
    const name = axis ? `yaxis${axis + 1}` : "yaxis";
    layout[name] = {
      type: isLog ? "log" : "linear", range: chart.ranges[axis], domain: [Math.max(0, top - height), top], fixedrange: true, gridcolor: grid, zeroline: false,
      tickfont: font, nticks: count > 1 || isSmall ? 4 : 6, showline: false, hoverformat: ".3~g", exponentformat: "none", ...(isLog ? logTicks(chart.ranges[axis], count > 1 || isSmall) : {}),
    };
    addWords(layout, panel, axis, { top, isLog, range: chart.ranges[axis], font, muted, surface, isSmall, isAlone: count === 1 });
  });
  layout[`yaxis${count + 1}`] = { range: [0, 1], domain: [0, 1], visible: false, fixedrange: true, overlaying: "y" };
  return layout;
}

/** Reference lines of a panel, and its name where a chart has two. */
function addWords(layout, panel, axis, { top, isLog, range, font, muted, surface, isSmall, isAlone }) {
  const yref = axis ? `y${axis + 1}` : "y";
  for (const level of panel.levels || []) {
    layout.shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, yref, y0: level.value, y1: level.value, line: { color: muted, width: 1, dash: "4px,3px" }, layer: "above" });
    if (!isSmall) {
      layout.annotations.push({ xref: "paper", x: 1, xanchor: "right", yref, y: isLog ? Math.log10(level.value) : level.value, yanchor: "bottom", text: escapeText(level.label), showarrow: false, font: { ...font, size: 10 }, bgcolor: "rgba(0,0,0,0)", borderpad: 0 });
    }
  }
  if (!isAlone) {
    layout.annotations.push({ xref: "paper", x: 1, xanchor: "right", yref: "paper", y: top, yanchor: "top", text: isSmall ? shortName(panel.label) : `${escapeText(panel.label)}, ${escapeText(unitText(panel.unit))}`, showarrow: false, font: { ...font, size: isSmall ? 9 : 10.5 }, bgcolor: surface, opacity: 0.85, borderpad: 1 });
  }
  return range;
}

const shortName = (label) => escapeText(label.replace(/^Complement |^C-reactive protein$| in serum$/g, (part) => (part.startsWith("C-") ? "CRP" : "")));

/** Ticks that a clinician counts in: days, weeks or months. */
export function dayStep(days, isSmall) {
  const most = isSmall ? 4 : 8;
  return [0.25, 0.5, 1, 2, 7, 14, 30, 60, 90, 180, 365].find((step) => days / step <= most) || 365;
}

/** Ticks of a logarithmic axis: powers of ten, with 2 and 5 between them where there is room. */
function logTicks([low, high], isTight) {
  const between = high - low < 1.2 ? [1, 2, 5] : high - low < 2 && !isTight ? [1, 3] : [1];
  const values = [];
  for (let exponent = Math.floor(low); exponent <= Math.ceil(high); exponent += 1) {
    for (const step of between) {
      const value = step * 10 ** exponent;
      if (Math.log10(value) >= low - 1e-6 && Math.log10(value) <= high + 1e-6) { values.push(value); }
    }
  }
  const every = values.length > (isTight ? 4 : 7) ? 2 : 1;
  const kept = values.filter((_, index) => index % every === 0);
  return { tickvals: kept, ticktext: kept.map((value) => (value >= 1e4 ? `${value / 1000}k` : String(Number(value.toPrecision(2))))) };
}

// -- linked hover and zoom ----------------------------------------------------------------------------------------------

function listen(world, chart) {
  if (chart.isListening) { return; }
  chart.isListening = true;
  chart.plot.on("plotly_hover", (event) => {
    const time = event.points[0]?.x;
    if (typeof time === "number") { requestAnimationFrame(() => showTime(world, time)); }
  });
  chart.plot.on("plotly_unhover", () => showTime(world, null));
  chart.plot.on("plotly_relayout", (event) => {
    const [from, to] = [event["xaxis.range[0]"], event["xaxis.range[1]"]];
    if (typeof from === "number" && typeof to === "number") {
      world.to.zoomed(`${Math.max(0, Number(from.toFixed(2)))}-${Number(Math.min(to, world.result.days).toFixed(2))}`);
    }
  });
  chart.plot.on("plotly_doubleclick", () => world.to.zoomed("own"));
  chart.plot.on("plotly_click", (event) => {
    const point = event.points.find((entry) => entry.data.uid?.startsWith("px")) || event.points[0];
    if (!point) { return; }
    const axis = Number((point.data.yaxis || "y").slice(1) || 1) - 1;
    const panel = chart.spec.panels[axis];
    if (!panel) { return; }
    if (point.data.uid.startsWith("px")) { world.to.asked({ mark: marksOf(chart.spec, panel, world.result)[point.customdata] }); }
    else { world.to.asked({ numbers: [panel.observable], title: panel.label, reading: { label: point.data.name, day: point.x, value: point.y, unit: panel.unit } }); }
  });
}

/** The same day in every chart: a line, and the medians of the arms beside the title. */
function showTime(world, time) {
  for (const chart of world.charts) {
    const layout = chart.plot._fullLayout;
    const [from, to] = windowOf(chart.spec, world.view, world.result.days);
    const isIn = time !== null && layout?.xaxis && time >= from && time <= to;
    chart.cross.hidden = !isIn;
    setText(chart.readout, time === null ? "" : readings(world, chart, time));
    if (isIn) { chart.cross.style.transform = `translateX(${layout.xaxis._offset + layout.xaxis.d2p(time)}px)`; }
  }
}

function readings(world, chart, time) {
  const panel = chart.spec.panels[0];
  const values = world.result.arms.map((arm) => number(arm.bands[panel.observable].q50[nearest(timesOf(arm, panel.observable), time)] * (panel.factor ?? 1), 2));
  return `d ${number(time, 3)}: ${values.join(" | ")}`;
}

/** Index of the time nearest to a day. */
export function nearest(times, day) {
  let low = 0;
  let high = times.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] < day) { low = middle; } else { high = middle; }
  }
  return day - times[low] < times[high] - day ? low : high;
}

// -- words --------------------------------------------------------------------------------------------------------------

/** Lines under two titles: probability of CRS by grade, and the items that are there most often at day 90. */
function notes(world) {
  for (const chart of world.charts) {
    if (chart.spec.id === "cytokines") {
      const crs = world.result.arms.map((arm) => arm.crs);
      fill(chart.note, crs.map((shares, arm) => ({
        arm, id: "crs_any", words: shares ? `CRS ${percent(shares.any)}, grade ≥2 ${percent(shares.grade2)}, ≥3 ${percent(shares.grade3)}` : "–",
      })), (entry) => world.to.asked({ numbers: [entry.id], title: "Cytokine release syndrome" }));
    } else if (chart.spec.id === "sledai") {
      fill(chart.note, world.result.arms.map((arm, index) => ({ arm: index, words: commonItems(arm, world.result) })), () => world.to.items());
    }
  }
}

function commonItems(arm, result) {
  const days = arm.item_days || result.item_days || [];
  const at90 = days.reduce((best, day, index) => (Math.abs(day - 90) < Math.abs(days[best] - 90) ? index : best), 0);
  const items = Object.entries(arm.items || {}).map(([item, shares]) => [item, shares[at90]]).sort((one, other) => other[1] - one[1]).slice(0, 2);
  return items.length ? `d ${days[at90]}: ${items.map(([item, share]) => `${itemName(item)} ${percent(share)}`).join(", ")}` : "items";
}

function fill(note, entries, clicked) {
  note.dataset.count = entries.length;
  while (note.children.length > entries.length) { note.lastChild.remove(); }
  entries.forEach((entry, index) => {
    if (!note.children[index]) {
      note.append(h("button", { type: "button", class: "noted", css: { "--c": `var(--arm-${index + 1})` }, onclick: () => clicked(entry) }));
    }
    setText(note.children[index], entry.words);
    note.children[index].title = entry.words;
  });
}

/** A chart in words, for those who hear the page. */
function inWords(world, spec) {
  const [, to] = windowOf(spec, world.view, world.result.days);
  return spec.panels.flatMap((panel) => world.result.arms.map((arm) => {
    const band = arm.bands[panel.observable];
    const factor = panel.factor ?? 1;
    const times = timesOf(arm, panel.observable);
    const last = nearest(times, to);
    const shown = band.q50.slice(0, last + 1);
    const high = shown.indexOf(Math.max(...shown));
    const low = shown.indexOf(Math.min(...shown));
    const value = (index) => number(shown[index] * factor, 2);
    return `${panel.label} in ${panel.unit}, ${arm.label}: median highest ${value(high)} on day ${number(times[high], 3)}, lowest ${value(low)} on day ${number(times[low], 3)}, ${value(last)} on day ${number(times[last], 3)}, 90 % of patients ${number(band.q05[last] * factor, 2)} to ${number(band.q95[last] * factor, 2)}.`;
  })).join(" ");
}

// -- images -------------------------------------------------------------------------------------------------------------

/** Six charts, titles and the disclaimer as one picture. */
async function picture(world, format) {
  const [width, height, head, foot] = [560, 330, 30, 26];
  const legend = 24 + 20 * world.result.arms.length;
  const parts = [];
  for (const [index, chart] of world.charts.entries()) {
    const data = await Plotly.toImage(chart.plot, { format: "svg", width, height });
    const svg = decodeURIComponent(data.slice(data.indexOf(",") + 1)).replace(/^<svg /, `<svg x="${(index % 3) * width}" y="${legend + Math.floor(index / 3) * (height + head) + head}" `);
    parts.push(`<text x="${(index % 3) * width + 14}" y="${legend + Math.floor(index / 3) * (height + head) + 20}" font-size="15" font-weight="600">${escapeText(chart.spec.title)}${chart.spec.panels.length === 1 ? ` (${escapeText(chart.spec.panels[0].unit)})` : ""}</text>`, svg);
  }
  const [total, tall] = [3 * width, legend + 2 * (height + head) + foot];
  const keys = world.result.arms.map((arm, index) => `<rect x="14" y="${12 + 20 * index}" width="12" height="12" rx="2" fill="${world.palette.colors[index]}"/><text x="34" y="${23 + 20 * index}" font-size="13">${escapeText(arm.label)}</text>`);
  const note = at("charts").dataset.disclaimer;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${total}" height="${tall}" viewBox="0 0 ${total} ${tall}" font-family="sans-serif" fill="${world.palette.ink}"><rect width="100%" height="100%" fill="${world.palette.surface}"/>${keys.join("")}${parts.join("")}<text x="14" y="${tall - 9}" font-size="12">${escapeText(note)} Median, 50 % and 90 % of virtual patients; days after the first infusion. vivocart</text></svg>`;
  if (format === "svg") { return new Blob([svg], { type: "image/svg+xml" }); }
  return rasterized(svg, total, tall);
}

async function rasterized(svg, width, height) {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  await image.decode();
  const canvas = h("canvas", { width: width * 1.5, height: height * 1.5 });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
}
