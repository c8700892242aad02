// Endpoints of every regimen in one table; each number leads to what it rests on.

import { h, setText } from "./dom.js";
import { percent, unitText } from "./numbers.js";

/** The table's view: `update` shows the present result, cells only where they changed. */
export function endpointTable(panel, explorer) {
  let shape = "";
  let cells = [];
  let heads = [];
  const update = () => {
    const { result } = explorer;
    if (!result) { return; }
    const rows = result.arms[0].endpoints;
    const now = JSON.stringify([rows.map((row) => row.id), result.arms.length, (result.marks || []).map((mark) => [mark.arm, mark.measure, mark.text])]);
    if (now !== shape) { shape = now; [cells, heads] = build(panel, explorer); }
    result.arms.forEach((arm, index) => setText(heads[index], arm.label)); // a label moves with every notch of a slider
    rows.forEach((row, place) => result.arms.forEach((arm, index) => {
      const entry = arm.endpoints[place];
      setText(cells[place][index], valueText(entry));
      cells[place][index].classList.toggle("none", entry.kind === "number" && entry.median === null);
    }));
  };
  return { update };
}

/** A value in print: the median with the middle 90 %, or a share of patients. */
export function valueText(entry) {
  if (entry.kind === "share") { return `${percent(entry.share)}`; }
  return entry.text || "–";
}

function build(panel, explorer) {
  const { result, trail } = explorer;
  const hasMarks = (result.marks || []).some((mark) => mark.measure);
  const heads = result.arms.map(() => h("span"));
  const table = h("table", { class: "endpoints", "data-arms": result.arms.length },
    h("caption", { text: "Median of virtual patients with the range of the middle 90 % of them, or share of patients. Press a number for the parameters, places and records it rests on." }),
    h("thead", {}, h("tr", {}, h("th", { scope: "col", text: "Endpoint" }), h("th", { scope: "col", class: "unit", text: "Unit" }),
      result.arms.map((_, index) => h("th", { scope: "col", css: { "--c": `var(--arm-${index + 1})` }, class: "of-arm" }, h("span", { class: "swatch", "aria-hidden": "true", text: "ABCD"[index] }), heads[index])),
      hasMarks && h("th", { scope: "col", text: "Published" }))));
  const cells = [];
  const body = h("tbody");
  for (const [place, row] of result.arms[0].endpoints.entries()) {
    const open = (index) => {
      const arm = explorer.result.arms[index];
      trail.open({ numbers: [row.id], title: row.label, reading: { label: arm.label, text: valueText(arm.endpoints[place]), unit: row.kind === "share" ? "of patients" : row.unit } });
    };
    const buttons = result.arms.map((_, index) => h("button", { type: "button", class: "number", onclick: () => open(index) }));
    const marks = (result.marks || []).filter((mark) => mark.measure === row.id);
    body.append(h("tr", {}, h("th", { scope: "row", title: row.label, text: row.label }), h("td", { class: "unit", text: row.kind === "share" ? "patients" : unitText(row.unit) }),
      buttons.map((button, index) => h("td", { css: { "--c": `var(--arm-${index + 1})` } }, button)),
      hasMarks && h("td", { class: "published", "data-label": marks.length ? "Published" : "" }, marks.length > 0 && h("div", {}, marks.map((mark) => published(mark, trail))))));
    cells.push(buttons);
  }
  table.append(body);
  panel.replaceChildren(h("div", { class: "scroll" }, table));
  return [cells, heads];
}

function published(mark, trail) {
  return h("button", { type: "button", class: "number", title: mark.citation || "", onclick: () => trail.open({ mark }) },
    typeof mark.arm === "number" && h("span", { class: "swatch", css: { "--c": `var(--arm-${mark.arm + 1})` }, text: "ABCD"[mark.arm] }), mark.text);
}
