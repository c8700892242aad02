"""The model analysis report: every item that a framework asks for, filled from results or marked open."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, final

from pydantic import Field

from vivocart.ground.errors import InputError
from vivocart.ground.tables import Document, read_document
from vivocart.report.analysis_blocks import BLOCKS, Block, check_block, rating_block
from vivocart.report.credibility_table import RESEARCH, credibility_parts, credibility_summary
from vivocart.report.palette import theme_css
from vivocart.report.record_page import environment, read_template
from vivocart.scenarios.files import replace_folder
from vivocart.scenarios.model_analysis import ModelAnalysis
from vivocart.scenarios.summary import records, to_json

_RATING = "rating:"

FILES = ("credibility.json", "report.html")
"""Names of the files, in alphabetical order."""


@final
class Rating(Document):
    """What only a user can say: how large something is, and why."""

    rating: str = Field(min_length=1)
    rationale: str = Field(min_length=1)


@final
class AnalysisContext(Document):
    """Question and context of use of an analysis, and what whoever decides says of it; unsaid stays open."""

    question: str = Field(min_length=1)
    context_of_use: str = Field(min_length=1)
    endpoints: tuple[str, ...] = Field(min_length=1)
    model_influence: Rating | None = None
    decision_consequence: Rating | None = None
    model_impact: Rating | None = None


@final
class _Source(Document):
    read: str
    urls: tuple[str, ...] = Field(min_length=1)


@final
class ChecklistItem(Document):
    """One item of a framework: what it asks for, the blocks of results that fill it, and what stays open."""

    framework: str
    section: str
    title: str
    asks: str
    source: str
    shows: tuple[str, ...] = ()
    open: str = ""


@final
class Checklist(Document):
    """``credibility.yaml``: items in their order, the limits of checks, the usual question, sources."""

    limits: Mapping[str, float]
    context: AnalysisContext
    sources: Mapping[str, _Source]
    items: tuple[ChecklistItem, ...] = Field(min_length=1)


STATES = ("filled", "in part", "stated", "open")
"""Filled from results; results and something open; stated by the user without a result of this run; open."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FilledItem:
    """An item with its results, its state (one of :data:`STATES`), and what is open in it."""

    item: ChecklistItem
    blocks: tuple[Block, ...]
    state: str
    open: str


@functools.cache
def checklist() -> Checklist:
    """The shipped checklist."""
    return read_document(files("vivocart.report") / "credibility.yaml", Checklist)


def analysis_context(path: Path | None = None) -> AnalysisContext:
    """The usual question and context of use, or those of a YAML file.

    Raises
    ------
    InputError
        If the file is malformed: place, value and mend are named.
    """
    return checklist().context if path is None else read_document(path, AnalysisContext)


def filled_items(analysis: ModelAnalysis, context: AnalysisContext) -> tuple[FilledItem, ...]:
    """Every item of the checklist, in order; one whose blocks hold no number of this analysis stays open."""
    return tuple(_filled(item, analysis, context) for item in checklist().items)


def _filled(item: ChecklistItem, analysis: ModelAnalysis, context: AnalysisContext) -> FilledItem:
    found = {name: _block(name, analysis, context) for name in item.shows}
    blocks = tuple(block for block in found.values() if block is not None and block.lines)
    is_stated = any(name.startswith(_RATING) and block is not None for name, block in found.items())
    left = "" if is_stated else item.open
    if any(block.has_results for block in blocks):
        state = "in part" if left else "filled"
    else:
        state = "stated" if is_stated else "open"
    return FilledItem(item=item, blocks=blocks, state=state, open=left)


def _block(name: str, analysis: ModelAnalysis, context: AnalysisContext) -> Block | None:
    kind, _, rest = name.partition(":")
    if kind == "checks":
        return check_block(analysis, checklist().limits, rest.split(","))
    if name.startswith(_RATING):
        rating = _rating(rest, context)
        return None if rating is None else rating_block(rating.rating, rating.rationale)
    makers: Mapping[str, Callable[..., Block]] = BLOCKS
    if name not in makers:
        raise InputError(
            f"no block '{name}'", where="credibility.yaml", mend=f"use {', '.join(sorted(makers))}"
        )
    return makers[name](analysis, context.question, context.context_of_use, checklist().limits)


def _rating(name: str, context: AnalysisContext) -> Rating | None:
    """What the user stated; the risk is made of influence and consequence."""
    if name != "model_risk":
        found: Rating | None = getattr(context, name)
        return found
    influence, consequence = context.model_influence, context.decision_consequence
    if influence is None or consequence is None:
        return None
    return Rating(
        rating=f"Influence {influence.rating}, consequence {consequence.rating}",
        rationale="the larger of the two decides how much evidence is needed",
    )


def write_model_analysis(analysis: ModelAnalysis, context: AnalysisContext, folder: Path) -> None:
    """Write page and JSON into ``folder``: both new and whole, or none changed.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full.
    """
    page = render_model_analysis(analysis, context)
    with replace_folder(folder) as staging:
        (staging / "credibility.json").write_text(
            to_json(model_analysis_summary(analysis, context)), encoding="utf-8"
        )
        (staging / "report.html").write_text(page, encoding="utf-8")


def render_model_analysis(analysis: ModelAnalysis, context: AnalysisContext) -> str:
    """The page; the same analysis gives the same bytes."""
    items = filled_items(analysis, context)
    return (
        environment()
        .get_template("model_analysis.html.j2")
        .render(
            analysis=analysis,
            context=context,
            css=read_template("trial.css"),
            theme=theme_css(),
            research=RESEARCH,
            items=items,
            groups=_groups(items),
            counts=item_counts(items),
            sources=checklist().sources,
            command=analysis.command,
            **credibility_parts(analysis.credibility),
        )
    )


def item_counts(items: tuple[FilledItem, ...]) -> dict[str, int]:
    """Number of items in each of :data:`STATES`."""
    states = [item.state for item in items]
    return {state: states.count(state) for state in STATES}


def _groups(items: tuple[FilledItem, ...]) -> list[tuple[str, list[tuple[int, FilledItem]]]]:
    groups: dict[str, list[tuple[int, FilledItem]]] = {}
    for number, item in enumerate(items, start=1):
        groups.setdefault(item.item.framework, []).append((number, item))
    return list(groups.items())


def model_analysis_summary(analysis: ModelAnalysis, context: AnalysisContext) -> dict[str, Any]:
    """All of the report as plain data."""
    limits = checklist().limits
    items = filled_items(analysis, context)
    return {
        "purpose": "for research, not for treatment decisions",
        "study": analysis.study.id,
        "question": context.question,
        "context_of_use": context.context_of_use,
        "items": [
            {
                "framework": item.item.framework,
                "section": item.item.section,
                "title": item.item.title,
                "asks": item.item.asks,
                "state": item.state,
                "open": item.open,
                "results": [line for block in item.blocks for line in block.lines],
            }
            for item in items
        ],
        "counts": item_counts(items),
        "checks": [
            {
                "id": check.id,
                "title": check.title,
                "value": check.value,
                "limit": limits.get(check.id),
                "passed": check.id in limits and check.value <= limits[check.id],
                "meaning": check.meaning,
            }
            for check in analysis.checks
        ],
        "answers": [
            {name: getattr(answer, name) for name in type(answer).__dataclass_fields__}
            for answer in analysis.answers
        ],
        "mechanisms": records(analysis.mechanisms),
        "assumptions": records(analysis.weights),
        "sensitivity": records(analysis.sensitivity.indices),
        "validation": credibility_summary(analysis.credibility),
        "command": analysis.command,
        "provenance": analysis.provenance.as_dict(),
    }
