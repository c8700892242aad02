from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivocart.evidence.library import quantities
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.therapies.regimen import Regimen

LETTER = Regimen("HN2301", dose_mg=4, infusions=3, interval_days=3, infusion_hours=1)
RITUXIMAB = Regimen("rituximab", dose_mg=1000, infusions=2)


def days(regimen: Regimen) -> list[tuple[str, float]]:
    return [(row.product_id, row.day) for row in regimen.infusions_table]


def test_it_prints_its_infusions():
    assert str(LETTER).splitlines() == [
        "HN2301 4 mg x 3 every 3 d, over 1 h",
        "infusion  day  product  dose  over",
        "       1    0  HN2301   4 mg   1 h",
        "       2    3  HN2301   4 mg   1 h",
        "       3    6  HN2301   4 mg   1 h",
    ]


def test_hours_without_end_are_printed_in_minutes_and_read_back():
    label = Regimen.parse("patisiran 0.3 mg/kg x 2 every 21 d")
    assert label.sentence == "patisiran 0.3 mg/kg x 2 every 21 d, over 80 min"
    assert str(label).splitlines()[2].endswith("  80 min")
    assert Regimen.parse(label.sentence) == label
    assert Regimen.parse("HN2301 4 mg, over 1.25 h").sentence.endswith("over 1.25 h")
    assert Regimen.parse("HN2301 4 mg, over 1.1234567891 h").sentence.endswith("over 1.1234567891 h")


def test_it_is_a_frozen_hashable_value():
    again = Regimen("HN2301", dose_ug=4000, infusions=3, interval_days=3)
    assert again == LETTER
    assert len({again, LETTER}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        LETTER.courses = ()  # pyright: ignore[reportAttributeAccessIssue]


def test_then_counts_from_the_last_infusion():
    both = LETTER.then(RITUXIMAB, after_days=28)
    assert days(both) == [("HN2301", 0), ("HN2301", 3), ("HN2301", 6), ("rituximab", 34), ("rituximab", 48)]
    assert both.last_infusion_day == 48
    assert both.first_infusion_day == 0


def test_plus_keeps_each_on_its_days():
    both = RITUXIMAB.plus(Regimen("HN2301", dose_mg=2, start_day=7))
    assert days(both) == [("rituximab", 0), ("HN2301", 7), ("rituximab", 14)]


def test_preparation_comes_first_and_no_day_is_negative():
    cells = Regimen("ex_vivo_cd19_car_t", dose_cells_per_kg=1e6)
    assert days(cells) == [("flu_cy", 0), ("ex_vivo_cd19_car_t", 5)]
    assert cells.first_infusion_day == 5
    after = LETTER.then(cells, after_days=30)
    assert days(after)[-2:] == [("flu_cy", 36), ("ex_vivo_cd19_car_t", 41)]
    with pytest.raises(InputError, match="start_day"):
        Regimen("ex_vivo_cd19_car_t", dose_cells_per_kg=1e6, start_day=3)


def test_doses_follow_body_weight_and_its_cap():
    (row,) = Regimen("tocilizumab", dose_mg_per_kg=8).doses(np.array([50.0, 100.0, 130.0]))
    np.testing.assert_array_equal(row.amount, [400.0, 800.0, 800.0])
    assert (row.state, row.duration_days) == ("tocilizumab_amount", 1 / 24)
    cells = Regimen("ex_vivo_cd19_car_t", dose_cells_per_kg=1e6).doses(np.array([70.0]))
    assert cells[-1].amount[0] == pytest.approx(0.07)


def test_products_that_contradict_each_other_are_refused():
    odd = RITUXIMAB.courses[0].product.model_copy(
        update={"id": "odd", "parameters": {"anti_cd20_clearance": 1.0}}
    )
    with pytest.raises(InputError, match="rituximab and odd need different values of anti_cd20_clearance"):
        RITUXIMAB.plus(Regimen(odd, dose_mg=1000))


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"dose_mg": -4}, ["dose_mg", "-4 mg", "positive"]),
        ({"dose_mg": 0}, ["dose_mg", "positive"]),
        ({"dose_mg": math.nan}, ["dose_mg", "finite"]),
        ({"dose_mg": math.inf}, ["dose_mg", "finite"]),
        ({"dose_mg": "4"}, ["dose_mg", "not a number"]),
        ({"dose_mg": True}, ["dose_mg", "not a number"]),
        ({"dose_mg": 4000}, ["dose_mg", "0.01 to 40 mg"]),
        ({}, ["no dose of HN2301", "mg"]),
        ({"dose_mg": 4, "dose": 4}, ["2 doses"]),
        ({"dose_cells_per_kg": 1e6}, ["dosed in mg, not in cells"]),
        ({"dose_mg_per_kg": 1}, ["1 mg/kg in a patient of 70 kg", "70 mg", "0.01 to 40 mg"]),
        ({"dose": 4, "dose_unit": "furlong"}, ["dosed in mg, not in furlong"]),
        ({"dose_grams": 4}, ["unknown argument 'dose_grams'"]),
        ({"dose_mg": 4, "infusions": 0}, ["infusions", "1 or more"]),
        ({"dose_mg": 4, "infusions": 2.5}, ["infusions", "whole"]),
        ({"dose_mg": 4, "infusions": 10_000, "interval_days": 1}, ["infusions", "at most"]),
        ({"dose_mg": 4, "infusions": 3}, ["interval_days", "no published interval", "interval_days=3"]),
        ({"dose_mg": 4, "infusions": 3, "interval_days": -1}, ["interval_days", "positive"]),
        ({"dose_mg": 4, "infusions": 3, "interval_days": math.inf}, ["interval_days", "finite"]),
        (
            {"dose_mg": 4, "infusions": 3, "interval_days": 1, "infusion_hours": 30},
            ["shorter than the infusion", "1.25"],
        ),
        ({"dose_mg": 4, "infusion_hours": 0}, ["infusion_hours", "positive"]),
        ({"dose_mg": 4, "start_day": -1}, ["start_day", "0 or more"]),
        ({"dose_mg": 4, "start_day": math.nan}, ["start_day", "finite"]),
    ],
)
def test_bad_input_is_one_line_with_argument_and_mend(arguments: dict[str, float], parts: list[str]):
    with pytest.raises(InputError) as caught:
        Regimen("HN2301", **arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert [part for part in parts if part not in message] == []


def test_an_unknown_product_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean HN2301"):
        Regimen("HN2310", dose_mg=4)


def test_doses_are_flat_per_weight_or_per_surface_whatever_the_product_usually_is():
    weight = np.array([50.0, 100.0])
    flat = Regimen.parse("CD19 CAR-T 1 x 10^8 cells")
    assert flat.doses(weight)[-1].amount == pytest.approx([0.1, 0.1])
    assert flat.courses[0].dose_unit == "cells" and Regimen.parse(flat.sentence) == flat
    assert Regimen.from_dict(flat.as_dict()) == flat
    assert Regimen.parse("rituximab 15 mg/kg").doses(weight)[0].amount == pytest.approx([750, 1500])
    assert Regimen.parse("tocilizumab 400 mg").doses(weight)[0].amount == pytest.approx([400, 400])


def test_mg_is_refused_for_cells():
    with pytest.raises(InputError, match="dosed in cells/kg, not in mg"):
        Regimen("ex_vivo_cd19_car_t", dose_mg=4)


def test_then_before_the_end_of_the_last_infusion_is_refused():
    with pytest.raises(InputError, match="before the last infusion ends"):
        LETTER.then(RITUXIMAB, after_days=0)


def test_a_product_with_a_usual_interval_needs_none():
    assert days(RITUXIMAB) == [("rituximab", 0), ("rituximab", 14)]


def test_from_dict_names_what_is_missing():
    with pytest.raises(InputError, match=r"courses\[0\]: missing: dose"):
        Regimen.from_dict({"courses": [{"product": "HN2301"}]})
    with pytest.raises(InputError, match="no courses"):
        Regimen.from_dict({})


@given(
    dose=st.floats(0.01, 40),
    infusions=st.integers(1, 20),
    interval=st.floats(0.5, 60),
    hours=st.floats(0.1, 12),
    start=st.floats(0, 100),
    after=st.floats(1, 100),
)
def test_tables_and_plain_data_keep_every_number(
    dose: float, infusions: int, interval: float, hours: float, start: float, after: float
):
    one = Regimen(
        "HN2301",
        dose_mg=dose,
        infusions=infusions,
        interval_days=interval,
        infusion_hours=hours,
        start_day=start,
    )
    both = one.then(RITUXIMAB, after_days=after)
    assert Regimen.from_dict(both.as_dict()) == both
    table = both.infusions_table
    assert [row.day for row in table] == sorted(row.day for row in table)
    assert len(table) == infusions + 2
    expected = start + (infusions - 1) * interval if infusions > 1 else start
    assert table[infusions].day == pytest.approx(expected + after)


def test_a_dose_per_area_follows_weight_and_reads_back():
    label = Regimen.parse("rituximab 375 mg/m2 x 4 every 7 d")
    weights = np.array([51.3, 70.0, 120.0])
    fit = quantities()
    surface = fit["livingston2001_surface_at_1_kg"].value * weights ** fit["livingston2001_exponent"].value
    for row in label.doses(weights):
        np.testing.assert_allclose(row.amount, 375.0 * surface)
    assert label.infusions_table[0].unit == "mg/m2"
    assert Regimen.parse(label.sentence) == label == Regimen.from_dict(label.as_dict())
    assert label == Regimen("rituximab", dose_mg_per_m2=375, infusions=4, interval_days=7)
