// The left side: up to four regimens, and the patients who get them.

import { at, h } from "./dom.js";
import { dose as doseText, ladder, number, unitText } from "./numbers.js";
import { MAX_ARMS, isUpload, usualArm } from "./state.js";

const INTERVALS = [0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 10, 14, 21, 28, 42, 56, 84];
const HORIZONS = [[28, "4 weeks"], [90, "3 months"], [180, "6 months"], [365, "1 year"], [730, "2 years"]];
const SIZES = [50, 100, 200, 500, 1000, 2000, 5000, 10000];
const WRITTEN = "written";

/**
 * Make the controls; `changed` hears of every movement, `isLive` while a slider moves.
 * @param {{catalog: any, state: import("./state.js").State, changed: (isLive: boolean) => void}} explorer
 * @returns {() => void} shows the state again, after it was set from outside
 */
export function createControls({ catalog, state, changed }) {
  const show = () => {
    at("arms").replaceChildren(...state.arms.map((arm, index) => armCard({ catalog, state, changed, show }, arm, index)));
    at("add-arm").disabled = state.arms.length >= MAX_ARMS;
    showPopulation(catalog, state);
  };
  at("add-arm").addEventListener("click", () => {
    state.arms.push(nextArm(catalog, state.arms));
    show();
    at("arms").lastElementChild.querySelector("select").focus();
    changed(false);
  });
  at("more").addEventListener("click", () => { at("more").setAttribute("aria-expanded", String(at("controls").classList.toggle("more"))); });
  at("controls").addEventListener("submit", (event) => event.preventDefault());
  fillPopulation(catalog, state, changed);
  show();
  return show;
}

/** Half the dose of the first regimen, or the next product that nobody has yet. */
function nextArm(catalog, arms) {
  const first = arms[0];
  if (first.product) {
    const half = { ...first, dose: first.dose / 2 };
    const [low] = catalog.products.find((product) => product.id === first.product).dose_limits || [0];
    if (half.dose >= low && !arms.some((arm) => arm.product === half.product && arm.dose === half.dose)) { return half; }
  }
  const unused = catalog.products.find((product) => !arms.some((arm) => arm.product === product.id));
  return unused ? usualArm(unused) : { ...first };
}

function armCard(explorer, arm, index) {
  const { catalog, state, changed, show } = explorer;
  const letter = "ABCD"[index];
  const product = catalog.products.find((entry) => entry.id === arm.product);
  const select = h("select", { "aria-label": `Regimen ${letter}: product`, onchange: (event) => {
    state.arms[index] = event.target.value === WRITTEN ? { regimen: writtenFrom(arm, product) } : usualArm(catalog.products.find((entry) => entry.id === event.target.value));
    show();
    at("arms").children[index].querySelector("select").focus();
    changed(false);
  } }, catalog.products.map((entry) => h("option", { value: entry.id, text: entry.label })), h("option", { value: WRITTEN, text: "Written regimen…" }));
  select.value = arm.regimen === undefined ? arm.product : WRITTEN;
  const remove = h("button", { type: "button", class: "mini", "aria-label": `Remove regimen ${letter}`, title: "Remove", disabled: state.arms.length === 1, onclick: () => {
    state.arms.splice(index, 1);
    show();
    at("add-arm").focus();
    changed(false);
  } }, h("span", { "aria-hidden": "true", text: "×" }));
  const body = arm.regimen === undefined ? sliders(explorer, arm, product, letter) : written(explorer, arm, letter);
  return h("fieldset", { class: "arm-card", css: { "--c": `var(--arm-${index + 1})` } },
    h("legend", { class: "hidden", text: `Regimen ${letter}` }),
    h("div", { class: "arm-head" }, h("span", { class: "swatch", "aria-hidden": "true", text: letter }), select, remove), body);
}

function sliders({ changed }, arm, product, letter) {
  const [low, high] = product.dose_range;
  const unit = unitText(product.unit);
  const isLong = unit.length > 5;
  const every = slider({
    label: "Every", name: `Regimen ${letter}: days between infusions`, values: INTERVALS, value: arm.interval_days, limits: [0.1, 365], unit: "d",
    words: (value) => `every ${value} days`, set: (value, isLive) => { arm.interval_days = value; changed(isLive); },
  });
  every.classList.toggle("idle", arm.infusions === 1); // one infusion has no interval
  return [
    slider({
      label: isLong ? unit[0].toUpperCase() + unit.slice(1) : "Dose", name: `Regimen ${letter}: dose in ${unit}`, values: ladder(low, high), value: arm.dose, limits: product.dose_limits, unit: isLong ? "" : unit,
      words: (value) => doseText(value, product.unit), set: (value, isLive) => { arm.dose = value; changed(isLive); },
    }),
    slider({
      label: "Infusions", name: `Regimen ${letter}: number of infusions`, values: [1, 2, 3, 4, 5, 6, 7, 8], value: arm.infusions, limits: [1, 60], unit: "", whole: true,
      words: (value) => `${value} ${value === 1 ? "infusion" : "infusions"}`, set: (value, isLive) => { arm.infusions = value; every.classList.toggle("idle", value === 1); changed(isLive); },
    }),
    every,
  ];
}

/** A slider over steps that people choose, and a field for any other number. */
function slider({ label, name, values, value, limits, unit, words, whole = false, set }) {
  const nearest = (wanted) => values.reduce((best, entry, index) => (Math.abs(Math.log(entry / wanted)) < Math.abs(Math.log(values[best] / wanted)) ? index : best), 0);
  const range = h("input", { type: "range", min: 0, max: values.length - 1, step: 1, value: nearest(value), "aria-label": name, "aria-valuetext": words(value) });
  const field = h("input", { type: "text", inputmode: whole ? "numeric" : "decimal", autocomplete: "off", "aria-label": `${name}, exactly`, value: printed(value) });
  range.addEventListener("input", () => {
    const chosen = values[Number(range.value)];
    field.value = printed(chosen);
    field.removeAttribute("aria-invalid");
    range.setAttribute("aria-valuetext", words(chosen));
    set(chosen, true);
  });
  range.addEventListener("change", () => set(values[Number(range.value)], false));
  field.addEventListener("change", () => {
    const typed = Number(field.value.replace(",", "."));
    const isGood = Number.isFinite(typed) && typed >= limits[0] && typed <= limits[1] && (!whole || Number.isInteger(typed));
    field.toggleAttribute("aria-invalid", !isGood);
    field.title = isGood ? "" : `${number(limits[0], 3)} to ${number(limits[1], 3)}${whole ? ", whole" : ""}`;
    if (!isGood) { return; }
    range.value = nearest(typed);
    range.setAttribute("aria-valuetext", words(typed));
    set(typed, false);
  });
  return h("div", { class: "slider" }, h("span", { class: "slider-label", "aria-hidden": "true", text: label }), range, h("span", { class: "exact" }, field, h("span", { class: "unit", "aria-hidden": "true", text: unit })));
}

const printed = (value) => (value >= 1e5 ? value.toExponential().replace("e+", "e") : String(Number(value.toPrecision(4))));

function writtenFrom(arm, product) {
  if (arm.regimen !== undefined) { return arm.regimen; }
  return `${product.id} ${printed(arm.dose)} ${product.unit}${arm.infusions > 1 ? ` x ${arm.infusions} every ${arm.interval_days} d` : ""}`;
}

function written({ changed }, arm, letter) {
  const field = h("textarea", { rows: 3, spellcheck: "false", "aria-label": `Regimen ${letter} in words`, maxlength: 300, onchange: () => { arm.regimen = field.value.trim(); changed(false); } });
  field.value = arm.regimen;
  return [field, h("p", { class: "quiet small", text: "e.g. HN2301 4 mg x 3 every 3 d then rituximab 1000 mg after 28 d" })];
}

// -- patients -----------------------------------------------------------------------------------------------------------

function fillPopulation(catalog, state, changed) {
  const most = catalog.limits.n_patients.max;
  at("patient-type").append(...catalog.patient_types.map((type) => h("option", { value: type.id, text: type.label, title: type.note })),
    ...catalog.own_patients.map((entry) => h("option", { value: entry.id, text: ownLabel(entry), title: entry.summary })));
  at("days").append(...HORIZONS.filter(([days]) => days <= catalog.limits.days.max).map(([days, words]) => h("option", { value: days, text: words })));
  at("n-patients").append(...SIZES.filter((size) => size <= most).map((size) => h("option", { value: size, text: number(size, 5) })));
  const bind = (id, set) => at(id).addEventListener("change", () => { set(at(id)); showPopulation(catalog, state); changed(false); });
  bind("patient-type", (field) => { state.patientType = field.value; });
  bind("days", (field) => { state.days = Number(field.value); });
  bind("n-patients", (field) => { state.patients = Number(field.value); });
  bind("seed", (field) => { state.seed = Math.min(2147483647, Math.max(0, Math.round(Number(field.value) || 0))); });
  at("population").append(...catalog.populations.map((entry) => h("option", { value: entry.id, text: entry.label, title: entry.note })));
  bind("population", (field) => { state.population = field.value; });
  bind("tocilizumab", (field) => { state.tocilizumab = field.checked; });
}

function showPopulation(catalog, state) {
  choose(at("patient-type"), state.patientType, "a table that is not here");
  const own = catalog.own_patients.find((entry) => entry.id === state.patientType);
  at("patient-type").title = own?.summary || catalog.patient_types.find((type) => type.id === state.patientType)?.note || "";
  for (const id of ["n-patients", "population"]) { at(id).disabled = isUpload(state.patientType); } // the table says who they are
  choose(at("days"), state.days, `${state.days} days`);
  choose(at("n-patients"), state.patients, number(state.patients, 5));
  choose(at("population"), state.population, `draws of ${state.population}`);
  at("population").title = catalog.populations.find((entry) => entry.id === state.population)?.note || "";
  at("seed").value = state.seed;
  at("tocilizumab").checked = state.tocilizumab;
}

const ownLabel = (entry) => `Your table: ${entry.n_patients} ${entry.n_patients === 1 ? "patient" : "patients"}`;

/** A link may hold a number that the list has not. */
function choose(select, value, words) {
  if (![...select.options].some((option) => option.value === String(value))) { select.append(h("option", { value, text: words })); }
  select.value = String(value);
}
