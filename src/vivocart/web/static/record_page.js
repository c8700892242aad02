// A record's page inside the site: what is asked for takes seconds, so the link says that it is at work.

import { at } from "./dom.js";

at("simulate")?.addEventListener("click", (event) => {
  if (event.target.getAttribute("aria-disabled")) { event.preventDefault(); return; }
  event.target.setAttribute("aria-disabled", "true");
  event.target.textContent = "Simulating…";
});
