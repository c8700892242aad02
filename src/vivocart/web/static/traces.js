// From the server's bands to what is drawn: pure functions, no page.

/** Steps of an axis' end, so that a slider does not move the axis with every notch. */
const STEPS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

/** The drawn values of a quantile: in the panel's unit, not below the floor of a logarithmic axis. */
export function drawn(values, panel, isLog) {
  const factor = panel.factor ?? 1;
  const floor = isLog ? panel.floor : -Infinity;
  return values.map((value) => (value === null ? null : Math.max(value * factor, floor)));
}

/** The days of an arm's values of an observable; SLEDAI-2K is scored on visits, the rest stands on the arm's own times. */
export const timesOf = (arm, observable) => (observable === "sledai" ? arm.item_days : arm.times);

/** Whether a panel's axis is logarithmic: its default, turned over where the reader asked for it. */
export const isLogPanel = (panel, isFlipped) => Boolean(panel.log) !== isFlipped;

/** The days that a chart shows. */
export function windowOf(chart, view, days) {
  const range = /^([\d.]+)-([\d.]+)$/.exec(view.window);
  if (range) { return [Number(range[1]), Number(range[2])]; }
  if (view.window === "all") { return [0, days]; }
  if (view.window === "own") { return [0, Math.min(chart.days || days, days)]; }
  return [0, Math.min(Number(view.window), days)];
}

/** Lowest and highest drawn value of a panel inside the days shown, marks and reference lines included. */
function extent(panel, result, marks, [from, to], isLog, bands) {
  const [lowKey, highKey] = bands.includes("90") ? ["q05", "q95"] : bands.includes("50") ? ["q25", "q75"] : ["q50", "q50"];
  let low = Infinity;
  let high = -Infinity;
  for (const arm of result.arms) {
    const band = arm.bands[panel.observable];
    if (!band) { continue; }
    const times = timesOf(arm, panel.observable);
    for (let index = 0; index < times.length; index += 1) {
      if (times[index] < from || times[index] > to) { continue; }
      if (band[lowKey][index] !== null && band[lowKey][index] < low) { low = band[lowKey][index]; }
      if (band[highKey][index] > high) { high = band[highKey][index]; }
    }
  }
  const factor = panel.factor ?? 1;
  let [bottom, top] = [low * factor, high * factor];
  for (const value of [...marks.map((mark) => (mark.kind === "duration" ? mark.value : mark.upper ?? mark.value) * factor), ...(panel.levels || []).map((level) => level.value)]) {
    if (value > top) { top = value; }
    if (isLog && value < bottom) { bottom = value; }
  }
  return [bottom, top];
}

const stepUp = (value) => {
  const power = 10 ** Math.floor(Math.log10(value));
  return STEPS.find((step) => step * power >= value * 0.999) * power;
};

/**
 * The range of a panel's axis; the range before is kept while it fits, so that curves move and axes stand. While a slider
 * moves (`isHeld`) it may be much too large: an axis drawn anew costs more than six charts of curves.
 * @returns {[number, number]} as Plotly has it: exponents where the axis is logarithmic
 */
export function yRange(panel, result, marks, days, { isLog, bands, before, isHeld = false }) {
  const [bottom, top] = extent(panel, result, marks, days, isLog, bands);
  if (!Number.isFinite(top)) { return before || (isLog ? [-1, 1] : [0, 1]); }
  if (!isLog) {
    const needed = Math.max(top * 1.03, 1e-9);
    if (before && before[1] >= needed && (isHeld || before[1] <= 1.9 * needed)) { return before; }
    return [0, stepUp(needed * (isHeld ? 1.5 : 1.02))]; // with room for the next notches
  }
  const low = Math.log10(Math.max(panel.floor, bottom * 0.85));
  const high = Math.log10(Math.max(top * 1.15, panel.floor * 10));
  if (before && before[0] <= low && before[1] >= high && (isHeld || (before[0] >= low - 0.7 && before[1] <= high + 0.45))) { return before; }
  if (isHeld) { return [Math.max(Math.log10(panel.floor), Math.floor(Math.min(low, before?.[0] ?? low))), Math.ceil(Math.max(high, before?.[1] ?? high) + 0.2)]; }
  return [Math.max(Math.log10(panel.floor), Math.floor(low * 3 + 0.02) / 3), Math.ceil(high * 4) / 4];
}

/** `rgba()` of a hex color. */
export function faded(color, opacity) {
  const [red, green, blue] = [1, 3, 5].map((place) => Number.parseInt(color.slice(place, place + 2), 16));
  return `rgba(${red},${green},${blue},${opacity})`;
}

/**
 * Every curve of a chart as points: the order is the order of drawing, `uid` finds the drawn path again.
 * @returns {{uid: string, kind: "band"|"median"|"ticks", axis: number, arm: number, x: number[], y: (number|null)[], quantiles?: any}[]}
 */
export function curves(chart, result, view) {
  const isFlipped = view.flipped.includes(chart.id);
  const found = [];
  chart.panels.forEach((panel, axis) => {
    const isLog = isLogPanel(panel, isFlipped);
    for (const [level, low, high] of [["90", "q05", "q95"], ["50", "q25", "q75"]]) {
      if (!view.bands.includes(level)) { continue; }
      result.arms.forEach((entry, arm) => {
        const band = entry.bands[panel.observable];
        const times = timesOf(entry, panel.observable);
        const y = drawn(band[high], panel, isLog).concat(drawn(band[low], panel, isLog).reverse());
        found.push({ uid: `b${level}x${axis}x${arm}`, kind: "band", level, axis, arm, x: times.concat([...times].reverse()), y });
      });
    }
    result.arms.forEach((entry, arm) => {
      const band = entry.bands[panel.observable];
      found.push({ uid: `mx${axis}x${arm}`, kind: "median", axis, arm, x: timesOf(entry, panel.observable), y: drawn(band.q50, panel, isLog), band, panel });
    });
  });
  result.arms.forEach((entry, arm) => {
    const height = 0.045;
    const top = 1 - arm * height;
    const x = entry.infusions_days.flatMap((day) => [day, day, null]);
    const y = entry.infusions_days.flatMap(() => [top, top - height * 0.8, null]);
    found.push({ uid: `tx${arm}`, kind: "ticks", axis: chart.panels.length, arm, x, y });
  });
  return found;
}

/** Published marks of one panel. */
export const marksOf = (chart, panel, result) =>
  (result.marks || []).filter((mark) => mark.chart === chart.id && (!mark.observable || mark.observable === panel.observable));

/** A curve as an SVG path in the pixels of its axes. */
export function pathOf(curve, xAxis, yAxis) {
  const { x, y, kind } = curve;
  let path = "";
  let isUp = true; // the pen is off the paper
  for (let index = 0; index < x.length; index += 1) {
    if (x[index] === null || y[index] === null) { isUp = true; continue; }
    path += `${isUp ? "M" : "L"}${xAxis.d2p(x[index]).toFixed(1)},${yAxis.d2p(y[index]).toFixed(1)}`;
    isUp = false;
  }
  return kind === "band" && path ? `${path}Z` : path;
}

/** A curve as a Plotly trace. */
export function traceOf(curve, colors, names, style) {
  const axes = { xaxis: "x", yaxis: curve.axis ? `y${curve.axis + 1}` : "y" };
  const color = colors[curve.arm % colors.length];
  const base = { type: "scatter", uid: curve.uid, x: curve.x, y: curve.y, ...axes, showlegend: false };
  if (curve.kind === "band") {
    return { ...base, mode: "none", fill: "toself", fillcolor: faded(color, (curve.level === "90" ? 0.16 : 0.28) * style.opacity), line: { width: 0 }, hoverinfo: "skip", hoveron: "points" };
  }
  if (curve.kind === "ticks") {
    return { ...base, mode: "lines", line: { color, width: 2 }, hoverinfo: "skip", connectgaps: false };
  }
  const factor = curve.panel.factor ?? 1;
  return {
    ...base,
    mode: "lines",
    line: { color, width: style.width, dash: style.dashes[curve.arm % style.dashes.length], simplify: false },
    name: names[curve.arm],
    customdata: curve.band.q05.map((low, index) => [low * factor, curve.band.q95[index] * factor]),
    hovertemplate: `%{y:.3~g} <span style="font-size:.9em">(%{customdata[0]:.3~g} to %{customdata[1]:.3~g})</span><extra>${escapeText(names[curve.arm])}</extra>`,
  };
}

/** Text that Plotly may read as its small markup. */
export const escapeText = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const SYMBOLS = { "at most": "triangle-down", "at least": "triangle-up" };

/** Published marks of a panel as one Plotly trace of points with whiskers. */
export function markTrace(marks, panel, axis, { ink, surface, colors }) {
  const factor = panel.factor ?? 1; // marks come in the observable's own unit
  const points = marks.map((mark) => {
    const isDuration = mark.kind === "duration";
    const start = mark.start ?? 0;
    const middle = isDuration ? start + (mark.lower + mark.upper) / 2 : mark.time_days;
    const half = isDuration ? (mark.upper - mark.lower) / 2 : 0;
    return { mark, x: middle, half, y: (mark.value ?? (mark.lower + mark.upper) / 2) * factor };
  });
  const whisker = ({ mark, y }, end) => (mark.kind !== "duration" && mark[end] !== null && mark[end] !== undefined ? Math.abs(mark[end] * factor - y) : 0);
  return {
    type: "scatter",
    uid: `px${axis}`,
    mode: "markers",
    x: points.map((point) => point.x),
    y: points.map((point) => point.y),
    xaxis: "x",
    yaxis: axis ? `y${axis + 1}` : "y",
    showlegend: false,
    error_x: { type: "data", array: points.map((point) => point.half), color: ink, thickness: 2, width: 3 },
    error_y: {
      type: "data", symmetric: false, color: ink, thickness: 1.3, width: 2,
      array: points.map((point) => whisker(point, "upper")), arrayminus: points.map((point) => whisker(point, "lower")),
    },
    marker: {
      size: 9,
      symbol: points.map((point) => SYMBOLS[point.mark.kind] || "diamond"),
      color: points.map((point) => (typeof point.mark.arm === "number" ? colors[point.mark.arm % colors.length] : ink)),
      line: { width: 1.5, color: surface },
    },
    customdata: points.map((point) => marks.indexOf(point.mark)),
    hovertemplate: points.map((point) => `<b>Published</b>: ${wrapped([point.mark.label, point.mark.text].filter(Boolean).join(": "))}<br>${wrapped(point.mark.citation || point.mark.record_id)}<extra></extra>`),
  };
}

/** Lines of at most 52 characters, as a hover label has no width of its own. */
function wrapped(text) {
  const lines = [""];
  for (const word of escapeText(text || "").split(" ")) {
    if (lines[lines.length - 1].length + word.length > 52) { lines.push(""); }
    lines[lines.length - 1] += `${lines[lines.length - 1] ? " " : ""}${word}`;
  }
  return lines.slice(0, 4).join("<br>");
}
