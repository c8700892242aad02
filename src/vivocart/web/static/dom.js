// Elements from data. Text is always set as text, so nothing that came from a server or a record can become markup.

/**
 * An element with attributes, listeners and children.
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `on*` are listeners, `true` an empty attribute, `false`/`null` none,
 *   `text` its text content, `css` custom properties.
 * @param {...(Node|string|null|undefined|false|Array)} children
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) { continue; }
    if (name === "text") { element.textContent = value; }
    else if (name === "css") { for (const [key, entry] of Object.entries(value)) { element.style.setProperty(key, entry); } }
    else if (name.startsWith("on")) { element.addEventListener(name.slice(2), value); }
    else if (name === "value") { element.value = value; }
    else { element.setAttribute(name, value === true ? "" : value); }
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The element of that id. */
export const at = (id) => document.getElementById(id);

/** Set text only where it differs: an unchanged node is not laid out again. */
export function setText(element, text) {
  if (element.textContent !== text) { element.textContent = text; }
}

/** The page's value of a CSS custom property, e.g. `--ink`. */
export const cssValue = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Show a short message in a status element for four seconds. */
export function say(element, words) {
  element.textContent = words;
  clearTimeout(element.sayTimer);
  element.sayTimer = setTimeout(() => { element.textContent = ""; }, 4000);
}

/** Hand a blob to the reader as a file. */
export function saveAs(blob, name) {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 2000);
}

/**
 * Tabs by the ARIA pattern: arrows move, Home and End jump, one tab is in the tab order.
 * @param {HTMLElement} list element of role tablist
 * @param {HTMLElement} panels where the panels go; without it each tab drives the one panel that `chosen` fills
 * @param {{id: string, title: string}[]} tabs
 * @param {(id: string, panel: HTMLElement|null) => void} chosen
 * @returns {(id: string, focus?: boolean) => void} chooses a tab
 */
export function tabs(list, panels, entries, chosen) {
  const made = new Map();
  const choose = (id, focus = false) => {
    for (const [other, { tab, panel }] of made) {
      const is = other === id;
      tab.setAttribute("aria-selected", String(is));
      tab.tabIndex = is ? 0 : -1;
      if (panel) { panel.hidden = !is; }
      if (is && focus) { tab.focus(); }
    }
    chosen(id, made.get(id).panel);
  };
  for (const { id, title } of entries) {
    const panel = panels && h("div", { role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}`, tabindex: "0", hidden: true });
    const tab = h("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": panel ? panel.id : null, onclick: () => choose(id), text: title });
    made.set(id, { tab, panel });
    list.append(tab);
    if (panel) { panels.append(panel); }
  }
  list.addEventListener("keydown", (event) => {
    const ids = [...made.keys()];
    const now = ids.findIndex((id) => made.get(id).tab.getAttribute("aria-selected") === "true");
    const to = { ArrowRight: (now + 1) % ids.length, ArrowLeft: (now + ids.length - 1) % ids.length, Home: 0, End: ids.length - 1 }[event.key];
    if (to !== undefined) { event.preventDefault(); choose(ids[to], true); }
  });
  return choose;
}

/** Close a dialogue on a click outside it, as readers expect; Escape works by itself. */
export function closeOutside(dialog) {
  dialog.addEventListener("click", (event) => {
    if (event.target !== dialog) { return; }
    const box = dialog.getBoundingClientRect();
    if (event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom) { dialog.close(); }
  });
}
