"""Pages and static files of the explorer: what the browser reads, made without a build step.

A page is one row of :data:`PAGES`, one template and one module of the same name; a page that joins later touches no other.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, final

import jinja2

from vivocart.ground.errors import UnknownNameError
from vivocart.ground.provenance import current_versions
from vivocart.report.palette import switchable_theme_css
from vivocart.report.record_page import DISCLAIMER, card_parts, environment, record_view

if TYPE_CHECKING:
    import pandas as pd

_STATIC = files("vivocart.web") / "static"
_TEMPLATES = files("vivocart.web") / "templates"
_CARDS = files("vivocart.report") / "templates"
_FILE_NAME = re.compile(r"[a-z][a-z0-9_]*\.(js|css|svg)")
_MEDIA_TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that the navigation names: its template is ``<id>.html.j2``, its script ``<id>.js``."""

    id: str
    path: str
    title: str
    about: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """A file as it goes to the browser."""

    body: bytes
    media_type: str


PAGES = (
    Page(id="explorer", path="/", title="Explorer", about="Turn a therapy by hand in virtual patients"),
    Page(id="evidence", path="/evidence", title="Evidence", about="The records behind the numbers"),
    Page(
        id="credibility", path="/credibility", title="Credibility", about="How far the model can be believed"
    ),
    Page(id="uploads", path="/uploads", title="Your data", about="Your own patients, studies and models"),
)


def render_page(page_id: str) -> str:
    """The HTML text of a page of the navigation.

    Raises
    ------
    UnknownNameError
        No page has that id; the message names those there are.
    """
    for page in PAGES:
        if page.id == page_id:
            return _environment().get_template(f"{page.id}.html.j2").render(page=page, **_shared())
    raise UnknownNameError("page", page_id, [page.id for page in PAGES])


def render_record_page(name: str, *, is_simulated: bool = False) -> str:
    """The HTML text of one record's page: what its static form shows, inside the site's navigation.

    Parameters
    ----------
    name
        The record's id, PMID or DOI.
    is_simulated
        Simulate how far the predictions move with the record's parameters; takes seconds the first time.

    Raises
    ------
    UnknownNameError
        The library has no such record; the message names near ones.
    """
    from vivocart.scenarios.what_if import without_record

    used = without_record(name)
    shifts = _shifts(tuple(used.parameter_ids)) if is_simulated and used.parameter_ids else None
    page = next(page for page in PAGES if page.id == "evidence")
    view = record_view(used.record, used, shifts)
    return _environment().get_template("record.html.j2").render(page=page, view=view, **_shared())


def static_file(name: str) -> StaticFile | None:
    """A file below ``/static/``, or nothing if no file has that name.

    Parameters
    ----------
    name
        A plain file name; anything with a path in it has no file.
    """
    if name == "plotly.min.js":
        return StaticFile(body=_plotly(), media_type=_MEDIA_TYPES["js"])
    if _FILE_NAME.fullmatch(name) is None:
        return None
    media_type = _MEDIA_TYPES[name.rsplit(".", 1)[1]]
    generated = _generated()
    if name in generated:
        return StaticFile(body=generated[name].encode(), media_type=media_type)
    place = _STATIC / name
    return StaticFile(body=place.read_bytes(), media_type=media_type) if place.is_file() else None


@functools.lru_cache(maxsize=64)
def _shifts(parameter_ids: tuple[str, ...]) -> pd.DataFrame:
    from vivocart.scenarios.what_if import sensitivity

    return sensitivity(parameter_ids)


def _shared() -> dict[str, object]:
    return {"pages": PAGES, "disclaimer": DISCLAIMER, "version": current_versions()["vivocart"]}


def _generated() -> dict[str, str]:
    """Files that stand elsewhere in the package: the palette as CSS, style and script of a record's card."""
    parts = card_parts()
    return {
        "theme.css": switchable_theme_css(),
        "record.css": parts["card_css"],
        "record.js": parts["card_script"],
    }


@functools.cache
def _plotly() -> bytes:
    """Plotly.js as the installed package carries it; importing plotly itself would take a second."""
    return (importlib.resources.files("plotly") / "package_data" / "plotly.min.js").read_bytes()


def _template_text(name: str) -> str | None:
    for folder in (_TEMPLATES, _CARDS):
        place = folder / name
        if place.is_file():
            return place.read_text(encoding="utf-8")
    return None


@functools.cache
def _environment() -> jinja2.Environment:
    return environment(_template_text)
