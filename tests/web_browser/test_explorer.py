"""The explorer in a real browser: what it shows, every control, links and downloads."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CHARTS = ["car", "b_blood", "b_tissue", "antibody", "sledai", "cytokines"]
ONE = "/#a=HN2301,4,3,3&n=50&d=90"
TWO = "/#a=HN2301,4,3,3&a=ex_vivo_cd19_car_t,1000000,1,3&n=50&d=90"

EMPTY_RANGE = """(await import('/static/traces.js')).yRange(
    {floor: .1}, {arms: [{times: [0], bands: {}}]}, [], [0, 1], {isLog: false, bands: [], before: null})"""
Open = Callable[..., Any]
Answered = Callable[..., Any]


def asked(response: Any) -> dict[str, Any]:
    return json.loads(response.request.post_data)


def inside(page: Any, selector: str) -> bool:
    box = page.locator(selector).first.bounding_box()
    size = page.viewport_size
    assert box is not None, selector
    right, bottom = box["x"] + box["width"], box["y"] + box["height"]
    return box["x"] >= 0 and box["y"] >= 0 and right <= size["width"] + 1 and bottom <= size["height"] + 1


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_one_screen_answers_the_question(open_page: Open, width: int, height: int):
    page = open_page("/", width=width, height=height)
    for chart in CHARTS:
        assert inside(page, f"#chart-{chart}"), chart
    assert inside(page, ".sentence")
    assert inside(page, "#arms input[type=range]")
    assert inside(page, ".disclaimer")
    assert "For research, not for treatment decisions" in page.locator(".disclaimer").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if width > 1000:
        assert inside(page, "table.endpoints tbody th")


def test_charts_show_bands_marks_and_infusions(open_page: Open):
    page = open_page(TWO)
    assert page.locator("#chart-b_blood .scatterlayer .traceb90x0x0 .js-fill").count() == 1
    assert page.locator("#chart-b_blood .scatterlayer .traceb50x0x1 .js-fill").count() == 1
    assert page.locator("#chart-car .scatterlayer .tracetx0 .js-line").count() == 3
    assert page.locator("#chart-car .scatterlayer .tracepx0 .point").count() >= 1
    page.locator("#chart-car .scatterlayer .tracepx0 .point").first.hover(force=True)
    page.wait_for_function(
        "document.querySelector('#chart-car .hoverlayer').textContent.includes('Wang 2025')"
    )
    assert not page.locator("#chart-sledai .cross").is_hidden()
    assert page.locator("#chart-b_tissue .readout").inner_text().startswith("d ")
    assert "CRS" in page.locator("#chart-cytokines .noted").first.inner_text()
    assert "d 90: " in page.locator("#chart-sledai .noted").first.inner_text()


def test_a_slider_rewrites_the_curves_in_place_and_plotly_agrees(open_page: Open, answered: Answered):
    page = open_page(ONE)
    page.wait_for_timeout(400)
    find = "document.querySelector('#chart-b_blood .tracemx0x0 .js-line')"
    page.evaluate(f"window.kept = {find}; window.before = kept.getAttribute('d')")
    dose = page.get_by_label("Regimen A: dose in mg", exact=True)
    dose.focus()
    response = answered(page, lambda: page.keyboard.press("ArrowLeft"))
    assert asked(response)["arms"][0]["dose"] == 3.5
    page.wait_for_function(f"{find}.getAttribute('d') !== window.before")
    quick = page.evaluate(f"[{find} === window.kept, {find}.getAttribute('d')]")
    page.wait_for_timeout(900)
    slow = page.evaluate(f"{find}.getAttribute('d')")
    assert quick[0], "Plotly redrew what should have been rewritten"
    first, second = (list(map(float, re.findall(r"-?\d+\.?\d*", path))) for path in (quick[1], slow))
    assert first[:2] == pytest.approx(second[:2], abs=0.11)
    assert first[-2:] == pytest.approx(second[-2:], abs=0.11)


def test_every_control_of_a_regimen(open_page: Open, answered: Answered):
    page = open_page(ONE)

    def change(action: Callable[[], Any]) -> dict[str, Any]:
        return asked(answered(page, action))

    page.get_by_label("number of infusions", exact=False).first.focus()
    assert change(lambda: page.keyboard.press("ArrowRight"))["arms"][0]["infusions"] == 4
    page.get_by_label("Regimen A: days between infusions", exact=True).focus()
    assert change(lambda: page.keyboard.press("ArrowRight"))["arms"][0]["interval_days"] == 4
    exact = page.get_by_label("Regimen A: dose in mg, exactly")
    assert change(lambda: (exact.fill("2.75"), exact.press("Enter")))["arms"][0]["dose"] == 2.75
    exact.fill("999")
    exact.press("Enter")
    assert exact.get_attribute("aria-invalid") is not None
    assert "to 40" in exact.get_attribute("title")
    product = page.get_by_label("Regimen A: product")
    body = change(lambda: product.select_option("rituximab"))
    assert (body["arms"][0]["product"], body["arms"][0]["dose"]) == ("rituximab", 1000)
    assert change(lambda: product.select_option("written"))["arms"][0]["regimen"].startswith(
        "rituximab 1000 mg x 2"
    )
    words = page.get_by_label("Regimen A in words")
    written = "HN2301 4 mg x 3 every 3 d then rituximab 1000 mg after 28 d"
    assert change(lambda: (words.fill(written), words.blur()))["arms"][0]["regimen"] == written
    assert page.locator(".sentence").first.inner_text().strip()


def test_up_to_four_regimens(open_page: Open, answered: Answered):
    page = open_page(ONE)
    add = page.get_by_role("button", name="Compare with another regimen")
    for count in (2, 3, 4):
        assert len(asked(answered(page, add.click))["arms"]) == count
    assert add.is_disabled()
    page.wait_for_function("document.querySelectorAll('.sentence').length === 4")
    assert page.locator("table.endpoints thead th").count() >= 6
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    remaining = asked(answered(page, page.get_by_role("button", name="Remove regimen B").click))["arms"]
    assert len(remaining) == 3


def test_patients(open_page: Open, answered: Answered):
    page = open_page(ONE)

    def change(action: Callable[[], Any]) -> dict[str, Any]:
        return asked(answered(page, action))

    assert change(lambda: page.get_by_label("Type").select_option("nephritis"))["patient_type"] == "nephritis"
    assert change(lambda: page.get_by_label("Horizon").select_option("28"))["days"] == 28
    assert change(lambda: page.locator("#n-patients").select_option("100"))["n_patients"] == 100
    assert (
        change(lambda: (page.get_by_label("Seed").fill("7"), page.get_by_label("Seed").blur()))["seed"] == 7
    )
    assert change(lambda: page.get_by_label("Typical values").select_option("prior"))["population"] == "prior"
    assert change(lambda: page.get_by_label("Tocilizumab at CRS grade 2").uncheck())["tocilizumab"] is False
    page.wait_for_function("document.querySelector('#run-line').textContent.startsWith('100 virtual')")


def test_the_toolbar_changes_what_is_drawn_and_asks_nobody(open_page: Open):
    page = open_page(TWO)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "/api/" in request.url else None)
    page.get_by_role("button", name="60", exact=True).click()
    axis = "document.querySelector('#chart-sledai .plot')._fullLayout.xaxis.range[1]"
    page.wait_for_function(f"{axis} === 60")
    page.get_by_role("group", name="Bands").get_by_role("button", name="90 %").click()
    page.wait_for_function("!document.querySelector('#chart-car .traceb90x0x0')")
    page.get_by_role("button", name="Published").click()
    page.wait_for_function("!document.querySelector('#chart-car .tracepx0')")
    page.get_by_role("button", name="CAR-T cells in blood: logarithmic axis").click()
    page.wait_for_function("document.querySelector('#chart-car .plot')._fullLayout.yaxis.type === 'log'")
    page.get_by_role("button", name="SLEDAI-2K: larger").click()
    page.wait_for_function("document.querySelector('#chart-sledai .plot')._fullLayout.width > 900")
    assert requests == []


def test_zoom_is_shared(open_page: Open):
    page = open_page(ONE)
    page.evaluate(
        "Plotly.relayout(document.querySelector('#chart-sledai .plot'), {'xaxis.range[0]': 10, 'xaxis.range[1]': 40})"
    )
    page.wait_for_function(
        "document.querySelector('#chart-car .plot')._fullLayout.xaxis.range.join() === '10,40'"
    )
    page.wait_for_function("location.hash.includes('w=10-40')")


def test_a_link_restores_the_state(open_page: Open, answered: Answered):
    page = open_page(
        "/#a=HN2301,2,4,7&r=rituximab%201000%20mg&p=nephritis&d=90&n=50&s=9&w=14&b=50&m=0&l=car&z=0&v=prior&t=items"
    )
    assert page.get_by_label("Regimen A: dose in mg, exactly").input_value() == "2"
    assert page.get_by_label("Regimen A: days between infusions, exactly").input_value() == "7"
    assert page.get_by_label("Regimen B in words").input_value() == "rituximab 1000 mg"
    assert page.get_by_label("Type").input_value() == "nephritis"
    assert page.get_by_label("Seed").input_value() == "9"
    assert page.get_by_label("Typical values").input_value() == "prior"
    assert not page.get_by_label("Tocilizumab at CRS grade 2").is_checked()
    assert page.get_by_role("tab", name="SLEDAI-2K items").get_attribute("aria-selected") == "true"
    assert page.get_by_role("button", name="14", exact=True).get_attribute("aria-pressed") == "true"
    before = page.evaluate("location.hash")
    page.get_by_role("button", name="Copy link").click()
    other = open_page(f"/{page.evaluate('location.hash')}")
    other.wait_for_timeout(300)
    assert other.evaluate("location.hash") == before
    assert other.locator("#sentences").inner_text() == page.locator("#sentences").inner_text()


def test_a_wrong_link_shows_the_first_visit_rather_than_nothing(open_page: Open):
    page = open_page("/#a=nothing,-3,x,y&p=unknown&d=99999999&n=abc&b=7&t=zzz")
    assert page.locator(".sentence").count() >= 1


def test_downloads(open_page: Open, tmp_path: Path):
    page = open_page(ONE)

    def saved(name: str) -> bytes:
        page.locator("#download-menu > summary").click()
        with page.expect_download() as caught:
            page.get_by_role("button", name=re.compile(f"^{name}")).click()
        place = tmp_path / caught.value.suggested_filename
        caught.value.save_as(place)
        return place.read_bytes()

    table = saved("CSV").decode("utf-8-sig")
    assert "b_cells_blood" in table
    assert json.loads(saved("JSON"))
    assert saved("PNG").startswith(b"\x89PNG")
    picture = saved("SVG").decode()
    assert ET.fromstring(picture).tag.endswith("svg")
    assert "For research, not for treatment decisions" in picture
    report = saved("Report").decode()
    assert report.startswith("<!DOCTYPE html>")
    assert "treatment decisions" in report


def test_a_refusal_is_told_in_the_server_s_words(open_page: Open):
    page = open_page(ONE)
    page.get_by_label("Regimen A: product").select_option("written")
    page.get_by_label("Regimen A in words").fill("HN2301 four milligrams")
    with page.expect_response(lambda found: "/explore" in found.url and 400 <= found.status < 500):
        page.get_by_label("Regimen A in words").blur()
    page.wait_for_selector("#sentences .problem")
    assert len(page.locator("#sentences .problem").inner_text()) > 10


def test_modules_by_themselves(open_page: Open):
    page = open_page("/evidence")
    for code, wanted in (
        ("(await import('/static/numbers.js')).number(0.000123, 2)", "1.2×10⁻⁴"),
        ("(await import('/static/numbers.js')).number(1e6, 3)", "1×10⁶"),
        ("(await import('/static/numbers.js')).number(1234.6, 2)", "1235"),
        ("(await import('/static/numbers.js')).percent(0.002)", "<1 %"),
        ("(await import('/static/numbers.js')).percent(0.999)", ">99 %"),
        ("(await import('/static/numbers.js')).ladder(0.25, 12).includes(4)", True),
        (EMPTY_RANGE, [0, 1]),
        ("(await import('/static/charts.js')).nearest([0, 1, 5, 9], 4)", 2),
    ):
        assert page.evaluate(f"(async () => {code})()") == wanted, code
