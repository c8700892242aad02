"""For everybody: keyboard only, names, contrast in light and dark, reduced motion, no net."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
ONE = "/#a=HN2301,4,3,3&a=HN2301,2,3,3&n=50&d=90"
FOCUSED = """(() => {
    const element = document.activeElement;
    return (element.getAttribute('aria-label') || element.textContent || element.id).trim().slice(0, 60);
})()"""
UNNAMED = """[...document.querySelectorAll('button, select, input, textarea')]
    .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML)"""
MOVING = """[...document.querySelectorAll('main *')].filter(e => {
    const style = getComputedStyle(e);
    return style.animationName !== 'none' || (style.transitionDuration !== '0s' && !e.closest('.plot'));
}).length"""
Open = Callable[..., Any]


def findings(page: Any) -> list[str]:
    """Serious and critical findings of axe-core, each with its first places."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {[node['html'][:160] for node in rule['nodes'][:3]]}"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/evidence?q=lupus",
        "/evidence?in=parameters&q=c3",
        "/evidence/records/wang2025",
        "/credibility",
        "/uploads",
    ],
)
def test_no_serious_finding(open_page: Open, path: str):
    page = open_page(path)
    page.wait_for_timeout(300)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert findings(page) == [], scheme


def test_no_serious_finding_in_the_explorer_and_its_views(open_page: Open):
    page = open_page(ONE)
    assert findings(page) == []
    page.emulate_media(color_scheme="dark")
    for view, ready in (
        ("SLEDAI-2K items", "#panel-items table"),
        ("One patient", "#panel-patient table"),
        ("What this rests on", "#panel-support input"),
        ("Jobs", "#panel-jobs button"),
    ):
        page.get_by_role("tab", name=view).click()
        page.wait_for_selector(ready)
        if view == "What this rests on":
            page.get_by_label("Filter parameters").fill("c3")  # ten rows are judged as all are
        assert findings(page) == [], view


def test_no_serious_finding_on_a_phone_and_in_the_dialogue(open_page: Open):
    page = open_page(ONE, width=390, height=844, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Patients, comparison").click()
    assert findings(page) == []
    page.locator("td.published button").first.click()
    page.locator("#trail .facts").wait_for()
    assert findings(page) == []


def test_by_keyboard_alone(open_page: Open):
    page = open_page(ONE)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    reached: set[str] = set()
    for _ in range(90):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
    for wanted in (
        "Regimen A: dose in mg",
        "Remove regimen B",
        "Compare with another regimen",
        "Copy link",
        "Download",
        "SLEDAI-2K: larger",
        "Endpoints",
    ):
        assert wanted in reached, f"{wanted} was not reached by Tab"
    page.get_by_role("tab", name="Endpoints").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-items"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.id") == "tab-jobs"
    page.keyboard.press("Home")
    mark = page.locator("td.published button").first
    mark.focus()
    page.keyboard.press("Enter")
    page.locator("#trail[open]").wait_for()
    page.keyboard.press("Escape")
    assert page.locator("#trail[open]").count() == 0
    assert mark.evaluate("element => element === document.activeElement"), "focus comes back to where it was"
    page.locator("#download-menu > summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("[data-download=csv]").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("[data-download=csv]").is_visible()


def test_what_is_heard(open_page: Open):
    page = open_page(ONE)
    page.wait_for_function("document.querySelector('#spoken').textContent.length > 20")
    assert page.locator("#spoken").get_attribute("aria-live") == "polite"
    assert page.get_by_role("img", name="B cells in blood").count() == 1
    words = page.locator("#chart-words-b_blood").text_content()
    assert "median" in words
    assert page.get_by_role("slider", name="Regimen A: dose in mg").get_attribute("aria-valuetext") == "4 mg"
    unnamed = page.evaluate(UNNAMED)
    assert unnamed == []


def test_light_dark_and_the_switch(open_page: Open):
    page = open_page(ONE, color_scheme="dark")
    color = "getComputedStyle(document.body).backgroundColor"
    line = "document.querySelector('#chart-car .tracemx0x0 .js-line').style.stroke"
    dark, dark_line = page.evaluate(color), page.evaluate(line)
    page.get_by_role("button", name="Color theme").click()
    assert page.evaluate(color) != dark
    page.wait_for_function(f"{line} !== {dark_line!r}")
    page.reload()
    page.wait_for_selector("#chart-car .scatterlayer .trace")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_reduced_motion(open_page: Open):
    page = open_page(ONE, reduced_motion="reduce")
    moving = page.evaluate(MOVING)
    assert moving == 0


def test_without_the_net(open_page: Open, server: Any):
    """Everything but this server is cut off; the page must not notice."""
    page = open_page("/evidence")
    page.route(
        "**/*",
        lambda route: route.continue_() if route.request.url.startswith(server.address) else route.abort(),
    )
    for path in (ONE, "/evidence?q=lupus", "/evidence/records/wang2025", "/credibility"):
        page.goto(f"{server.address}{path}")
    page.goto(f"{server.address}{ONE}")
    page.wait_for_selector("#chart-cytokines .scatterlayer .trace")
