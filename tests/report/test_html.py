from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from vivocart.report.html import DISCLAIMER, render_report
from vivocart.scenarios.result import TrialResult

_VOID = {"wbr", "meta", "br", "hr", "img", "input", "link", "use", "path", "rect", "line", "circle"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.targets: list[str] = []
        self.text: list[str] = []
        self.unnamed_images = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in _VOID:
            self.open.append(tag)
        if "id" in found:
            self.ids.append(str(found["id"]))
        if tag in {"link", "img", "iframe", "object", "embed", "image"} or (
            tag == "script" and "src" in found
        ):
            self.loads.append(tag)
        if tag == "a" and str(found.get("href", "")).startswith("#"):
            self.targets.append(str(found["href"])[1:])
        if found.get("role") == "img" and not found.get("aria-label"):
            self.unnamed_images += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.text.append(data)


@pytest.fixture(scope="module")
def page(trial_result: TrialResult) -> str:
    return render_report(trial_result)


@pytest.fixture(scope="module")
def read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader


@pytest.fixture(scope="module")
def text(read: _Reader) -> str:
    return " ".join(" ".join(read.text).split())


def test_the_page_is_one_file(page: str, read: _Reader):
    assert not read.loads
    assert not re.search(r"url\((?!#)", page)
    assert "@import" not in page
    assert not re.search(r'\bsrc=|xlink:href="(?!#)', page)


def test_tags_close_and_ids_are_unique(read: _Reader):
    assert not read.open
    assert len(read.ids) == len(set(read.ids))


def test_links_within_the_page_arrive(read: _Reader):
    assert read.targets
    assert set(read.targets) <= set(read.ids)


def test_references_inside_drawings_arrive(page: str, read: _Reader):
    pointed = set(re.findall(r"url\(#([^)]+)\)", page)) | set(re.findall(r'xlink:href="#([^"]+)"', page))
    assert pointed <= set(read.ids)


def test_the_disclaimer_stands_on_top_below_and_on_every_printed_page(page: str, text: str):
    assert text.count(DISCLAIMER) >= 2
    assert text.index(DISCLAIMER) < text.index("At a glance")
    assert re.search(r"@page\s*{[^}]*@bottom-left\s*{[^}]*" + re.escape(DISCLAIMER), page)


def test_every_comparison_row_is_shown(trial_result: TrialResult, page: str, text: str):
    for row in trial_result.comparison:
        assert f'id="observation-{row.observation_id}"' in page
        for words in (row.label, row.observed_text, f"trust: {row.trust}", row.citation):
            assert words in text, words
    assert text.count("inside") > text.count("outside") > 0


def test_a_statement_that_the_model_cannot_show_keeps_its_row(trial_result: TrialResult):
    nan = float("nan")
    lost = dataclasses.replace(
        trial_result.comparison[0], observation_id="lost", label="Neurotoxicity", measure="", predicted_median=nan,
        low90=nan, high90=nan, low90_uncertain=nan, high90_uncertain=nan, is_inside=False,
    )  # fmt: skip
    page = render_report(dataclasses.replace(trial_result, comparison=(*trial_result.comparison, lost)))
    assert "Neurotoxicity" in page
    assert "not in the model" in page
    assert "Of 5 published observations that the model can show <b>4</b>" in page


def test_figures_are_there_and_named(read: _Reader, page: str, trial_result: TrialResult):
    assert read.unnamed_images == 0
    for figure in (
        "car",
        "b-blood",
        "b-tissue",
        "autoantibody",
        "c3",
        "sledai",
        "upcr",
        "il6",
        "crp",
        "interval",
        "crs",
    ):
        assert f'id="figure-{figure}"' in page
    assert page.count('class="panel"') >= 9 * len(trial_result.arms)
    assert text_in_drawings(page).count("infusions on days 0, 3 and 6; interval 3 d is a scenario") >= 18


def text_in_drawings(page: str) -> str:
    return " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", page))


def test_the_interval_is_called_a_scenario(text: str):
    assert "the dosing interval is a scenario, not a published number" in text


def test_no_word_promises_more_than_was_done(text: str):
    assert not re.search(r"\b(fit|fits|fitted|fitting|validat\w*|prove[nds]*)\b", text, flags=re.IGNORECASE)


def test_the_heaviest_assumptions_are_listed_by_name(trial_result: TrialResult, page: str, text: str):
    table = trial_result.assumptions
    chosen = table[table["kind"].isin(["assumed", "scenario"])].nlargest(12, "weight")
    for name in chosen["parameter_id"]:
        assert name.replace("_", "_<wbr>") in page
    assert "8 of 40" in text
    assert "16 of 40" in text


def test_items_add_up_in_the_example(trial_result: TrialResult, page: str):
    items = trial_result.example_patient.items
    first = int(items[(items["day"] == 0.0) & items["present"]]["weight"].sum())
    assert re.search(rf'SLEDAI-2K</th><td class="cell"[^>]*>{first}</td>', page)


def test_failures_are_shown(trial_result: TrialResult):
    failed = pd.DataFrame(
        [
            {
                "patient": 7,
                "time_days": 12.5,
                "state": "il6",
                "reason": "step limit reached",
                "advice": "loosen rtol",
            }
        ]
    )
    arm = dataclasses.replace(trial_result.arms[0], failures=failed)
    page = render_report(dataclasses.replace(trial_result, arms=(arm, trial_result.arms[1])))
    assert "could not be integrated" in page
    assert "step limit reached" in page
    assert "399 virtual patients" in page


def test_what_is_read_from_files_is_escaped(trial_result: TrialResult):
    row = dataclasses.replace(
        trial_result.comparison[0], note="<script>alert(1)</script>", label="a < b **c**"
    )
    page = render_report(dataclasses.replace(trial_result, comparison=(row,)))
    assert "<script>alert" not in page
    assert "a &lt; b" in page


def test_a_result_without_comparison_intervals_or_example(trial_result: TrialResult):
    bare = dataclasses.replace(
        trial_result,
        comparison=(),
        intervals=trial_result.intervals.iloc[:0],
        example_patient=None,
        references=(),
    )
    page = render_report(bare)
    assert "No published observation belongs to these arms." in page
    assert "One interval was simulated: 3 days." in page


def test_the_same_result_gives_the_same_bytes(trial_result: TrialResult, page: str):
    assert render_report(trial_result) == page
