"""How far the model can be believed: the table of published beside predicted."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request

from vivocart.web.errors import RefusedError
from vivocart.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["credibility"])

_STUDY = "hn2301"


@router.get("/credibility")
def credibility(request: Request, study: str = _STUDY) -> dict[str, Any]:
    """The table of a study; computed once for a model, as a job that this request begins if there is none."""
    from vivocart.model.load import load_model
    from vivocart.trials.protocol import load_study, study_ids

    if study.lower() not in study_ids():
        load_study(f"{study} ")  # says the nearest names; the blank keeps a path from being read
    jobs = state_of(request).jobs
    same = [
        job
        for job in jobs.jobs()
        if job.kind == "credibility" and str(job.request.get("study", "")).lower() == study.lower()
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
