"""An exploration as a file: table, data, or report."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, Literal

from fastapi import APIRouter, Request, Response

from vivocart.report.record_page import DISCLAIMER
from vivocart.web.requests import DownloadRequest, plain
from vivocart.web.routes.explore import explored
from vivocart.web.state import state_of

router = APIRouter(prefix="/api/v1/download", tags=["downloads"])

_COLUMNS: tuple[str, ...] = (
    "table",
    "arm",
    "name",
    "unit",
    "time_days",
    "q05",
    "q25",
    "q50",
    "q75",
    "q95",
    "share",
    "text",
)
_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json", "report": "text/html; charset=utf-8"}
_ENDINGS = {"csv": "csv", "json": "json", "report": "html"}


@router.post("/{form}")
async def download(
    request: Request, form: Literal["csv", "json", "report"], body: DownloadRequest
) -> Response:
    """The exploration of a request as CSV (a row for each number), JSON (all that the page had) or HTML report."""
    found, _ = await explored(request, body.request)
    data = json.loads(found)
    asked = plain(body.request)
    if form == "json":
        text = json.dumps({"request": asked, **data}, ensure_ascii=False, allow_nan=False)
    elif form == "csv":
        text = as_csv(data)
    else:
        from vivocart.report.exploration import render_exploration

        text, _ = await state_of(request).solver.run(lambda _threads: render_exploration(data, asked))
    name = f"vivocart-exploration.{_ENDINGS[form]}"
    return Response(
        text.encode(),
        media_type=_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def as_csv(data: dict[str, Any]) -> str:
    """Bands, endpoints, SLEDAI-2K items and CRS in long form, with the disclaimer as a comment."""
    out = io.StringIO()
    out.write(f"# {DISCLAIMER} Virtual patients; times are days after the first infusion.\n")
    writer = csv.DictWriter(out, _COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for arm in data["arms"]:
        label = _safe(arm["label"])
        for name, band in arm["bands"].items():
            times = arm["item_days"] if name == "sledai" else arm["times"]
            for place, time in enumerate(times):
                quantiles = {key: values[place] for key, values in band.items()}
                writer.writerow({"table": "band", "arm": label, "name": name, "time_days": time, **quantiles})
        for row in arm["endpoints"]:
            cells = {"q05": row["q05"], "q50": row["median"], "q95": row["q95"], "share": row["share"]}
            head = {"table": "endpoint", "arm": label, "name": row["id"], "unit": row["unit"]}
            writer.writerow({**head, **cells, "text": row["text"]})
        for name, shares in arm["items"].items():
            for time, share in zip(arm["item_days"], shares, strict=True):
                head = {"table": "sledai_item", "arm": label, "name": name}
                writer.writerow({**head, "time_days": time, "share": share})
        for name, share in arm["crs"].items():
            writer.writerow({"table": "crs", "arm": label, "name": name, "share": share})
    return out.getvalue()


def _safe(label: str) -> str:
    """A label that a spreadsheet does not take for a formula."""
    return f"'{label}" if label[:1] in "=+-@\t" else label
