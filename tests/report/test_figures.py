from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET

import pytest

from vivocart.report.curves import CURVES
from vivocart.report.drawing import Figure, infusion_words, plain_number
from vivocart.report.figures import figures
from vivocart.scenarios.result import TrialResult
from vivocart.therapies.regimen import Regimen


@pytest.fixture(scope="module")
def drawn(trial_result: TrialResult) -> tuple[Figure, ...]:
    return figures(trial_result)


def test_every_panel_is_well_formed_and_light(drawn: tuple[Figure, ...]):
    for figure in drawn:
        for panel in figure.panels:
            text = panel.svg.replace("<svg ", '<svg xmlns:xlink="http://www.w3.org/1999/xlink" ', 1)
            assert ET.fromstring(text).tag.endswith("svg")
            assert len(panel.svg) < 60_000, panel.id
            assert "date" not in panel.svg.lower()


def test_axes_have_units(drawn: tuple[Figure, ...]):
    for figure in drawn:
        curve = next((entry for entry in CURVES if entry.id == figure.id), None)
        if curve is not None:
            assert all(f"{curve.axis}, {curve.unit}" in panel.svg for panel in figure.panels)
            assert all("days after the first infusion" in panel.svg for panel in figure.panels)


def test_colors_follow_the_page(drawn: tuple[Figure, ...]):
    svg = drawn[0].panels[0].svg
    assert "var(--arm-1)" in svg
    assert set(re.findall(r"#[0-9a-f]{6}\b", svg)) <= {"#000000", "#ffffff"}


def test_both_arms_share_their_axis(drawn: tuple[Figure, ...]):
    def ticks(svg: str) -> list[str]:
        return re.findall(r">([\d.,]+)</text>", svg)

    for figure in drawn:
        if figure.id not in {"sledai", "interval"}:
            first, second = (ticks(panel.svg) for panel in figure.panels)
            assert first == second, figure.id


def test_the_words_carry_the_numbers(drawn: tuple[Figure, ...]):
    sledai = next(figure for figure in drawn if figure.id == "sledai")
    assert "day 90: median 5, 90 % of patients 2 to 8" in sledai.panels[1].description


def test_an_observable_that_was_not_kept_has_no_figure(trial_result: TrialResult):
    arms = tuple(dataclasses.replace(arm, bands=arm.bands.drop_vars("crp")) for arm in trial_result.arms)
    assert "crp" not in {figure.id for figure in figures(dataclasses.replace(trial_result, arms=arms))}


def test_an_observable_that_is_zero_throughout_has_no_figure(trial_result: TrialResult):
    bare = [arm.bands.assign(car_percent_cd8=arm.bands["car_percent_cd8"] * 0) for arm in trial_result.arms]
    arms = tuple(
        dataclasses.replace(arm, bands=bands) for arm, bands in zip(trial_result.arms, bare, strict=True)
    )
    assert "car" not in {figure.id for figure in figures(dataclasses.replace(trial_result, arms=arms))}


def test_many_infusions_are_shortened(trial_result: TrialResult):
    regimen = Regimen("HN2301", dose_mg=1, infusions=9, interval_days=2)
    arm = dataclasses.replace(trial_result.arms[0], regimen=regimen)
    assert infusion_words(arm) == "infusions on days 0, 2, 4, 6 and … 16"
    once = dataclasses.replace(
        trial_result.arms[0], regimen=Regimen("HN2301", dose_mg=1, infusions=1, interval_days=2)
    )
    assert infusion_words(once) == "infusion on day 0"


def test_ticks_have_no_exponent():
    assert [plain_number(value) for value in (0.1, 1.0, 1000.0)] == ["0.1", "1", "1,000"]


def test_a_panel_shows_nothing_of_the_one_before_it(trial_result: TrialResult):
    arm = trial_result.arms[0]
    for figure in figures(dataclasses.replace(trial_result, arms=(arm, arm))):
        if figure.id != "interval":
            first, second = (panel.svg for panel in figure.panels)
            as_second = first.replace(f"{figure.id}-1", f"{figure.id}-2").replace("--arm-1", "--arm-2")
            by_color = r"-[mp][0-9a-f]{10}"  # names of marks and clips, of which color is a part
            assert re.sub(by_color, "", as_second) == re.sub(by_color, "", second), figure.id
