// The evidence page: records, quantities and parameters, each leading to the next.

import { ask } from "./api.js";
import { at, h, tabs } from "./dom.js";
import { parameterTable } from "./support.js";
import { createTrail, recordLink } from "./trail.js";

const PAGE = 20;
const trail = createTrail(at("trail"));
const query = new URLSearchParams(location.search);
let view = ["records", "quantities", "parameters"].includes(query.get("in")) ? query.get("in") : "records";
let turn = 0;
let quantities = null;
let parameters = null;

at("query").value = query.get("q") || "";
at("search").addEventListener("submit", (event) => { event.preventDefault(); look(0); });
at("query").addEventListener("search", () => look(0)); // the field's own cross
tabs(at("evidence-tabs"), null, [{ id: "records", title: "Records" }, { id: "quantities", title: "Quantities" }, { id: "parameters", title: "Parameters" }], (id) => { view = id; look(0); })(view);
document.addEventListener("serverback", () => look(0));

async function look(offset) {
  turn += 1;
  const mine = turn;
  const q = at("query").value.trim();
  const address = new URLSearchParams({ ...(q ? { q } : {}), ...(view === "records" ? {} : { in: view }) });
  history.replaceState(null, "", `${location.pathname}${[...address].length ? `?${address}` : ""}`);
  try {
    const show = await { records: findRecords, quantities: findQuantities, parameters: findParameters }[view](q, offset);
    if (mine === turn) { show(); }
  } catch (error) {
    if (mine === turn) { at("found").textContent = ""; at("results").replaceChildren(h("p", { class: "problem", role: "alert", text: error.message })); }
  }
}

// -- records ------------------------------------------------------------------------------------------------------------

async function findRecords(q, offset) {
  const answer = await ask(`/api/v1/evidence/search?${new URLSearchParams({ q, limit: PAGE, offset })}`);
  return () => {
    at("found").textContent = `${answer.count} ${answer.count === 1 ? "record" : "records"}`;
    const translated = answer.translation && q && answer.translation !== q;
    const shown = offset + answer.records.length;
    at("results").replaceChildren(
      translated ? h("details", { class: "quiet small" }, h("summary", { text: "How the search was read" }), h("code", { text: answer.translation })) : "",
      h("ol", { class: "hits", start: offset + 1 }, answer.records.map(hit)),
      h("p", {}, offset > 0 && h("button", { type: "button", onclick: () => page(offset - PAGE), text: "Previous" }), " ", shown < answer.count && h("button", { type: "button", onclick: () => page(shown), text: "Next" })));
  };
}

function page(offset) {
  look(Math.max(0, offset));
  scrollTo({ top: 0 });
}

function hit(record) {
  return h("li", {},
    h("p", {}, h("a", { class: "title", href: `/evidence/records/${encodeURIComponent(record.id)}`, text: record.title || record.citation })),
    h("p", { class: "quiet", text: record.title ? record.citation : "" }),
    h("p", { class: "quiet small" }, record.is_retracted && h("span", { class: "flag bad", text: "Retracted" }), record.in_model && h("span", { class: "flag", text: "used by the model" }), record.pmid && `PMID ${record.pmid}  `, h("code", { text: record.id })));
}

// -- quantities ---------------------------------------------------------------------------------------------------------

async function findQuantities(q) {
  if (quantities === null) { const answer = await ask("/api/v1/evidence/quantities"); quantities = Array.isArray(answer) ? answer : answer.quantities; }
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const kept = quantities.filter((row) => words.every((word) => `${row.id} ${row.quantity} ${row.place} ${row.record_id} ${row.citation ?? ""} ${row.population ?? ""}`.toLowerCase().includes(word)));
  return () => {
    at("found").textContent = `${kept.length} of ${quantities.length} quantities`;
    at("results").replaceChildren(h("div", { class: "scroll" }, h("table", { class: "cards quantity-table" },
      h("thead", {}, h("tr", {}, ["Quantity", "Value", "Place and trust", "Record"].map((text) => h("th", { scope: "col", text })))),
      h("tbody", {}, kept.map((row) => h("tr", {}, h("th", { scope: "row" }, row.quantity, h("br"), h("code", { class: "quiet breakable", text: row.id })), h("td", { text: row.value_text }),
        h("td", { class: "quiet", text: [row.place, row.trust && `trust: ${row.trust.replaceAll("_", " ")}`].filter(Boolean).join("; ") }), h("td", {}, row.record_id ? recordLink(row.record_id, row.citation) : "none")))))));
  };
}

// -- parameters ---------------------------------------------------------------------------------------------------------

async function findParameters(q) {
  if (parameters === null) { const answer = await ask("/api/v1/parameters"); parameters = Array.isArray(answer) ? answer : answer.parameters; }
  return () => {
    at("found").textContent = "";
    parameterTable(at("results"), parameters, trail);
    const filter = at("results").querySelector("input[type=search]");
    filter.value = q;
    filter.dispatchEvent(new Event("input"));
  };
}
