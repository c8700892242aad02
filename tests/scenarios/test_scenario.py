from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivocart.ground.errors import InputError
from vivocart.ground.tables import parse_document
from vivocart.scenarios.scenario import ArmRequest, Scenario, parse_arm, read_scenario
from vivocart.trials.protocol import load_study


def test_yaml_round_trip(tmp_path: Path):
    arm = ArmRequest(regimen="HN2301 4 mg x 3 every 3 d", label="high")
    asked = Scenario(arms=(arm,), n_patients=50, seed=3)
    path = tmp_path / "scenario.yaml"
    path.write_text(asked.to_yaml(), encoding="utf-8")
    assert read_scenario(path) == asked


@given(
    st.integers(1, 10**6),
    st.integers(0, 2**60),
    st.lists(st.floats(0.5, 30), unique=True).map(sorted),
)
def test_every_scenario_survives_yaml(n: int, seed: int, intervals: list[float]):
    asked = Scenario(study="hn2301", n_patients=n, seed=seed, intervals=tuple(intervals))
    assert parse_document(asked.to_yaml(), Scenario, name="test") == asked


def test_an_arm_with_and_without_a_name():
    assert parse_arm("HN2301 4 mg x 3 every 3 d").name == "HN2301 4 mg x 3 every 3 d"
    named = parse_arm("high: HN2301 4 mg x 3 every 3 d")
    assert (named.name, named.regimen) == ("high", "HN2301 4 mg x 3 every 3 d")
    assert len(named.parsed().infusions_table) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study: [hn2301", "not YAML"),
        ("study: hn2301\nseed: {1\n", "scenario.yaml, line 3"),
        ("- study: hn2301", "the file holds no keys; it needs: study, arms"),
        ("", "the file holds no keys"),
        ("study: hn2301\npatients: 5", "patients: unknown key; known keys: study, arms, n_patients"),
        ("study: hn2301\nn_patients: many", "n_patients: Input should be a valid integer"),
        (
            "study: hn2301\nn_patients: 0",
            "n_patients: Input should be greater than or equal to 1 (found '0')",
        ),
        ("study: hn2301\nseed: -1", "seed: "),
        ("study: hn2301\ndays: .nan", "days: "),
        ("study: hn2301\ndays: 90", "days: a study's protocol says it; take the key out"),
        ("arms: [{regimen: HN2301 4 mg}]\ninterval_days: 3", "interval_days: the regimen's sentence says it"),
        ("study: hn2301\nintervals: [3, 2]", "intervals: write the intervals in ascending order"),
        ("n_patients: 5", "name either a study or at least one arm"),
        ("study: hn2301\narms: [{regimen: HN2301 4 mg}]", "name either a study or at least one arm"),
        ("arms: [{label: x}]", "arms[0].regimen: missing"),
        ("arms: [{regimen: HN2301 4 mg, dose: 3}]", "arms[0].dose: unknown key"),
        ("arms: [{regimen: a}, {regimen: a}]", "two arms bear the same name"),
    ],
)
def test_a_wrong_file_is_named_with_place_and_mend(tmp_path: Path, text: str, said: str):
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_scenario(path)
    message = str(caught.value)
    assert "scenario.yaml" in message
    assert said in message
    assert "\n" not in message


def test_a_missing_file():
    with pytest.raises(InputError, match="no such file"):
        read_scenario(Path("nowhere.yaml"))


@pytest.mark.parametrize("text", ["", "high: ", "   "])
def test_an_arm_without_a_regimen(text: str):
    with pytest.raises(InputError, match="arm '"):
        parse_arm(text)


def test_intervals_of_a_scenario_replace_those_of_the_study():
    study = Scenario(study="hn2301", interval_days=2, intervals=(1, 4)).protocol()
    assert study.interval_scenarios_days == (1, 2, 4)
    assert study.default_interval_days == 2
    assert Scenario(study="hn2301").protocol() == load_study("hn2301")
    with pytest.raises(InputError, match="intervals: LUNAR fixes its interval"):
        Scenario(study="lunar", intervals=(1, 2)).protocol()
