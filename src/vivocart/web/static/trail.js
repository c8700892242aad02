// One click from a number to what it rests on: parameter, quantity, place, record.

import { ask } from "./api.js";
import { closeOutside, h } from "./dom.js";
import { fitWords, number, unitText } from "./numbers.js";

const KINDS = { measured: "read off an experiment or a trial", estimated: "derived from published data", assumed: "set by hand where nothing was found", fitted: "fitted to published observations", scenario: "chosen by the user" };
const SHOWN = 12;
const WEIGHING_MS = 4000;

/**
 * The dialogue that follows a number to its sources.
 * @param {HTMLDialogElement} dialog
 * @returns {{open: (what: {numbers?: string[], mark?: any, parameter?: string, title?: string, reading?: any}) => void}}
 */
export function createTrail(dialog) {
  closeOutside(dialog);
  let asked = 0;
  const open = async ({ numbers, mark, parameter, title, reading }) => {
    asked += 1;
    const turn = asked;
    const place = h("div", { class: "trail-body" }, h("p", { class: "waiting", text: "Following it to its sources…" }));
    dialog.replaceChildren(
      h("div", { class: "dialog-head" }, h("h2", { id: "trail-title", text: mark ? mark.label || "Published observation" : title || parameter || "" }),
        h("button", { type: "button", class: "mini", "aria-label": "Close", onclick: () => dialog.close() }, h("span", { "aria-hidden": "true", text: "×" }))),
      reading ? readingLine(reading) : "", place);
    if (!dialog.open) { dialog.showModal(); }
    try {
      if (numbers) { await numberParts(place, numbers, () => turn === asked && dialog.open); return; }
      const part = mark ? markPart(mark, mark.place || !mark.quantity_id ? null : await quantityOf(mark))
        : parameterPart(await ask(`/api/v1/parameters/${encodeURIComponent(parameter)}`), true);
      if (turn === asked) { place.replaceChildren(part); }
    } catch (error) {
      if (turn === asked) { place.replaceChildren(h("p", { class: "problem", role: "alert", text: error.message })); }
    }
  };
  return { open };
}

function readingLine({ label, day, value, text, unit }) {
  const at = day === undefined ? "" : `, day ${number(day, 3)}`;
  return h("p", { class: "reading-line" }, h("b", { text: `${text ?? number(value, 3)} ${unitText(unit)}`.trim() }), ` ${label}${at}`);
}

/** The quantity that a published mark states. */
async function quantityOf({ quantity_id: id, record_id: record }) {
  const rows = await ask(`/api/v1/evidence/quantities?record=${encodeURIComponent(record)}`);
  return rows.find((row) => row.id === id) || null;
}

function markPart(mark, quantity) {
  return h("section", {},
    h("p", { class: "big", text: mark.text }),
    mark.note && h("p", { class: "quiet", text: mark.note }),
    facts([["Study", mark.study_id], ["Day", mark.time_days === null || mark.time_days === undefined ? "not given" : number(mark.time_days, 3)], ["Trust", (mark.trust || "").replaceAll("_", " ")], ["Quantity", mark.quantity_id && h("code", { text: mark.quantity_id })], ["Place", mark.place || quantity?.place], ["Read as", quantity && `${quantity.quantity}: ${quantity.value_text} ${unitText(quantity.unit)}`.trim()], ["Record", mark.record_id && recordLink(mark.record_id, mark.citation)]]));
}

const facts = (rows) => h("dl", { class: "facts" }, rows.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", { text: name }), h("dd", {}, value)]));

/** A link to the page of a record. */
export const recordLink = (id, citation) => h("a", { href: `/evidence/records/${encodeURIComponent(id)}`, text: citation || id });

/** Show what numbers rest on at once, and again when their parameters have been weighed. */
async function numberParts(place, ids, isStillAsked) {
  const answers = await Promise.all(ids.map((id) => ask(`/api/v1/numbers/${encodeURIComponent(id)}`)));
  if (!isStillAsked()) { return; }
  const isNew = !place.dataset.weighed || answers.some((answer) => answer.is_weighed);
  if (isNew) { place.replaceChildren(...answers.map((answer) => numberPart(answer, ids.length > 1))); }
  place.dataset.weighed = String(answers.some((answer) => answer.is_weighed));
  if (answers.some((answer) => answer.is_weighing)) { setTimeout(() => numberParts(place, ids, isStillAsked).catch(() => {}), WEIGHING_MS); }
}

function numberPart(answer, isOneOfMany) {
  const parameters = answer.parameters || [];
  const more = parameters.slice(SHOWN);
  const parts = (answer.definition || "").split(/\n\s*\n/).map((text) => h("p", { class: "definition", text }));
  return h("section", {},
    isOneOfMany && h("h3", { text: answer.label }), parts,
    (answer.observations || []).length > 0 && h("div", {}, h("h4", { text: "Published" }), h("ul", { class: "plain" }, answer.observations.map((row) => h("li", {}, h("b", { text: row.text }), ` ${row.study_id}, ${row.arm}; `, h("span", { class: "quiet" }, row.place ? `${row.place}; ` : "", row.record_id ? recordLink(row.record_id, row.citation) : ""))))),
    h("h4", { text: parameters.length ? (answer.is_weighed ? "Parameters that move it most" : "Parameters nearest to it in the equations") : "No parameter of the model is named for it" }),
    parameters.slice(0, SHOWN).map((entry, index) => parameterPart(entry, index < 2)),
    more.length > 0 && h("details", {}, h("summary", { text: `${more.length} more parameters` }), more.map((entry) => parameterPart(entry, false))),
    answer.order && h("p", { class: "quiet small", text: answer.order }));
}

/** A parameter with its quantities, each with place and record. */
export function parameterPart(entry, isOpen) {
  const quantities = entry.quantities || [];
  const weight = typeof entry.weight === "number" ? h("span", { class: "quiet", text: `weight ${number(entry.weight, 2)}` }) : null;
  return h("details", { class: "parameter", open: isOpen },
    h("summary", {}, h("code", { text: entry.id }), " ", h("b", { text: `${number(entry.value, 4)} ${unitText(entry.unit)}`.trim() }), " ", kindChip(entry.kind), " ", weight),
    h("div", { class: "parameter-body" },
      entry.note && h("p", { class: "quiet", text: entry.note }),
      entry.fitted && h("p", {}, "Typical value ", fitWords(entry.fitted), entry.fitted.command ? h("span", { class: "quiet" }, "; by ", h("code", { text: entry.fitted.command })) : ""),
      (entry.formula || (entry.rule && entry.rule !== entry.kind)) && h("p", { class: "quiet" }, entry.rule || "", entry.formula ? [entry.rule ? ": " : "", h("code", { text: entry.formula })] : ""),
      quantities.length ? h("ul", { class: "quantities" }, quantities.map(quantityPart)) : h("p", { class: "quiet", text: `No quantity: ${KINDS[entry.kind] || entry.kind}.` })));
}

function quantityPart(row) {
  return h("li", {}, h("span", { text: `${row.quantity}: ` }), h("b", { text: row.value_text || "" }), h("br"),
    h("span", { class: "quiet" }, row.place ? `${row.place}; ` : "", row.trust ? `trust: ${row.trust.replaceAll("_", " ")}; ` : "", row.record_id ? recordLink(row.record_id, row.citation) : "no record"));
}

/** Measured, estimated, fitted, assumed: a word in a box, told apart without color too. */
export const kindChip = (kind) => h("span", { class: `kind kind-${kind}`, title: KINDS[kind] || "", text: kind });
