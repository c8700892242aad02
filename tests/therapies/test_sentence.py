from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivocart.ground.errors import InputError
from vivocart.therapies.regimen import Regimen
from vivocart.therapies.sentence import read_sentence

LETTER = Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3)


@pytest.mark.parametrize(
    "sentence",
    [
        "HN2301 4 mg x 3 every 3 d",
        "hn2301 4mg x3 q3d",
        "HN2301 4 mg × 3 q72h over 60 min",
        "HN2301 3 x 4 mg every 3 days, over 1 hour, from day 0",
        "HN2301 4000 µg every 3 d x 3",
        "  HN2301 4 mg over 1 h x 3 every 72 hours  ",
    ],
)
def test_the_ways_people_write_it(sentence: str):
    assert Regimen.parse(sentence) == LETTER


def test_units_of_cells_and_weight():
    assert Regimen.parse("ex_vivo_cd19_car_t 1e6 cells/kg").courses[0].dose == 1e6
    assert Regimen.parse("tocilizumab 8 mg/kg").courses[0].dose == 8


def test_a_dose_a_day_runs_on():
    label = Regimen.parse("blinatumomab 28 ug/day for 4 weeks")
    assert label == Regimen.parse("blinatumomab 28 ug x 28 every 1 d over 24 h")
    step_up = Regimen.parse("blinatumomab 9 µg/d for 7 d then blinatumomab 28 ug/24h for 21 d after 1 d")
    assert [row.amount for row in step_up.infusions_table] == [9.0] * 7 + [28.0] * 21
    assert [row.day for row in step_up.infusions_table] == list(range(28))


def test_days_as_protocols_list_them():
    usual = Regimen.parse("rituximab 1000 mg x 2 every 14 d")
    for days in (
        "on days 1 and 15",
        "days 0, 14",
        "on day 1 and day 15",
        "weeks 0 2",
        "twice every other week",
    ):
        assert Regimen.parse(f"rituximab 1000 mg {days}") == usual, days
    trial = Regimen.parse("obinutuzumab 1000 mg on days 1, 15, 168, and 182, over 5 h")
    assert [(row.day, row.hours) for row in trial.infusions_table] == [(0, 5), (14, 5), (167, 5), (181, 5)]
    later = Regimen.parse("HN2301 4 mg + rituximab 1000 mg from day 30 on weeks 0, 2, 24")
    assert [row.day for row in later.infusions_table] == [0, 30, 44, 198]
    assert Regimen.parse(trial.sentence) == trial


def test_a_dose_a_day_runs_again():
    cycles = Regimen.parse("blinatumomab 9 ug/day for 5 d x 2 every 8 d")
    assert [row.day for row in cycles.infusions_table] == [0, 1, 2, 3, 4, 8, 9, 10, 11, 12]


@pytest.mark.parametrize(
    ("words", "days"),
    [
        ("weekly", 7),
        ("every week", 7),
        ("daily", 1),
        ("q2wk", 14),
        ("monthly", 365.25 / 12),
        ("every 6 months", 182.625),
    ],
)
def test_intervals_in_words(words: str, days: float):
    assert Regimen.parse(f"ofatumumab 20 mg {words} x 2").courses[0].interval_days == pytest.approx(days)


@pytest.mark.parametrize(
    "written",
    [
        "ex vivo CD19 CAR-T 1e6 cells/kg",
        "CD19 CAR-T cells 1 x 10^6 cells/kg",
        "Ex-Vivo CD19 CAR-T 1×10⁶ cells/kg",
    ],
)
def test_products_and_doses_as_papers_write_them(written: str):
    assert Regimen.parse(written) == Regimen("ex_vivo_cd19_car_t", dose=1e6)
    assert Regimen.parse("Rituxan 1 g") == Regimen("rituximab", dose_mg=1000)


def test_courses_join():
    both = Regimen.parse("HN2301 4 mg x 3 every 3 d then rituximab 1000 mg x 2 every 2 w after 28 d")
    assert [row.day for row in both.infusions_table] == [0, 3, 6, 34, 48]
    side = Regimen.parse("HN2301 2 mg + rituximab 1000 mg from day 7")
    assert [row.day for row in side.infusions_table] == [0, 7]


@pytest.mark.parametrize(
    ("sentence", "part"),
    [
        ("", "no product and dose"),
        ("HN2301", "no product and dose"),
        ("HN2301 four mg", "no product and dose"),
        ("HN2301 4 mg x 3 every 3 parsecs", "every 3 parsecs"),
        ("HN2301 4 mg x 2.5 every 3 d", "whole number"),
        ("HN2301 4 mg x 3 x 3 every 3 d", "given twice"),
        ("HN2301 4 mg x 1.2.3 every 3 d", "not understood"),
        ("HN2301 4 mg after 3 d", "follows nothing"),
        ("HN2301 4 mg then rituximab 1000 mg", "after 28 d"),
        ("HN2301 4 mg + rituximab 1000 mg after 3 d", "then"),
        ("HN2301 4 mg x 3", "interval_days"),
        ("HN2301 -4 mg", "positive"),
        ("blinatumomab 28 ug/day", "for 28 d"),
        ("blinatumomab 28 ug for 28 d", "a dose a day"),
        ("blinatumomab 28 ug/day for 28 d every 1 d", "how far apart"),
        ("blinatumomab 28 ug/day for 28 d x 2 every 14 d", "how far apart"),
        ("blinatumomab 28 ug/day for 28 d over 1 h", "infusion_hours beside a dose a day"),
        ("rituximab 1000 mg on days 1, 15 x 3", "3 infusions beside 2 days"),
        ("rituximab 1000 mg on days 1, 15 every 14 d", "interval_days beside 2 days"),
        ("rituximab 1000 mg on days 15, 1", "does not ascend"),
        ("rituximab 1000 mg on days 1, 1.5.2", "not understood"),
        ("placebo", "not simulated"),
        ("blinatumomab 28 ug/day on days 1, 8", "a dose a day beside 2 days"),
        ("blinatumomab 28 ug/day for 5 d on days 1, 8", "a dose a day beside 2 days"),
        ("rituximab 4000 mg/m2", "meant for"),
        ("tocilizumab 8 mg/m2", "8 mg/m2 in a patient of 70 kg"),
        ("HN2301 4 mg, briskly", "'briskly' is not understood"),
        ("HN2301 4 mg" + " x" * 2000, "characters"),
    ],
)
def test_what_is_not_understood_is_shown(sentence: str, part: str):
    with pytest.raises(InputError) as caught:
        Regimen.parse(sentence)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str):
    try:
        read_sentence(text)
    except InputError as error:
        assert str(error)


@given(
    dose=st.integers(1, 40),
    infusions=st.integers(1, 9),
    interval=st.integers(1, 30),
    minutes=st.sampled_from([30, 60, 90, 240]),
    start=st.integers(0, 30),
)
def test_a_sentence_reads_back(dose: int, infusions: int, interval: int, minutes: int, start: int):
    regimen = Regimen(
        "HN2301",
        dose_mg=dose,
        infusions=infusions,
        interval_days=interval,
        infusion_hours=minutes / 60,
        start_day=start,
    )
    assert Regimen.parse(regimen.sentence) == regimen
