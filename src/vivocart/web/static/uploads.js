// Your data: files that a reader brings, what was read of them, and where they go from here.

import { ask } from "./api.js";
import { at, h, saveAs } from "./dom.js";
import { follow, startJob } from "./jobs.js";
import { number, unitText } from "./numbers.js";

const KINDS = {
  patients: { title: "Patients", about: "A row a patient; columns are covariates of the model. They can be treated in the explorer.", example: "age,upcr,b_cells_blood\n33,1.2,80\n44,0.1,120\n" },
  observations: { title: "A published study", about: "A statistic a row, with the regimen of each arm; set beside what cohorts of that size are predicted to show.", example: "study_id,arm,n,measure,unit,statistic,value,regimen\nmine,4 mg,6,car_percent_peak,%,median,35,HN2301 4 mg x 3 every 3 d\n" },
  individuals: { title: "Individual measurements", about: "A dose or a measurement a row, as NONMEM, Monolix and nlmixr2 read them. Checked here; fitted by the command line.", example: "ID,TIME,AMT,DV,EVID\n1,0,4,.,1\n1,1,.,12.5,0\n" },
  model: { title: "A model", about: "SBML or Antimony. Described and checked; nothing in it is ever executed.", example: "model decay\n  S1 -> S2; k * S1\n  k = 0.1; S1 = 10\nend\n" },
};
const MOST_ROWS = 200;

for (const [id, { title }] of [["", { title: "what it looks like" }], ...Object.entries(KINDS)]) { at("kind").append(h("option", { value: id, text: title })); }
at("kind").addEventListener("change", () => { at("kind-about").textContent = KINDS[at("kind").value]?.about || ""; });
at("file").addEventListener("change", () => { take(at("file").files[0]); at("file").value = ""; });
at("drop").addEventListener("submit", (event) => event.preventDefault());
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault(); // a file that misses the box must not replace the page
    at("drop").classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) { take(event.dataTransfer.files[0]); }
  });
}
document.addEventListener("serverback", list);
showKinds();
list();

/** What a text is most likely meant as: the reader may say otherwise. */
export function likely(text) {
  const start = text.slice(0, 20000);
  const header = (start.split(/\r?\n/).find((line) => line.trim() && !line.startsWith("#")) || "").toLowerCase();
  const columns = header.split(/[,;\t ]+/).map((cell) => cell.trim().replaceAll('"', ""));
  if (/^\s*</.test(start) || /^\s*(model|function|module)\b/m.test(start) || start.includes("->")) { return "model"; }
  if (columns.includes("measure") && columns.includes("statistic")) { return "observations"; }
  if (columns.includes("id") && columns.includes("time")) { return "individuals"; }
  return "patients";
}

async function take(file) {
  if (!file) { return; }
  at("problem").replaceChildren();
  at("told").textContent = `Reading ${file.name}…`;
  try {
    const text = await file.text();
    const kind = at("kind").value || likely(text);
    const found = await ask(`/api/v1/uploads/${kind}`, { body: text || " " });
    remember(found.id, file.name);
    at("told").textContent = `${file.name} was read: ${said(found)}`;
    await list();
    at(`upload-${found.id}`).querySelector("h3").focus();
  } catch (error) {
    at("told").textContent = "";
    const kind = at("kind").value ? "" : " If it was meant as something else, choose what it is read as.";
    at("problem").replaceChildren(h("p", { class: "problem" }, h("b", { text: `${file.name} was not read. ` }), error.where ? h("code", { text: error.where }) : "", error.where ? ": " : "", `${error.message}.${kind}`));
  }
}

// -- what is kept -------------------------------------------------------------------------------------------------------

async function list() {
  try {
    const [found, jobs] = await Promise.all([ask("/api/v1/uploads"), ask("/api/v1/jobs")]);
    const judged = new Map([...jobs].reverse().filter((job) => job.kind === "credibility" && job.request?.observations && !["failed", "cancelled"].includes(job.state)).map((job) => [job.request.observations, job]));
    at("uploads").replaceChildren(...(found.length ? [...found].reverse().map((entry) => card(entry, judged.get(entry.id))) : [h("p", { class: "quiet", text: "Nothing yet." })]));
  } catch (error) { if (!error.isDown) { at("uploads").replaceChildren(h("p", { class: "problem", role: "alert", text: error.message })); } }
}

const count = (n, one, many = `${one}s`) => `${number(n, 6)} ${n === 1 ? one : many}`;

/** One sentence on what was read. */
function said(entry) {
  if (entry.kind === "patients") { return `${count(entry.n_patients, "patient")}; ${entry.columns.join(", ")}.`; }
  if (entry.kind === "observations") { return `${count(entry.n_rows, "observation")} of ${entry.studies.join(", ")}; ${entry.n_predicted === entry.n_rows ? "all" : number(entry.n_predicted, 6)} can be predicted.`; }
  if (entry.kind === "individuals") { return `${count(entry.n_patients, "patient")}, ${count(entry.n_doses, "dose")}, ${count(entry.n_measurements, "measurement")}${entry.n_beyond_limits ? ` (${number(entry.n_beyond_limits, 6)} beyond a limit of quantification)` : ""}.`; }
  return `${entry.format}, ${count(entry.states.length, "state")}, ${count(entry.parameters.length, "parameter")}, ${count(entry.events, "event")}; ${entry.issues.length ? count(entry.issues.length, "finding") : "no finding"}.`;
}

function card(entry, job) {
  const remove = h("button", { type: "button", class: "plain", onclick: async () => {
    try { await ask(`/api/v1/uploads/${entry.id}`, { method: "DELETE" }); await list(); at("told").textContent = "Removed."; at("main").focus(); } catch (error) { at("told").textContent = error.message; }
  }, text: "Remove" });
  const body = { patients, observations, individuals, model }[entry.kind];
  return h("section", { class: "upload", id: `upload-${entry.id}`, "aria-label": nameOf(entry.id) || KINDS[entry.kind].title },
    h("div", { class: "upload-head" }, h("h3", { tabindex: "-1", text: nameOf(entry.id) || KINDS[entry.kind].title }), nameOf(entry.id) ? h("span", { class: "flag", text: KINDS[entry.kind].title }) : "", remove),
    h("p", { text: said(entry) }), body(entry, job));
}

function patients(entry) {
  return h("p", {}, h("a", { class: "button", href: `/#p=${entry.id}`, text: "Treat them in the explorer" }));
}

function observations(entry, job) {
  const place = h("div", {});
  const judge = h("button", { type: "button", class: "primary", onclick: async () => {
    try { wait(await startJob({ kind: "credibility", observations: entry.id, label: `${nameOf(entry.id) || entry.studies.join(", ")} beside predicted`.slice(0, 200) })); } catch (error) { place.replaceChildren(h("p", { class: "problem", role: "alert", text: error.message })); }
  }, text: "Set beside what is predicted" });
  const wait = (id) => {
    judge.hidden = true;
    const progress = h("progress", { max: 1, value: 0, "aria-label": "Progress" });
    const status = h("span", { role: "status", class: "quiet", text: "waits" });
    place.replaceChildren(h("p", {}, progress, " ", status));
    follow(id, (now) => { progress.value = now.progress || 0; status.textContent = now.message || now.state; })
      .then(async () => place.replaceChildren(verdicts(await ask(`/api/v1/jobs/${id}/result`), nameOf(entry.id) || "own")))
      .catch((error) => { judge.hidden = false; place.replaceChildren(h("p", { class: "problem", role: "alert", text: error.message })); });
  };
  if (job) { wait(job.id); }
  const faults = entry.rows.filter((row) => row.fault);
  return h("div", {}, entry.notes.map((note) => h("p", { class: "quiet", text: note })),
    faults.length ? h("div", { class: "scroll" }, h("table", { class: "cards" }, h("caption", { text: "Rows that cannot be predicted" }),
      h("thead", {}, h("tr", {}, ["Line", "Study", "Measure", "Why, and what to do"].map((text) => h("th", { scope: "col", text })))),
      h("tbody", {}, faults.slice(0, MOST_ROWS).map((row) => h("tr", {}, h("th", { scope: "row", text: `line ${row.line}` }), h("td", { "data-label": "study", text: `${row.study}, ${row.arm}` }), h("td", { "data-label": "measure", text: row.measure }), h("td", { text: row.fault })))))) : "",
    entry.n_predicted ? h("p", {}, judge) : "", place);
}

/** The rows as judged, and how to keep them. */
function verdicts(result, name) {
  const told = result.table.filter((row) => row.is_inside !== null);
  const stem = name.replace(/\.[^.]*$/, "").replace(/[^\w-]+/g, "-") || "own";
  return h("div", {},
    h("p", {}, h("b", { text: `${told.filter((row) => row.is_inside).length} of ${told.length}` }), " inside the predicted middle 90 % of cohorts of that size."),
    h("div", { class: "scroll" }, h("table", { class: "cards" },
      h("thead", {}, h("tr", {}, ["Observation", "Observed", "Predicted, middle 90 % of cohorts", "Verdict"].map((text) => h("th", { scope: "col", text })))),
      h("tbody", {}, result.table.map((row) => h("tr", {},
        h("th", { scope: "row" }, row.label || row.measure, row.arm && row.arm !== "all" ? h("span", { class: "quiet", text: `, ${row.arm}` }) : ""),
        h("td", { "data-label": "observed", text: row.observed }),
        h("td", { "data-label": "predicted", text: row.is_inside === null ? row.note || row.predicted : `${row.predicted} ${unitText(row.unit)}`.trim() }),
        h("td", {}, row.is_inside === null ? h("span", { class: "quiet", text: "not predicted" }) : h("span", { class: `verdict ${row.is_inside ? "inside" : "outside"}`, text: row.is_inside ? "inside" : "outside" }))))))),
    result.notes.map((note) => h("p", { class: "quiet small", text: note })),
    h("p", { class: "view-tools" },
      h("button", { type: "button", onclick: () => saveAs(new Blob([csv(result.table)], { type: "text/csv" }), `${stem}-predicted.csv`), text: "Download CSV" }),
      h("button", { type: "button", onclick: () => saveAs(new Blob([JSON.stringify(result, null, 1)], { type: "application/json" }), `${stem}-predicted.json`), text: "Download JSON" }),
      h("span", { class: "quiet small" }, "the same by ", h("code", { text: result.command }))));
}

const COLUMNS = ["study", "arm", "n", "label", "measure", "unit", "statistic", "time_days", "observed", "predicted_median", "low90", "high90", "is_inside", "status", "note"];

function csv(rows) {
  const cell = (value) => { const text = value === null || value === undefined ? "" : String(value); return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text; };
  return `${[COLUMNS, ...rows.map((row) => COLUMNS.map((name) => row[name]))].map((line) => line.map(cell).join(",")).join("\n")}\n`;
}

function individuals(entry) {
  const file = nameOf(entry.id) || "my_patients.csv";
  const varying = Object.entries(entry.varying);
  return h("div", {},
    h("dl", { class: "facts" }, [["Measured (DVID)", entry.measured.filter(Boolean).join(", ") || "one quantity"], ["Covariates", entry.covariates.join(", ") || "none"], ...(varying.length ? [["Change within a patient", varying.map(([name, row]) => `${name} (first in row ${row})`).join(", ")]] : []), ...(entry.n_left_out ? [["Rows left out", number(entry.n_left_out, 6)]] : [])].map(([term, text]) => [h("dt", { text: term }), h("dd", { text })])),
    h("p", { class: "quiet" }, "A fit takes minutes and many choices; it is made by the command line, for instance:"),
    h("pre", { class: "command", tabindex: "0" }, h("code", { text: `vivocart calibrate --data ${file} --observe car_t_blood:lognormal --dose lnp_plasma_amount --estimate car_loss --out results/mine` })));
}

function model(entry) {
  return h("details", {}, h("summary", { text: entry.issues.length ? "Parts and findings" : "Parts" }),
    h("dl", { class: "facts" }, [["States", entry.states], ["Parameters", entry.parameters]].map(([term, ids]) => [h("dt", { text: term }), h("dd", { text: ids.join(", ") || "none" })])),
    entry.issues.length ? h("ul", {}, entry.issues.map((issue) => h("li", { text: issue }))) : "");
}

// -- names, which stay with the reader, and the formats -------------------------------------------------------------------

function nameOf(id) { try { return JSON.parse(localStorage.getItem("upload-names") || "{}")[id] || ""; } catch { return ""; } }

function remember(id, name) {
  try { localStorage.setItem("upload-names", JSON.stringify({ ...JSON.parse(localStorage.getItem("upload-names") || "{}"), [id]: name.slice(0, 80) })); } catch { /* a page without storage shows the kind instead */ }
}

function showKinds() {
  at("kinds").replaceChildren(...Object.entries(KINDS).map(([id, { title, about, example }]) => h("details", { class: "format" }, h("summary", {}, title, h("span", { class: "quiet", text: ` ${about}` })), h("pre", { tabindex: "0", "aria-label": `Example: ${title}` }, h("code", { text: example })),
    h("p", {}, h("button", { type: "button", onclick: () => saveAs(new Blob([example], { type: "text/plain" }), `example-${id}.${id === "model" ? "ant" : "csv"}`), text: "Download this example" })))));
}
