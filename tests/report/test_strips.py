from __future__ import annotations

import dataclasses
import re

from vivocart.report.strips import strip_svg
from vivocart.scenarios.result import TrialResult


def _rectangles(svg: str) -> dict[str, tuple[float, float]]:
    found = re.findall(r'<rect x="([\d.]+)" [^>]*width="([\d.]+)" [^>]*class="(\w+)"', svg)
    return {name: (float(left), float(left) + float(width)) for left, width, name in found}


def test_bars_lie_as_their_numbers_do(trial_result: TrialResult):
    row = trial_result.comparison[0]
    svg = str(strip_svg(row))
    bars = _rectangles(svg)
    assert bars["wide"][0] < bars["narrow"][0] < bars["narrow"][1] < bars["wide"][1]
    (x,) = (
        float(value) for value in re.findall(r'M[\d.]+ [\d.]+ L([\d.]+) [\d.]+ [^"]*" class="observed"', svg)
    )
    assert bars["narrow"][0] < x < bars["narrow"][1]


def test_a_range_has_two_diamonds_and_a_line(trial_result: TrialResult):
    svg = str(strip_svg(trial_result.comparison[1]))
    assert svg.count('class="observed"') == 2
    assert 'class="range"' in svg


def test_all_numbers_equal(trial_result: TrialResult):
    row = dataclasses.replace(
        trial_result.comparison[3], low90_uncertain=0.0, high90_uncertain=0.0, observed_value=0.0
    )
    assert 'class="observed"' in strip_svg(row)


def test_no_number_no_drawing(trial_result: TrialResult):
    row = dataclasses.replace(trial_result.comparison[0], predicted_median=float("inf"))
    assert strip_svg(row) == ""
