(() => {
  "use strict";
  const at = (id) => document.getElementById(id);
  const say = (button, words) => {
    const place = button.parentElement.querySelector('[role="status"]');
    if (place) { place.textContent = words; setTimeout(() => { place.textContent = ""; }, 4000); }
  };
  const choose = (select) => {
    for (const part of document.querySelectorAll(`[data-choice-of="${select.dataset.choose}"]`)) {
      part.hidden = part.dataset.choice !== select.value;
    }
  };
  const copyOld = (text) => {
    const area = document.createElement("textarea");
    area.value = text;
    (document.querySelector("dialog[open]") || document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  };
  const copy = async (button, text) => {
    let done = true;
    try { await navigator.clipboard.writeText(text); } catch { done = copyOld(text); }
    button.focus();
    say(button, done ? "Copied" : "Not copied: select the text and copy it");
  };
  const save = (button) => {
    const link = document.createElement("a");
    const shown = at(button.dataset.save).textContent;
    const text = button.dataset.type === "text/csv" ? `\ufeff${shown.replace(/\r?\n/g, "\r\n")}` : shown; // as spreadsheets read it
    link.href = URL.createObjectURL(new Blob([text], { type: `${button.dataset.type};charset=utf-8` }));
    link.download = button.dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    say(button, `Saved as ${button.dataset.file}`);
  };
  const quoted = (name) => (/^[\w.@+-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (event.target.matches("dialog[open]")) { // the dialogue itself is hit on its edge, or where it is not
      const box = event.target.getBoundingClientRect();
      const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
      if (!inside) { event.target.close(); }
      return;
    }
    if (!button) { return; }
    const { open, close, copy: place, copyText, save: file } = button.dataset;
    if (open !== undefined) { at(open).showModal(); }
    if (close !== undefined) { button.closest("dialog").close(); }
    if (place !== undefined) { copy(button, at(place).textContent.trim()); }
    if (copyText !== undefined) { copy(button, copyText); }
    if (file !== undefined) { save(button); }
  });
  const compose = (dialog) => {
    const words = [...dialog.querySelectorAll("[data-flag]")].flatMap((field) => {
      if (field.type === "checkbox") { return field.checked ? [field.dataset.flag] : []; }
      return field.value ? [field.dataset.flag, quoted(field.value)] : [];
    });
    const place = dialog.querySelector("[data-base]");
    place.textContent = [place.dataset.base, ...words].join(" ");
  };
  document.addEventListener("change", (event) => { if (event.target.dataset.choose) { choose(event.target); } });
  document.addEventListener("input", (event) => {
    if (event.target.dataset.flag) { compose(event.target.closest("dialog")); }
    if (event.target.dataset.nameFor) {
      for (const word of event.target.closest("dialog").querySelectorAll("[data-name]")) {
        word.textContent = quoted(event.target.value || "lupus");
      }
    }
  });
  document.querySelectorAll("select[data-choose]").forEach(choose);
})();
