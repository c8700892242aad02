"""Pages and static files by themselves, without a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vivocart.web
from vivocart.ground.errors import UnknownNameError
from vivocart.web.pages import PAGES, render_page, render_record_page, static_file

STATIC = Path(vivocart.web.__file__).parent / "static"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.id)
def test_every_page_names_every_page_and_its_purpose(page):
    text = render_page(page.id)
    assert "For research, not for treatment decisions" in text
    for other in PAGES:
        assert f'href="{other.path}"' in text
    assert text.count('aria-current="page"') == 1
    assert f"/static/{page.id}.js" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.id)
def test_what_a_page_loads_is_there_and_ours(page):
    for address in re.findall(r'(?:src|href)="([^"]+\.(?:js|css|svg))"', render_page(page.id)):
        assert address.startswith("/static/")
        assert static_file(address.removeprefix("/static/")) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.id)
def test_no_script_and_no_style_stands_in_a_page(page):
    text = render_page(page.id) + render_record_page("wang2025")
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"\son[a-z]+=|<style|\sstyle=", text)


def test_modules_import_only_what_is_there():
    for module in STATIC.glob("*.js"):
        for name in re.findall(r'from "\./([\w.]+)"', module.read_text(encoding="utf-8")):
            assert (STATIC / name).is_file(), f"{module.name} imports {name}"


def test_modules_set_text_and_never_markup():
    for module in STATIC.glob("*.js"):
        text = module.read_text(encoding="utf-8")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
        )
        assert not re.search(r"https?://(?!www\.w3\.org)", text), f"{module.name} names another server"


@pytest.mark.parametrize(
    "name", ["../pages.py", "..%2fpages.py", "a/b.js", "", "pages.py", "nothing.js", "/etc/passwd"]
)
def test_nothing_else_is_a_static_file(name: str):
    assert static_file(name) is None


def test_generated_files():
    theme = static_file("theme.css")
    assert theme is not None
    assert "[data-theme=dark]" in theme.body.decode()
    assert static_file("plotly.min.js") is not None


def test_an_unknown_page_or_record_is_answered_with_near_ones():
    with pytest.raises(UnknownNameError, match="explorer"):
        render_page("explore")
    with pytest.raises(UnknownNameError, match="wang2025"):
        render_record_page("wang2024")
