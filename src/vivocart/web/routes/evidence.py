"""Evidence: search, records, quantities, and the way from a parameter to the place that it was read in."""

from __future__ import annotations

import datetime
import threading
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from vivocart.evidence.library import find_record, quantities
from vivocart.evidence.own_library import open_own_library
from vivocart.evidence.search.run import search
from vivocart.evidence.store import Library, find_id, get, record_ids
from vivocart.ground.errors import UnknownNameError
from vivocart.web.answers import to_json
from vivocart.web.library_answers import (
    parameter_data,
    parameters_data,
    quantity_data,
    record_brief,
    record_data,
    shipped_id,
)
from vivocart.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["evidence"])
_JSON = "application/json"
_LIBRARY_LOCK = threading.Lock()

Text = Annotated[str, Query(max_length=1000)]
Sort = Literal["match", "recent", "date", "author", "journal"]


@router.get("/evidence/search")
def search_route(
    request: Request,
    q: Text = "",
    sort: Sort = "recent",
    limit: Annotated[int, Query(ge=0, le=200)] = 20,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """Records of the library that a query in PubMed's language asks for, with its translation; all without a query."""
    state, now = state_of(request), datetime.datetime.now()
    with _LIBRARY_LOCK, open_own_library(state.settings.library_path, today=now.date()) as library:
        if q.strip():
            found = search(library, q, now=now, sort=sort, limit=limit, offset=offset)
            translation, count, ids = found.translation, found.count, found.record_ids
        else:
            ids, count = by_year(library)[offset : offset + limit], len(record_ids(library))
            translation = "every record"
        rows = [get(library, record_id) for record_id in ids]
    return Response(
        to_json(
            {
                "query": q,
                "translation": translation,
                "count": count,
                "offset": offset,
                "records": [record_brief(row, shipped_id=shipped_id(row)) for row in rows],
            }
        ),
        media_type=_JSON,
    )


def by_year(library: Library) -> list[str]:
    """Ids of every record, the latest year first."""
    every = [get(library, record_id) for record_id in record_ids(library)]
    return [row.id for row in sorted(every, key=lambda row: row.year, reverse=True)]


@router.get("/evidence/records/{name:path}")
def record_route(request: Request, name: str) -> Response:
    """A record by id, PMID or DOI, with citations, notices, formats, and all that rests on it."""
    try:
        return Response(to_json(record_data(find_record(name), is_shipped=True)), media_type=_JSON)
    except UnknownNameError:
        now = datetime.datetime.now()
        with (
            _LIBRARY_LOCK,
            open_own_library(state_of(request).settings.library_path, today=now.date()) as library,
        ):
            known = find_id(library, name)
            if known is None:
                raise
            record = get(library, known)
        return Response(to_json(record_data(record, is_shipped=False)), media_type=_JSON)


@router.get("/evidence/quantities")
def quantities_route(record: Annotated[str, Query(max_length=200)] = "") -> list[dict[str, Any]]:
    """Numbers as sources state them, with their places; of one record where one is named."""
    return [quantity_data(row) for row in quantities().values() if record in ("", row.record_id)]


@router.get("/parameters")
def parameters_route() -> Response:
    """Every parameter of the model: measured, estimated, assumed or scenario, and what it rests on."""
    return Response(to_json(parameters_data()), media_type=_JSON)


@router.get("/parameters/{name}")
def parameter_route(name: str) -> Response:
    """One parameter: the rule by which it follows from quantities, their places and records."""
    return Response(to_json(parameter_data(name)), media_type=_JSON)
