"""The views below the charts, jobs, and the way from a number to its record."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

ONE = "/#a=HN2301,4,3,3&n=50&d=90"
Open = Callable[..., Any]
Answered = Callable[..., Any]


def test_endpoints_items_and_support(open_page: Open):
    page = open_page(ONE)
    rows = page.locator("table.endpoints tbody tr")
    assert rows.count() >= 15
    assert re.search(r"\d", rows.first.locator("button").first.inner_text())
    page.get_by_role("tab", name="SLEDAI-2K items").click()
    assert page.locator("#panel-items tbody tr").count() == 25  # 24 items and the score
    assert page.locator("#panel-items tbody th", has_text="anti-dsDNA").count() == 1
    assert "anti-dsDNA" in page.locator("#chart-sledai .noted").first.inner_text()
    page.get_by_role("tab", name="What this rests on").click()
    page.wait_for_selector("#panel-support table")
    shown = page.locator("#panel-support").inner_text()
    assert "assumed" in shown
    assert "fitted is not validated" in shown
    page.get_by_label("Filter parameters").fill("c3_loss")
    assert page.locator("#panel-support tbody tr").count() == 1


def test_one_patient(open_page: Open, answered: Answered):
    page = open_page(ONE)
    first = answered(page, page.get_by_role("tab", name="One patient").click, "/api/v1/patient")
    assert json.loads(first.request.post_data)["patient"] == 0
    page.wait_for_selector("#panel-patient .heat.items")
    assert "SLEDAI-2K" in page.locator("#panel-patient [role=status]").inner_text()
    second = answered(page, page.get_by_role("button", name="Next patient").click, "/api/v1/patient")
    assert json.loads(second.request.post_data)["patient"] == 1
    page.wait_for_function("location.hash.includes('i=1')")
    page.locator("#panel-patient summary", has_text="covariates").click()
    assert page.locator("#panel-patient dl.facts dt").count() > 5


def test_from_a_number_to_its_record(open_page: Open):
    page = open_page(ONE)
    page.locator("table.endpoints tbody tr").first.locator("button").first.click()
    dialog = page.locator("#trail")
    dialog.locator(".parameter").first.wait_for()
    link = dialog.locator("a[href^='/evidence/records/']").first
    link.wait_for()
    link.click()
    page.wait_for_selector("article.record")
    assert page.locator("article.record h1").inner_text()


def test_from_a_published_mark_to_its_record(open_page: Open):
    page = open_page(ONE)
    page.locator("td.published button").first.click()
    dialog = page.locator("#trail")
    dialog.locator("a", has_text="Wang 2025").wait_for()
    assert "Place" in dialog.inner_text()


def test_heat_map_becomes_a_regimen(open_page: Open, answered: Answered):
    page = open_page("/#a=HN2301,4,2,3&n=20&d=28&t=heat")
    page.get_by_role("button", name="Compute the map").click()
    page.wait_for_selector("table.map", timeout=120_000)
    assert page.locator("table.map tbody td.cell").count() == 64
    options = page.get_by_label("Endpoint", exact=True).locator("option")
    assert options.count() > 5
    body = json.loads(
        answered(
            page, page.get_by_role("button", name=re.compile(r"^2 mg every 7 days")).click
        ).request.post_data
    )
    assert (body["arms"][0]["dose"], body["arms"][0]["interval_days"]) == (2, 7)


def test_ten_thousand_patients_survive_a_reload(open_page: Open, new_server: Callable[[], Any]):
    own = new_server()  # whose list of jobs holds no other test's
    page = open_page("/#a=HN2301,4,2,3&n=50&d=28&t=jobs", at=own.address)
    page.get_by_label("in", exact=False).locator("visible=true").first.wait_for()
    page.locator("#panel-jobs select").select_option("10000")
    page.get_by_role("button", name="Run these regimens").click()
    page.wait_for_selector(".jobs li")
    page.reload()
    show = page.get_by_role("button", name="Show in the charts").first
    show.wait_for(timeout=90_000)
    show.click()
    page.wait_for_function(
        "/^(10 000|99\\d\\d) virtual/.test(document.querySelector('#run-line').textContent)"
    )
    page.get_by_role("button", name="Back to live").click()
    page.wait_for_function("document.querySelector('#run-line').textContent.startsWith('50 virtual')")


def test_a_job_can_be_cancelled(open_page: Open, new_server: Callable[[], Any]):
    own = new_server()  # whose first job is this test's
    page = open_page("/#a=HN2301,4,3,3&n=50&d=180&t=jobs", at=own.address)
    page.locator("#panel-jobs select").select_option("100000")
    page.get_by_role("button", name="Run these regimens").click()
    row = page.locator(".jobs li").first
    row.get_by_role("button", name="Cancel").click()
    page.wait_for_function("document.querySelector('.jobs li').textContent.includes('cancelled')")


def test_a_server_that_dies_in_mid_request(open_page: Open, new_server: Callable[[], Any]):
    own = new_server()
    page = open_page(ONE, at=own.address)
    said = page.locator("#sentences").inner_text()
    page.get_by_label("Regimen A: dose in mg", exact=True).focus()
    own.process.send_signal(19)  # stopped: it has taken the request and will not answer
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(150)
    own.end(at_once=True)
    page.wait_for_selector("#connection:not([hidden])")
    assert "does not answer" in page.locator("#connection").inner_text()
    assert page.locator("#sentences").inner_text() == said, "the last result stays"
    own.start()
    try:
        page.wait_for_selector("#connection", state="hidden")
        page.wait_for_function("document.querySelector('.sentence b').textContent.includes('3.5 mg')")
    finally:
        own.end()


def test_what_was_published_is_whole_beside_two_arms(open_page: Open):
    page = open_page("/", width=1280)
    page.locator("td.published button").first.wait_for()
    cut = "(all) => all.filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.innerText)"
    assert page.eval_on_selector_all("td.published button, td.published > div", cut) == []


def test_headings_stand_above_their_columns_on_a_phone(open_page: Open):
    page = open_page("/", width=390, height=844)
    page.locator("td.published button").first.wait_for()
    shown = "(all) => all.filter((cell) => cell.offsetWidth).map((cell) => Math.round(cell.getBoundingClientRect().left))"
    heads = page.eval_on_selector_all("table.endpoints thead th", shown)
    assert heads == page.eval_on_selector_all("table.endpoints tbody tr:first-child > *", shown)


@pytest.mark.parametrize("path", ["/", "/evidence", "/credibility", "/uploads"])
def test_a_page_and_its_navigation_are_as_wide_as_a_phone(open_page: Open, path: str):
    page = open_page(path, width=390, height=844)
    if path == "/evidence":
        page.locator(".hits .title").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.eval_on_selector("header.site nav", "(nav) => nav.scrollWidth <= nav.clientWidth")
