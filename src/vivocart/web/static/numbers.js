// Numbers and units in print.

const UNITS = { "1": "", "1/uL": "/µL", "10*9/L": "10⁹/L", "ug/mL": "µg/mL", "ug": "µg", "IU/mL": "IU/mL", "points": "points" };

/** A unit as it stands in print. */
export const unitText = (unit) => UNITS[unit] ?? (unit || "").replaceAll("1/uL", "/µL").replaceAll("uL", "µL").replaceAll("ug", "µg");

/** A number to `digits` significant digits, without trailing zeros; large powers of ten as 1×10⁶. */
export function number(value, digits = 2) {
  if (value === null || value === undefined || Number.isNaN(value)) { return "–"; }
  if (!Number.isFinite(value)) { return value > 0 ? "not reached" : "–"; }
  if (value === 0) { return "0"; }
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) { return powerOfTen(value, digits); }
  const rounded = Number(value.toPrecision(Math.max(digits, Math.ceil(Math.log10(size)))));
  return rounded >= 10000 ? rounded.toLocaleString("en-US").replaceAll(",", " ") : String(rounded);
}

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

function powerOfTen(value, digits) {
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  const front = Number((value / 10 ** exponent).toPrecision(digits));
  return `${front}×10${[...String(exponent)].map((sign) => RAISED[sign]).join("")}`;
}

/** A share between 0 and 1 as per cent; what is not nothing is never printed as nothing. */
export function percent(share) {
  if (share === null || share === undefined || Number.isNaN(share)) { return "–"; }
  const value = 100 * share;
  if (value > 0 && value < 1) { return "<1 %"; }
  if (value < 100 && value > 99) { return ">99 %"; }
  return `${Math.round(value)} %`;
}

const itemNames = new Map();

/** Learn from the catalog how items stand in print. */
export function learnItems(items) { for (const [item, printed] of Object.entries(items)) { itemNames.set(item, printed); } }

/** An item of SLEDAI-2K as it stands in print. */
export const itemName = (item) => itemNames.get(item) ?? item.replaceAll("_", " ");

/** A dose with its unit. */
export const dose = (value, unit) => `${number(value, 3)} ${unitText(unit)}`.trim();

/** Doses between two ends in steps that people choose: 1, 1.2, 1.5, 2, … times powers of ten, the ends included. */
export function ladder(low, high, steps = [1, 1.2, 1.5, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9]) {
  const found = [];
  for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.ceil(Math.log10(high)); exponent += 1) {
    for (const step of steps) {
      const value = Number((step * 10 ** exponent).toPrecision(3));
      if (value >= low * 0.999 && value <= high * 1.001) { found.push(value); }
    }
  }
  if (found[0] !== low) { found.unshift(low); }
  if (found[found.length - 1] !== high) { found.push(high); }
  return found;
}

/** What a fit says of a parameter's typical value, and how much of it the data said. */
export function fitWords(fitted) {
  const range = `${number(fitted.median, 3)} (${number(fitted.q05, 3)} to ${number(fitted.q95, 3)})`;
  const share = percent(Math.max(0, fitted.contraction));
  return fitted.is_informed ? `in the fit: ${range}; ${share} of the prior variance gone` : `in the fit as uncertain as before: ${range}; the data did not tell (${share} of the prior variance gone)`;
}
