// SLEDAI-2K item by item: the share of patients who have it, by day.

import { h } from "./dom.js";
import { itemName, number, percent } from "./numbers.js";

/** The view of items; a choice of the regimen stands above the table. */
export function itemTable(panel, explorer) {
  const select = h("select", { onchange: () => { chosen = Number(select.value); draw(); } });
  const label = h("label", { class: "field inline" }, "Regimen ", select);
  const place = h("div", { class: "scroll" });
  panel.replaceChildren(h("div", { class: "view-tools" }, label), place);
  let chosen = 0;
  const draw = () => {
    const { result } = explorer;
    if (!result) { return; }
    chosen = Math.min(chosen, result.arms.length - 1);
    select.replaceChildren(...result.arms.map((arm, index) => h("option", { value: index, text: `${"ABCD"[index]}  ${arm.label}` })));
    select.value = String(chosen);
    const scroll = [place.scrollLeft, place.scrollTop];
    place.replaceChildren(table(result.arms[chosen], chosen));
    [place.scrollLeft, place.scrollTop] = scroll;
  };
  return { update: draw };
}

function table(arm, index) {
  const days = arm.item_days;
  const weights = arm.item_weights || {};
  const rows = Object.entries(arm.items).sort(([one, shares], [other, others]) => (weights[other] ?? 0) * others[0] - (weights[one] ?? 0) * shares[0]);
  return h("table", { class: "heat", css: { "--c": `var(--arm-${index + 1})` } },
    h("caption", { text: `Share of virtual patients who have the item, ${arm.label}; sorted by the points it brings at baseline. Most items' prevalences are assumed.` }),
    h("thead", {}, h("tr", {}, h("th", { scope: "col", text: "Item" }), h("th", { scope: "col", text: "Points" }), days.map((day) => h("th", { scope: "col", class: "num", text: `d ${day}` })))),
    h("tbody", {}, rows.map(([item, shares]) => h("tr", {}, h("th", { scope: "row", text: itemName(item) }), h("td", { class: "num", text: number(weights[item] ?? 0) }),
      shares.map((share) => h("td", { class: "cell", css: { "--share": share ?? 0 }, text: share === null ? "–" : percent(share) })))),
    h("tr", { class: "sum" }, h("th", { scope: "row", text: "SLEDAI-2K, median" }), h("td"), (arm.bands.sledai?.q50 || []).map((value) => h("td", { class: "num", text: number(value) })))));
}
