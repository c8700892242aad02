"""Evidence, a record and credibility in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

FAILED = {"state": "failed", "error": {"message": "out of memory", "mend": "ask for less"}}
Open = Callable[..., Any]


def test_evidence_finds_and_opens_a_record(open_page: Open):
    page = open_page("/evidence")
    page.get_by_role("searchbox").fill("lupus car")
    page.get_by_role("button", name="Search").click()
    page.wait_for_selector(".hits li")
    assert "q=lupus" in page.url
    page.locator(".hits a.title").first.click()
    page.wait_for_selector("article.record")
    page.wait_for_load_state("load")  # the page's scripts run after its text is there
    page.get_by_role("button", name="Cite").click()
    page.locator("dialog[open] .citation").first.wait_for()
    page.keyboard.press("Escape")
    page.get_by_label("Display").select_option("PMID")
    page.locator("[data-choice=pmid]").first.wait_for()


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


def test_credibility_shows_table_and_figure(open_page: Open):
    page = open_page("/credibility")
    page.wait_for_selector(".summary-cards")
    titles = [heading.inner_text() for heading in page.locator("section h2").all()]
    assert titles == ["Held out of the fit", "In view when constants were set by hand"]
    assert "set by hand" in page.locator("section").last.inner_text()
    page.wait_for_selector(".range-plot .point")
    assert page.locator(".range-plot .point").count() == 2
    assert page.locator(".verdict.outside").count() == 1
    assert page.locator("a[href='/evidence/records/wang2025']").count() == 2
    assert "<CAR+>" in page.locator("tbody th").nth(2).inner_text()


def test_credibility_that_is_still_computed_says_so(open_page: Open, server: Any):
    page = open_page("/evidence")
    page.route(
        "**/api/v1/credibility",
        lambda route: route.fulfill(json={"state": "running", "job": "0" * 16, "table": []}),
    )
    page.route(
        "**/api/v1/jobs/*/events",
        lambda route: route.fulfill(
            body=f"event: status\ndata: {json.dumps(FAILED)}\n\n",
            content_type="text/event-stream",
        ),
    )
    page.goto(f"{server.address}/credibility")
    page.wait_for_selector(".problem")
    assert page.locator(".problem").inner_text() == "out of memory; ask for less"
