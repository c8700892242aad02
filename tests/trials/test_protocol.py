from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.trials.protocol import load_study, study_ids

TEXT = (resources.files("vivocart.trials") / "studies" / "hn2301.yaml").read_text(encoding="utf-8")


def test_the_letter_has_two_arms_and_its_interval_is_a_scenario():
    study = load_study("hn2301")
    assert [(arm.id, arm.n_patients) for arm in study.arms] == [("2 mg x 3", 2), ("4 mg x 3", 3)]
    assert study.n_patients == 5
    assert study.interval is not None
    assert not study.interval.is_published
    assert study.interval_scenarios_days == (1, 2, 3, 4, 5, 7)
    assert study.default_interval_days == 3
    assert [row.day for row in study.regimens()["4 mg x 3"].infusions_table] == [0, 3, 6]
    assert [row.day for row in study.regimens(7)["2 mg x 3"].infusions_table] == [0, 7, 14]
    assert study.visits_days == (0, 7, 14, 28, 60, 90, 180)
    assert study.follow_up_days == 180


def test_its_entry_criteria_are_those_of_the_registry():
    assert str(load_study("HN2301").entry) == (
        "age 18 to 69 a; sledai_baseline at least 6; sledai_clinical_baseline at least 4; prednisone 7.5 to 30 mg/d; "
        "lymphocytes at least 0.8 10*9/L; neutrophils at least 1.5 10*9/L; hemoglobin at least 80 g/L"
    )


def test_rescue_is_tocilizumab_and_owned_as_assumed():
    study = load_study("hn2301")
    (rescue,) = study.rescues
    assert (rescue.product, rescue.dose, rescue.threshold) == ("tocilizumab", 8, "crs_grade2_threshold")
    assert (rescue.observable, rescue.threshold) == ("cytokine_signal", "crs_grade2_threshold")
    assert (rescue.minimum_spacing_hours, rescue.maximum_count) == (8, 2)
    assert study.rescue[0].kind == "assumed"


def test_names_are_found_in_any_case_and_answered_with_the_nearest():
    assert load_study("HN2301") == load_study("hn2301")
    with pytest.raises(UnknownNameError, match="did you mean hn2301"):
        load_study("hn2310")
    with pytest.raises(UnknownNameError, match="did you mean 4 mg x 3"):
        load_study("hn2301").arm("4 mg x 33")


def test_an_interval_is_refused_where_the_study_fixes_its_own():
    assert load_study("lunar").interval_scenarios_days == ()
    with pytest.raises(InputError, match="LUNAR fixes its interval"):
        load_study("lunar").regimens(3)


def test_lunar_infusions_stand_on_its_days():
    assert [row.day for row in load_study("lunar").regimens()["rituximab"].infusions_table] == [
        0,
        14,
        167,
        181,
    ]


@pytest.mark.parametrize("name", study_ids())
def test_every_study_is_whole(name: str):
    study = load_study(name)
    assert study.record_ids
    assert any("not for treatment decisions" in line for line in study.disclaimers)
    assert set(study.regimens()) == {arm.id for arm in study.arms}
    assert max(regimen.last_infusion_day for regimen in study.regimens().values()) < study.follow_up_days


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("dose_mg: 4", "dose_mg: four", ["arms[1].dose_mg", "four"]),
        ("dose_mg: 4", "dose_mg: -4", ["arms[1].dose_mg", "-4", "positive"]),
        ("dose_mg: 4", "dose_mg: .inf", ["arms[1].dose_mg", "finite"]),
        ("dose_mg: 4", "dose_mg: yes", ["arms[1].dose_mg", "must be a number"]),
        ("dose_mg: 4", "dose_cells_per_kg: 1000000", ["arms[1].dose_cells_per_kg", "dosed in mg"]),
        ("dose_mg: 4", "milligrams: 4", ["arms[1].milligrams", "unknown key"]),
        (
            "product: HN2301\n    dose_mg: 4",
            "product: HN2031\n    dose_mg: 4",
            ["arms[1].product", "did you mean HN2301"],
        ),
        ("dose_mg: 4\n    infusions: 3", "dose_mg: 4\n    infusions: 0", ["arms[1].infusions", "1 or more"]),
        (
            "dose_mg: 4\n",
            "dose_mg: 4\n    infusion_hours: 30\n",
            ["arms[1].interval_days", "shorter than the infusion"],
        ),
        ("dose_mg: 4\n", "dose_mg: 4\n    regimen: HN2301 4 mg\n", ["arms[1]", "either a product"]),
        ("id: 4 mg x 3", "id: 2 mg x 3", ["same id"]),
        ("default_days: 3", "default_days: 6", ["interval", "not among"]),
        ("[1, 2, 3, 4, 5, 7]", "[1, 3, 2]", ["interval", "ascending"]),
        ("[0, 7, 14, 28, 60, 90, 180]", "[0, 7, 400]", ["day 400", "follow_up_days 180"]),
        ("[0, 7, 14, 28, 60, 90, 180]", "[0, 7, soon]", ["visits_days[2]", "soon"]),
        ("minimum: 18, maximum: 69", "minimum: 69, maximum: 18", ["entry_criteria[0]", "lies above"]),
        ("product: tocilizumab", "product: rituximab", ["rescue[0]", "dose"]),
        ("dose: 8", "dose: 80", ["rescue[0].dose", "1 to 16 mg/kg"]),
        ("follow_up_days: 180", "follow_up_days: 180\nsponsor: x", ["sponsor", "unknown key", "known keys"]),
        ("population:", "populace:", ["populace: unknown key", "missing here: population"]),
        ("arms:\n", "arms:\n\t- id: a\n", ["line", "not YAML"]),
    ],
)
def test_faults_are_named_by_place(tmp_path: Path, old: str, new: str, parts: list[str]):
    assert old in TEXT
    path = tmp_path / "study.yaml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load_study(path)
    message = str(caught.value)
    assert message.startswith("study.yaml")
    assert "\n" not in message
    assert [part for part in parts if part not in message] == []


def test_a_missing_interval_is_asked_for(tmp_path: Path):
    start, end = TEXT.index("interval:"), TEXT.index("arms:")
    path = tmp_path / "study.yaml"
    path.write_text(TEXT[:start] + TEXT[end:])
    with pytest.raises(InputError, match=r"arms\[0\]\.interval_days: missing"):
        load_study(path)


def test_a_taper_is_read_from_the_file(tmp_path: Path):
    rule = load_study("hn2301_taper").taper
    assert rule is not None and rule.kind == "assumed"
    taper = rule.as_taper()
    assert (taper.from_day, taper.every_days, taper.step_mg_per_day, taper.to_mg_per_day) == (28, 7, 2.5, 5)
    assert (taper.observable, taper.below, taper.step_up_mg_per_day) == ("tissue_inflammation", 0.8, 5)
    assert load_study("hn2301").taper is None
    text = (resources.files("vivocart.trials") / "studies" / "hn2301_taper.yaml").read_text(encoding="utf-8")
    path = tmp_path / "mine.yaml"
    for old, new, part in (
        ("drug: prednisone", "drug: aspirin", "prednisone"),
        ("while: {observable: tissue_inflammation, below: 0.8}\n", "", "while"),
        ("every_days: 7", "every_days: 0", "every_days"),
        ("from_day: 28", "from_day: soon", "from_day"),
    ):
        assert old in text
        path.write_text(text.replace(f"  {old}" if new == "" else old, new))
        with pytest.raises(InputError, match=part):
            load_study(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("visits_days: [0, 28, 14]\n  kind: assumed", "ascending"),
        ("visits_days: [0, 900]\n  kind: assumed", "after follow_up_days"),
        ("visits_days: [0, 14]\n  kind: measured", "measured without a record"),
        ("visits_days: [0, 14]\n  counted_ul: 0\n  kind: assumed", "counted_ul"),
    ],
)
def test_visits_of_a_study_that_do_not_go_together_are_refused(tmp_path: Path, change: str, words: str):
    study = load_study("lunar").readings
    assert study is not None and study.visits_days[0] == 0 and study.note
    text = (resources.files("vivocart.trials") / "studies" / "ng2006.yaml").read_text(encoding="utf-8")
    path = tmp_path / "seen.yaml"
    path.write_text(f"{text}readings:\n  {change}\n  note: as a test has it\n", encoding="utf-8")
    with pytest.raises(InputError, match=words):
        load_study(path)
