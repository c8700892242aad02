"""The model analysis report: in the order of the checklist, and no item filled with words alone."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pandas as pd
import pytest

from vivocart.ground.errors import InputError
from vivocart.report.analysis_blocks import BLOCKS, Block
from vivocart.report.model_analysis import (
    AnalysisContext,
    analysis_context,
    checklist,
    filled_items,
    item_counts,
    model_analysis_summary,
    render_model_analysis,
    write_model_analysis,
)
from vivocart.scenarios.model_analysis import ModelAnalysis, run_model_analysis


@pytest.fixture(scope="module")
def analysis() -> ModelAnalysis:
    return run_model_analysis("hn2301", analysis_context().endpoints, draws="prior", n_cohorts=2)


@pytest.fixture(scope="module")
def context() -> AnalysisContext:
    return analysis_context()


def test_items_stand_in_the_order_of_the_frameworks():
    frameworks = list(dict.fromkeys(item.framework for item in checklist().items))
    assert frameworks[:3] == ["ICH M15", "ASME V&V 40", "UK QSP 2019"]
    titles = [item.title for item in checklist().items]
    assert titles[:4] == [
        "Question of interest",
        "Context of use",
        "Model influence",
        "Consequence of a wrong decision",
    ]
    assert len(titles) == 31


def test_every_block_and_source_that_an_item_names_exists():
    for item in checklist().items:
        assert item.source in checklist().sources
        for name in item.shows:
            kind, _, rest = name.partition(":")
            if kind == "checks":
                assert set(rest.split(",")) <= set(checklist().limits)
            elif kind != "rating":
                assert name in BLOCKS


def test_no_item_is_filled_with_words_alone(analysis: ModelAnalysis, context: AnalysisContext):
    for entry in filled_items(analysis, context):
        if entry.state in ("filled", "in part"):
            computed = [block for block in entry.blocks if block.computed]
            text = " ".join(cell for block in computed for cell in (*block.lines, *sum(block.rows, ())))
            assert re.search(r"\d", text), entry.item.title
        else:
            assert entry.open, entry.item.title


def test_all_parameters_stand_in_it_and_what_a_fit_learned(analysis: ModelAnalysis, context: AnalysisContext):
    page = render_model_analysis(analysis, context)
    assert all(f'<th scope="row">{name}</th>' in page for name in analysis.parameters)
    assert analysis.learned is None and "share of the prior variance that is gone" not in page
    row = {
        "part": "typical",
        "parameter": "car_loss",
        "contraction": 0.42,
        "shift": -0.7,
        "median": 1.4,
        "q05": 1.0,
    }
    learned = pd.DataFrame([row | {"q95": 2.0, "informed": True}, row | {"q95": 2.0, "informed": False}])
    fitted = dataclasses.replace(analysis, learned=learned)
    block = BLOCKS["identifiability"](fitted)
    assert "1 of 2 unknowns" in block.lines[0]
    assert block.rows == (("car_loss", "typical value", "42 %", "-0.7", "1.4 (1 to 2)"),)


def test_its_command_names_all_that_its_numbers_hang_on(analysis: ModelAnalysis):
    assert analysis.command == "vivocart report credibility hn2301 --cohorts 2 --seed 1 --draws prior"


def test_words_of_a_block_are_no_result():
    assert not Block(lines=("as 3 experts said",), computed=False).has_results
    assert not Block(lines=("it works",)).has_results
    assert Block(lines=("3 of 4",)).has_results


def test_what_only_a_user_can_say_stays_open_until_it_is_said(
    analysis: ModelAnalysis, context: AnalysisContext, tmp_path: Path
):
    states = {entry.item.title: entry.state for entry in filled_items(analysis, context)}
    assert states["Consequence of a wrong decision"] == "open"
    assert states["Model risk"] == "open"
    path = tmp_path / "context.yaml"
    path.write_text(
        "question: Which dose?\ncontext_of_use: Planning.\nendpoints: [sledai_d90]\n"
        "model_influence: {rating: low, rationale: trial data decide}\n"
        "decision_consequence: {rating: high, rationale: patients may be harmed}\n",
        encoding="utf-8",
    )
    said = {entry.item.title: entry for entry in filled_items(analysis, analysis_context(path))}
    assert said["Consequence of a wrong decision"].state == "stated"
    assert "Influence low, consequence high" in said["Model risk"].blocks[0].lines[0]
    assert said["Model influence"].state == "filled"
    assert said["Model impact"].state == "open"


def test_a_check_that_misses_its_limit_is_said(analysis: ModelAnalysis, context: AnalysisContext):
    worse = dataclasses.replace(
        analysis,
        checks=tuple(
            dataclasses.replace(check, value=0.5) if check.id == "other_solver" else check
            for check in analysis.checks
        ),
    )
    page = render_model_analysis(worse, context)
    assert "FAILED" in page
    summary = model_analysis_summary(worse, context)
    assert [check["passed"] for check in summary["checks"] if check["id"] == "other_solver"] == [False]


def test_the_checks_of_the_shipped_model_pass(analysis: ModelAnalysis):
    assert {check.id for check in analysis.checks} == set(checklist().limits)
    for check in analysis.checks:
        assert check.value <= checklist().limits[check.id], check


def test_the_page_opens_offline_and_says_what_it_is(
    analysis: ModelAnalysis, context: AnalysisContext, tmp_path: Path
):
    write_model_analysis(analysis, context, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for words in (
        "For research, not for treatment decisions",
        "OPEN",
        "Model risk",
        "no statement of compliance",
    ):
        assert words in page
    assert "<script" not in page and 'src="http' not in page
    assert page == render_model_analysis(analysis, context)
    counts = item_counts(filled_items(analysis, context))
    assert sum(counts.values()) == 31
    assert counts["open"] >= 3


def test_a_context_with_a_wrong_key_is_refused(tmp_path: Path):
    path = tmp_path / "context.yaml"
    path.write_text("question: Which?\ncontext_of_use: Use.\nendpoint: [sledai_d90]\n", encoding="utf-8")
    with pytest.raises(InputError, match="endpoints"):
        analysis_context(path)
