// Runs before the page is painted, so that a chosen theme never flashes; a classic script, because modules wait.
(() => {
  "use strict";
  const KEY = "vivocart-theme";
  const NEXT = { auto: "light", light: "dark", dark: "auto" };
  const stored = () => {
    try { return localStorage.getItem(KEY) || "auto"; } catch { return "auto"; } // storage may be forbidden
  };
  let theme = stored() in NEXT ? stored() : "auto";

  const apply = () => {
    if (theme === "auto") { delete document.documentElement.dataset.theme; } else { document.documentElement.dataset.theme = theme; }
    const button = document.getElementById("theme");
    if (button) {
      button.querySelector(".theme-word").textContent = theme[0].toUpperCase() + theme.slice(1);
      button.setAttribute("aria-label", `Color theme: ${theme}. Press for ${NEXT[theme]}`);
    }
    document.dispatchEvent(new CustomEvent("themechange"));
  };

  apply();
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme").addEventListener("click", () => {
      theme = NEXT[theme];
      try { localStorage.setItem(KEY, theme); } catch { /* the choice lasts as long as the page */ }
      apply();
    });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
})();
