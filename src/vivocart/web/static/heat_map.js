// Dose by interval: a job in the background, then every endpoint at once.

import { ask } from "./api.js";
import { h } from "./dom.js";
import { follow, startJob } from "./jobs.js";
import { dose as doseText, number, percent, unitText } from "./numbers.js";
import { whoOf } from "./state.js";

const INTERVALS = [1, 2, 3, 4, 5, 7, 14, 28];
const FACTORS = [0.125, 0.25, 0.5, 0.75, 1, 1.5, 2, 3];

/** The view of the map; a cell pressed becomes the regimen. */
export function heatMap(panel, explorer) {
  const arms = h("select", {});
  const endpoint = h("select", { hidden: true, "aria-label": "Endpoint", onchange: () => draw() });
  const run = h("button", { type: "button", class: "primary", onclick: () => start(), text: "Compute the map" });
  const progress = h("progress", { max: 1, value: 0, hidden: true, "aria-label": "Progress of the map" });
  const status = h("span", { role: "status", class: "quiet" });
  const place = h("div", { class: "scroll", "data-empty": "true" }, h("p", { class: "quiet", text: "Eight doses by eight intervals of one regimen, in the same patients; computed in the background. A cell pressed becomes the regimen." }));
  panel.replaceChildren(h("div", { class: "view-tools" }, h("label", { class: "field inline" }, "Regimen ", arms), run, endpoint, progress, status), place);
  let found = null;

  const update = () => {
    const chosen = arms.value;
    const names = explorer.state.arms.map((arm, index) => ({ arm, index })).filter(({ arm }) => arm.product);
    arms.replaceChildren(...names.map(({ arm, index }) => h("option", { value: index, text: `${"ABCD"[index]}  ${arm.product} × ${arm.infusions}` })));
    if (chosen && names.some(({ index }) => String(index) === chosen)) { arms.value = chosen; }
    run.disabled = names.length === 0;
  };

  const start = async () => {
    const index = Number(arms.value);
    const arm = explorer.state.arms[index];
    const product = explorer.catalog.products.find((entry) => entry.id === arm.product);
    const [low, high] = product.dose_limits || product.dose_range;
    const doses = [...new Set(FACTORS.map((factor) => Number((product.dose_default * factor).toPrecision(3))).filter((value) => value >= low && value <= high))];
    const { state } = explorer;
    const body = { kind: "heatmap", product: arm.product, infusions: arm.infusions, doses, intervals: INTERVALS, ...whoOf(state, explorer.catalog), n_patients: Math.min(state.patients, 200), days: Math.min(state.days, 180), seed: state.seed, tocilizumab: state.tocilizumab, population: state.population };
    run.disabled = true;
    progress.hidden = false;
    try {
      const id = await startJob(body);
      await follow(id, (job) => { progress.value = job.progress || 0; status.textContent = job.message || job.state; });
      found = { ...(await ask(`/api/v1/jobs/${id}/result`)), index, arm: { ...arm }, unit: product.unit };
      status.textContent = `${body.n_patients} patients in each cell`;
      const before = endpoint.value;
      endpoint.replaceChildren(...found.endpoints.map((row) => h("option", { value: row.id, text: row.label })));
      endpoint.value = found.endpoints.some((row) => row.id === before) ? before : (found.endpoints.find((row) => row.id === "b_cell_depletion_days") || found.endpoints[0]).id;
      endpoint.hidden = false;
      draw();
    } catch (error) { status.textContent = error.message; }
    progress.hidden = true;
    run.disabled = false;
  };

  const draw = () => {
    if (!found) { return; }
    const row = found.endpoints.find((entry) => entry.id === endpoint.value);
    place.dataset.empty = "false";
    place.replaceChildren(table(found, row, (dose, interval) => {
      const all = explorer.state.arms.map((arm) => ({ ...arm }));
      all[Math.min(found.index, all.length - 1)] = { ...found.arm, dose, interval_days: interval };
      explorer.setArms(all);
    }, explorer.state.arms[found.index]));
  };
  return { update, draw };
}

function table(found, row, chosen, now) {
  const values = found.values[row.id];
  const isShare = row.kind === "share" || row.unit === "share";
  const numbers = values.flat().filter((value) => value !== null && Number.isFinite(value));
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const strength = (value) => (value === null || high === low ? 0 : (value - low) / (high - low));
  const print = (value) => (value === null ? "–" : isShare ? percent(value) : number(value, 2));
  return h("table", { class: "heat map", css: { "--c": `var(--arm-${found.index + 1})` } },
    h("caption", { text: `${row.label}${isShare ? ", share of patients" : row.unit ? `, ${unitText(row.unit)}, median` : ", median"}: dose of ${found.arm.product} × ${found.arm.infusions} across, days between infusions down. Press a cell to make it regimen ${"ABCD"[found.index]}.` }),
    h("thead", {}, h("tr", {}, h("th", { scope: "col", text: "Every" }), found.doses.map((dose) => h("th", { scope: "col", class: "num", text: doseText(dose, found.unit) })))),
    h("tbody", {}, found.intervals.map((interval, line) => h("tr", {}, h("th", { scope: "row", text: `${interval} d` }), found.doses.map((dose, column) => {
      const value = values[line][column];
      const is = now && now.dose === dose && now.interval_days === interval;
      return h("td", { class: `cell${is ? " now" : ""}`, css: { "--share": strength(value) } },
        h("button", { type: "button", "aria-label": `${doseText(dose, found.unit)} every ${interval} days: ${print(value)}${is ? ", shown now" : ""}`, onclick: () => chosen(dose, interval), text: print(value) }));
    })))));
}
