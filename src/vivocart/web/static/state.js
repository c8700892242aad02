// What the reader has set. It lives in the address after `#`, so that a link restores it and nothing is sent to log it.

import { dose, number } from "./numbers.js";

export const MAX_ARMS = 4;

/**
 * @typedef {{product: string, dose: number, infusions: number, interval_days: number}|{regimen: string}} Arm a regimen may be written in words
 * @typedef {{arms: Arm[], patientType: string, days: number, patients: number, seed: number,
 *   tocilizumab: boolean, population: string, window: string, bands: string[], marks: boolean, flipped: string[], tab: string, patient: number, patientArm: number}} State
 */

/** The state a first visit shows: the first product at its usual dose beside ex vivo CAR-T. */
export function initialState(catalog) {
  const first = catalog.products.find((product) => product.id === "HN2301") || catalog.products[0];
  const beside = catalog.products.find((product) => /ex_?vivo/i.test(product.id));
  return {
    arms: [usualArm(first), ...(beside && beside !== first ? [usualArm(beside)] : [])],
    patientType: catalog.patient_types[0].id,
    days: 180,
    patients: 500,
    seed: 1,
    tocilizumab: true,
    population: catalog.defaults.population,
    window: "own",
    bands: ["50", "90"],
    marks: true,
    flipped: [],
    tab: "endpoints",
    patient: 0,
    patientArm: 0,
  };
}

/** A product as it is usually given. */
export function usualArm(product) {
  return {
    product: product.id,
    dose: product.dose_default,
    infusions: product.infusions_default || 1,
    interval_days: product.interval_default || 3,
  };
}

/** The state as it stands in the address: short, readable, in a fixed order. */
export function encode(state) {
  const parts = state.arms.map((arm) => (arm.regimen !== undefined
    ? `r=${encodeURIComponent(arm.regimen)}`
    : `a=${[arm.product, arm.dose, arm.infusions, arm.interval_days].map(encodeURIComponent).join(",")}`));
  parts.push(`p=${encodeURIComponent(state.patientType)}`, `d=${state.days}`, `n=${state.patients}`, `s=${state.seed}`);
  if (!state.tocilizumab) { parts.push("z=0"); }
  parts.push(`v=${encodeURIComponent(state.population)}`); // what is the default may change with the next fit
  if (state.window !== "own") { parts.push(`w=${state.window}`); }
  if (state.bands.join() !== "50,90") { parts.push(`b=${state.bands.join(".")}`); }
  if (!state.marks) { parts.push("m=0"); }
  if (state.flipped.length) { parts.push(`l=${state.flipped.map(encodeURIComponent).join(".")}`); }
  if (state.tab !== "endpoints") { parts.push(`t=${state.tab}`); }
  if (state.patient) { parts.push(`i=${state.patient}`); }
  if (state.patientArm) { parts.push(`ia=${state.patientArm}`); }
  return `#${parts.join("&")}`;
}

/** The state of an address; what it does not say or says wrongly stays as on a first visit. */
export function decode(hash, catalog) {
  const state = initialState(catalog);
  const query = new URLSearchParams(hash.replace(/^#/, ""));
  const arms = [...query].filter(([key]) => key === "a" || key === "r")
    .map(([key, text]) => (key === "r" ? { regimen: text.slice(0, 300) } : decodeArm(text, catalog))).filter(Boolean).slice(0, MAX_ARMS);
  if (arms.length) { state.arms = arms; }
  if (catalog.patient_types.some((type) => type.id === query.get("p")) || isUpload(query.get("p"))) { state.patientType = query.get("p"); }
  state.days = whole(query.get("d"), state.days, 7, catalog.limits.days.max);
  state.patients = whole(query.get("n"), state.patients, 1, catalog.limits.n_patients.max);
  state.seed = whole(query.get("s"), state.seed, 0, 2147483647);
  state.window = /^(own|all|\d+(\.\d+)?|\d+(\.\d+)?-\d+(\.\d+)?)$/.test(query.get("w") || "") ? query.get("w") : state.window;
  if (query.has("b")) { state.bands = query.get("b").split(".").filter((band) => band === "50" || band === "90"); }
  if (/^[\w-]{1,64}$/.test(query.get("v") || "")) { state.population = query.get("v"); }
  state.tocilizumab = query.get("z") !== "0";
  state.marks = query.get("m") !== "0";
  if (query.get("l")) { state.flipped = query.get("l").split("."); }
  if (/^[a-z]+$/.test(query.get("t") || "")) { state.tab = query.get("t"); }
  state.patient = whole(query.get("i"), 0, 0, 1e6);
  state.patientArm = whole(query.get("ia"), 0, 0, state.arms.length - 1);
  return state;
}

/** Whether the patients are an uploaded table rather than a type. */
export const isUpload = (type) => /^[0-9a-f]{16}$/.test(type || "");

function decodeArm(text, catalog) {
  const [id, dose, infusions, interval] = text.split(",");
  const product = catalog.products.find((entry) => entry.id === id);
  if (!product) { return null; }
  const usual = usualArm(product);
  return {
    product: id,
    dose: positive(dose, usual.dose),
    infusions: whole(infusions, usual.infusions, 1, 60),
    interval_days: positive(interval, usual.interval_days),
  };
}

const positive = (text, otherwise) => (Number(text) > 0 && Number.isFinite(Number(text)) ? Number(text) : otherwise);

function whole(text, otherwise, low, high) {
  const value = Number.parseInt(text ?? "", 10);
  return Number.isNaN(value) ? otherwise : Math.min(high, Math.max(low, value));
}

/** What a regimen is called: product, dose, infusions, as one would say it. */
export function labelOf(arm, catalog) {
  if (arm.regimen !== undefined) { return arm.regimen.slice(0, 60); }
  const product = catalog.products.find((entry) => entry.id === arm.product);
  return `${product.label} ${dose(arm.dose, product.unit)}${arm.infusions > 1 ? ` × ${arm.infusions} every ${number(arm.interval_days, 3)} d` : ""}`;
}

/** The body of a request for these arms in these patients; two arms that are called alike are told apart by letter. */
export function exploreBody(state, catalog) {
  const labels = state.arms.map((arm) => labelOf(arm, catalog));
  const arms = state.arms.map((arm, index) => ({ ...arm, label: labels.indexOf(labels[index]) === index ? labels[index] : `${labels[index]} (${"ABCD"[index]})` }));
  return { arms, ...whoOf(state, catalog), days: state.days, n_patients: state.patients, seed: state.seed, tocilizumab: state.tocilizumab, population: state.population };
}

/** Who is treated, as a request says it. */
export const whoOf = (state, catalog) => (isUpload(state.patientType) ? { patient_type: catalog.patient_types[0].id, patients: state.patientType } : { patient_type: state.patientType });
