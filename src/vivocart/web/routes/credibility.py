"""How far the model can be believed: the table of published beside predicted."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from vivocart.calibration.observations import observations
from vivocart.web.errors import RefusedError
from vivocart.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["credibility"])

_ALL = "all"
Study = Annotated[str, Query(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]


@router.get("/credibility")
def credibility(request: Request, study: Study = _ALL) -> dict[str, Any]:
    """The table of all studies, or of one; computed once for a model, as a job that this request begins if there is none."""
    from vivocart.model.load import load_model

    if study.lower() != _ALL:
        observations(study)
    jobs = state_of(request).jobs
    same = [
        job
        for job in jobs.jobs()
        if job.kind == "credibility"
        and str(job.request.get("study", "")).lower() == study.lower()
        and not job.request.get("observations")
    ]
    for job in same:
        if not job.has_ended:
            return {"state": "running", "job": job.id, "table": []}
        if job.state == "done":
            data = json.loads(jobs.result(job.id))
            if data.get("model_hash") == load_model().hash:
                return {"state": "done", "job": job.id, **data}
    try:
        new = jobs.add(
            "credibility", f"{study}: published beside predicted", {"kind": "credibility", "study": study}
        )
    except RefusedError:
        return {"state": "absent", "table": []}
    return {"state": "running", "job": new.id, "table": []}
