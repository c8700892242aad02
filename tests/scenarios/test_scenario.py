from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivocart.ground.errors import InputError
from vivocart.scenarios.scenario import Scenario, parse_arm, read_scenario, scenario_from


def test_yaml_round_trip(tmp_path: Path):
    asked = scenario_from(
        {"arms": [{"regimen": "HN2301 4 mg x 3 every 3 d", "label": "high"}], "n_patients": 50, "seed": 3},
        where="test",
    )
    path = tmp_path / "scenario.yaml"
    path.write_text(asked.to_yaml(), encoding="utf-8")
    assert read_scenario(path) == asked


@given(
    st.integers(1, 10**6),
    st.integers(0, 2**60),
    st.floats(0.1, 1000),
    st.lists(st.floats(0.5, 30), unique=True).map(sorted),
)
def test_every_scenario_survives_yaml(n: int, seed: int, days: float, intervals: list[float]):
    import yaml

    asked = Scenario(study="hn2301", n_patients=n, seed=seed, days=days, intervals=tuple(intervals))
    assert scenario_from(yaml.safe_load(asked.to_yaml()), where="test") == asked


def test_an_arm_with_and_without_a_name():
    assert parse_arm("HN2301 4 mg x 3 every 3 d").name == "HN2301 4 mg x 3 every 3 d"
    named = parse_arm("high: HN2301 4 mg x 3 every 3 d")
    assert (named.name, named.regimen) == ("high", "HN2301 4 mg x 3 every 3 d")
    assert len(named.parsed().infusions_table) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study: [hn2301", "not YAML"),
        ("- study: hn2301", "expected keys such as 'study: hn2301', found a list"),
        ("", "found an empty file"),
        ("study: hn2301\npatients: 5", "patients: unknown key (found '5'); keys: study, arms, n_patients"),
        ("study: hn2301\nn_patients: many", "n_patients: Input should be a valid integer"),
        ("study: hn2301\nn_patients: 0", "n_patients: Input should be greater than or equal to 1 (found '0')"),
        ("study: hn2301\nseed: -1", "seed: "),
        ("study: hn2301\ndays: .nan", "days: "),
        ("study: hn2301\nintervals: [3, 2]", "intervals: write the intervals in ascending order"),
        ("n_patients: 5", "name either a study or at least one arm"),
        ("study: hn2301\narms: [{regimen: HN2301 4 mg}]", "name either a study or at least one arm"),
        ("arms: [{label: x}]", "arms[0].regimen: is missing; expected: regimen as a sentence"),
        ("arms: [{regimen: HN2301 4 mg, dose: 3}]", "arms[0].dose: unknown key (found '3'); keys: regimen, label"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_with_place_and_mend(tmp_path: Path, text: str, said: str):
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_scenario(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert said in message
    assert "\n" not in message


def test_broken_yaml_names_line_and_column(tmp_path: Path):
    path = tmp_path / "scenario.yaml"
    path.write_text("study: hn2301\nseed: {1\n")
    with pytest.raises(InputError, match=r"scenario\.yaml, line \d+, column \d+: not YAML"):
        read_scenario(path)


def test_a_missing_file():
    with pytest.raises(InputError, match="no such file"):
        read_scenario(Path("nowhere.yaml"))


@pytest.mark.parametrize("text", ["", "high: ", "   "])
def test_an_arm_without_a_regimen(text: str):
    with pytest.raises(InputError, match="arm '"):
        parse_arm(text)
