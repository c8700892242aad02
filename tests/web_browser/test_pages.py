"""Evidence, a record and credibility in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Open = Callable[..., Any]


def test_evidence_finds_and_opens_a_record(open_page: Open):
    page = open_page("/evidence")
    page.get_by_role("searchbox").fill("lupus car")
    page.get_by_role("button", name="Search").click()
    page.wait_for_selector(".hits li")
    assert "q=lupus" in page.url
    page.locator(".hits a.title").first.click()
    page.wait_for_selector("article.record")
    page.get_by_role("button", name="Cite").click()
    assert page.locator("dialog[open] .citation").first.is_visible()
    page.keyboard.press("Escape")
    page.get_by_label("Display").select_option("PMID")
    assert page.locator("[data-choice=pmid]").first.is_visible()


def test_quantities_and_parameters_lead_on(open_page: Open):
    page = open_page("/evidence?in=quantities&q=patisiran")
    page.wait_for_selector(".quantity-table tbody tr")
    assert page.locator(".quantity-table a[href^='/evidence/records/']").count() >= 1
    page.get_by_role("tab", name="Parameters").click()
    page.get_by_label("Filter parameters").fill("lnp_return")
    page.get_by_role("button", name="lnp_return").click()
    page.locator("#trail a[href^='/evidence/records/']").first.wait_for()


def test_an_unknown_record_is_told(open_page: Open, server: Any):
    page = open_page("/evidence")
    answer = page.request.get(f"{server.address}/evidence/records/no_such_record")
    assert answer.status == 404


def test_credibility_shows_table_and_figure(open_page: Open, server: Any):
    row = {
        "study": "HN2301", "arm": "all", "measure": "car_percent_peak", "label": "Highest <CAR+> share", "unit": "%", "statistic": "maximum",
        "observed": "60 % (largest of 5)", "observed_value": 60.0, "observed_lower": None, "observed_upper": None, "predicted": "58 (42 to 75)",
        "predicted_median": 58.0, "low90": 42.0, "high90": 75.0, "low90_uncertain": 17.0, "high90_uncertain": 84.0, "is_inside": True,
        "is_inside_uncertain": True, "record_id": "wang2025", "citation": "Wang 2025", "note": "", "trust": "secondary", "kind": "seen",
    }  # fmt: skip
    table = [row, row | {"kind": "held out", "is_inside": False, "observed_value": 90.0}]
    page = open_page("/evidence")
    page.route("**/api/v1/credibility", lambda route: route.fulfill(body=json.dumps({"state": "done", "table": table, "note": "", "model_hash": "a" * 64}), content_type="application/json"))
    page.goto(f"{server.address}/credibility")
    page.wait_for_selector(".summary-cards")
    assert [heading.inner_text() for heading in page.locator("section h2").all()] == ["Never shown to the model", "Set or fitted with these in view"]
    assert page.locator(".range-plot .point").count() == 2
    assert page.locator(".verdict.outside").count() == 1
    assert page.locator("a[href='/evidence/records/wang2025']").count() == 2
