// What is measured, estimated, fitted and assumed: every parameter, by kind.

import { ask } from "./api.js";
import { h } from "./dom.js";
import { fitWords, number, unitText } from "./numbers.js";
import { kindChip } from "./trail.js";

const ORDER = ["measured", "estimated", "fitted", "assumed", "scenario"];
const WORDS = { measured: "measured", estimated: "estimated from published data", fitted: "fitted", assumed: "assumed", scenario: "scenario" };

/** The view of parameters; the table is asked for when it is first looked at. */
export function support(panel, explorer) {
  panel.replaceChildren(h("p", { class: "waiting", text: "Reading the parameters…" }));
  const load = async () => {
    try {
      const answer = await ask("/api/v1/parameters");
      parameterTable(panel, Array.isArray(answer) ? answer : answer.parameters, explorer.trail);
    } catch (error) { panel.replaceChildren(h("p", { class: "problem", role: "alert", text: error.message })); }
  };
  load();
  return { update: () => {} };
}

/** A bar of kinds, a filter and the table, into `panel`. */
export function parameterTable(panel, rows, trail) {
  const kinds = ORDER.map((kind) => [kind, rows.filter((row) => row.kind === kind).length]).filter(([, count]) => count);
  const filter = h("input", { type: "search", "aria-label": "Filter parameters", placeholder: "filter by name, module or note", oninput: () => draw() });
  const count = h("span", { role: "status", class: "quiet" });
  const body = h("tbody");
  const draw = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = rows.filter((row) => words.every((word) => `${row.id} ${row.module} ${row.kind} ${row.note} ${row.state ?? ""}`.toLowerCase().includes(word)));
    count.textContent = `${kept.length} of ${rows.length} parameters`;
    body.replaceChildren(...kept.sort((one, other) => ORDER.indexOf(one.kind) - ORDER.indexOf(other.kind)).map((row) => h("tr", {},
      h("th", { scope: "row" }, h("button", { type: "button", class: "number mono", onclick: () => trail.open({ parameter: row.id }), text: row.id })),
      h("td", { class: "num" }, `${number(row.value, 4)} ${unitText(row.unit)}`, row.fitted && h("div", { class: "quiet small", text: fitWords(row.fitted) })), h("td", {}, kindChip(row.kind)), h("td", { text: row.module }), h("td", { class: "quiet", text: row.note || row.state || "" }))));
  };
  const fitted = rows.filter((row) => row.fitted);
  const informed = fitted.filter((row) => row.fitted.is_informed).length;
  panel.replaceChildren(
    h("p", {}, `Of ${rows.length} parameters `, kinds.flatMap(([kind, found], index) => [index ? ", " : "", h("b", { text: String(found) }), ` ${WORDS[kind]}`]), fitted.length ? `; in the shipped fits the typical values of ${fitted.length} vary: of ${informed} the observations told something, the others stay as uncertain as before` : "", ". Set by hand is not fitted; fitted is not validated."),
    h("div", { class: "kind-bar", "aria-hidden": "true" }, kinds.map(([kind, found]) => h("span", { class: `kind-${kind}`, css: { "flex-grow": found }, title: `${found} ${WORDS[kind]}` }))),
    h("div", { class: "view-tools" }, filter, count),
    h("div", { class: "scroll" }, h("table", { class: "parameters" }, h("thead", {}, h("tr", {}, ["Parameter", "Value", "Kind", "Module", "Note"].map((text) => h("th", { scope: "col", text })))), body)));
  draw();
}
