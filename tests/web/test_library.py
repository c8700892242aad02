"""Evidence, parameters, credibility: from a number to the place it was read in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest


def test_search_is_that_of_the_library(client: httpx.Client):
    found = client.get("/api/v1/evidence/search", params={"q": "lupus[ti] AND car-t"}).json()
    assert found["count"] >= 1 and found["translation"]
    assert all(row["title"] for row in found["records"])
    every = client.get("/api/v1/evidence/search", params={"limit": 3}).json()
    assert every["count"] > 30 and len(every["records"]) == 3
    second = client.get("/api/v1/evidence/search", params={"limit": 3, "offset": 3}).json()
    assert not {row["id"] for row in every["records"]} & {row["id"] for row in second["records"]}


@pytest.mark.parametrize("query", ["(", '"', "lupus[nofield]", "AND", "#99", "[ti]", "a" * 900])
def test_a_query_that_cannot_be_read_names_its_fault(client: httpx.Client, query: str):
    found = client.get("/api/v1/evidence/search", params={"q": query})
    assert found.status_code in (200, 404, 422)
    if found.status_code != 200:
        assert found.json()["error"]["message"]


def test_what_search_finds_and_the_model_uses_has_a_page(client: httpx.Client):
    found = client.get("/api/v1/evidence/search", params={"q": "40961420[pmid]"}).json()["records"]
    (row,) = [entry for entry in found if entry["in_model"] == "wang2025"]
    assert client.get(f"/api/v1/evidence/records/{row['in_model']}").status_code == 200
    assert client.get(f"/evidence/records/{row['in_model']}").status_code == 200


@pytest.mark.parametrize("name", ["wang2025", "40961420", "10.1056/NEJMc2509522"])
def test_a_record_is_known_by_every_name(client: httpx.Client, name: str):
    record = client.get(f"/api/v1/evidence/records/{name}").json()
    assert record["id"] == "wang2025" and set(record["citations"]) == {"AMA", "APA", "MLA", "NLM"}
    assert record["used"]["observations"] and record["quantities"]


def test_an_unknown_record_is_answered_with_the_nearest(client: httpx.Client):
    found = client.get("/api/v1/evidence/records/wang2024")
    assert found.status_code == 404 and "wang2025" in found.json()["error"]["mend"]
    assert client.get("/evidence/records/wang2024").status_code == 404


def test_every_parameter_leads_to_its_records(client: httpx.Client):
    rows = client.get("/api/v1/parameters").json()
    assert len(rows) > 100 and {row["kind"] for row in rows} >= {"measured", "estimated", "assumed"}
    row = next(row for row in rows if row["kind"] == "measured" and row["quantity_ids"])
    one = client.get(f"/api/v1/parameters/{row['id']}").json()
    assert one["rule"] in ("copied", "converted", "pooled")
    for quantity in one["quantities"]:
        assert quantity["record_id"] and quantity["citation"] and quantity["value_text"]
        assert client.get(f"/api/v1/evidence/records/{quantity['record_id']}").status_code == 200
    assert client.get("/api/v1/parameters/no_such").status_code == 404


def test_the_credibility_table_is_made_once_and_says_what_was_seen(
    client: httpx.Client, wait: Callable[..., Any]
):
    asked = {"study": "HN2301"}
    first = client.get("/api/v1/credibility", params=asked).json()
    assert first["state"] == "running" and first["table"] == []

    def look() -> Any:
        now = client.get("/api/v1/credibility", params=asked).json()
        return now if now["state"] == "done" else None

    found = wait(look, 120)
    assert found["job"] == first["job"]
    row = next(row for row in found["table"] if row["observation_id"] == "hn2301_b_cell_depletion_days")
    assert row["kind"] in ("seen", "held out") and row["status_words"] and row["citation"]
    assert isinstance(row["is_inside"], bool) and len(row["parts"]) == 2
    assert found["coverage"] and "no independent test" in found["note"]
    unmodelled = next(row for row in found["table"] if not row["measure"])
    assert unmodelled["predicted"] == "not predicted" and unmodelled["predicted_median"] is None
    assert client.get("/api/v1/credibility", params={"study": "no_study"}).status_code == 404
    assert client.get("/api/v1/credibility", params={"study": "/etc/x.yaml"}).status_code in (404, 422)
