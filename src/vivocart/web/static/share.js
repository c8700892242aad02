// What leaves the page: tables and the report from the server, pictures from the charts.

import { ask } from "./api.js";
import { saveAs } from "./dom.js";

/**
 * Save the present result in a format.
 * @param {"csv"|"json"|"report"|"png"|"svg"} format
 */
export async function download(format, explorer, tell) {
  tell("Preparing…");
  try {
    if (format === "png" || format === "svg") {
      saveAs(await explorer.charts.image(format), `vivocart-explorer.${format}`);
    } else {
      const { blob, response } = await ask(`/api/v1/download/${format}`, { body: { request: explorer.result.request }, as: "blob" });
      const named = /filename="?([^";]+)/.exec(response.headers.get("content-disposition") || "");
      saveAs(blob, named ? named[1] : `vivocart-explorer.${format === "report" ? "html" : format}`);
    }
    tell("Saved");
  } catch (error) { tell(error.message); }
}
