"""The explorer's lean path against the long one, and its sentences against the numbers that they are made of."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from vivocart.endpoints.table import endpoints, quantiles
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import load_model
from vivocart.patients.population import VirtualPopulation
from vivocart.scenarios import explore as explore_module
from vivocart.scenarios.explore import (
    Arm,
    ArmAnswer,
    Asked,
    explore,
    explorer_population,
    needed_observables,
    output_days,
    reference_rescues,
)
from vivocart.scenarios.explore_draws import population_choices, population_draws
from vivocart.scenarios.explore_marks import matching_arms, published_marks
from vivocart.scenarios.explore_patient import explore_patient
from vivocart.scenarios.explore_population import explore_population
from vivocart.scenarios.explore_words import second_sentence, sentence
from vivocart.scenarios.explorer import explored_products, explorer_settings, knobs_of
from vivocart.scenarios.heat_map import heat_map
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen
from vivocart.trials.protocol import reference_entry

HN2301 = "HN2301 4 mg x 3 every 3 d"
CELLS = "ex_vivo_cd19_car_t 1e6 cells/kg"


def asked(*regimens: str, **changes: object) -> Asked:
    arms = tuple(Arm(label=text, regimen=Regimen.parse(text)) for text in regimens or (HN2301,))
    whole = Asked(arms=arms, patient_type="refractory", days=180.0, n_patients=60, seed=3)
    return dataclasses.replace(whole, **changes)


@pytest.fixture(scope="module")
def answer() -> ArmAnswer:
    return explore(asked()).arms[0]


@pytest.mark.parametrize("regimen", [HN2301, CELLS])
def test_bands_and_endpoints_are_those_of_an_exact_simulation(regimen: str):
    lean = explore(asked(regimen)).arms[0]
    parsed = Regimen.parse(regimen)
    patients = VirtualPopulation.sample(load_model(), n_patients=60, seed=3, criteria=reference_entry())
    exact = simulate(
        load_model(),
        parsed,
        patients,
        days=180 + parsed.first_infusion_day,
        times_days=output_days(parsed, 180.0),
        rescue=reference_rescues(),
        relative_tolerance=1e-7,
    )
    for name, band in lean.bands.items():
        if name == "sledai":
            continue
        values = exact[name].values
        drawn = np.array(
            [quantiles(values[:, place], (0.05, 0.25, 0.5, 0.75, 0.95)) for place in range(values.shape[1])]
        ).T
        assert np.allclose(band, drawn, rtol=0.01, atol=0.002 * drawn.max()), name
    table = endpoints(exact, tuple(lean.values))
    for name, values in lean.values.items():
        assert np.allclose(values, table[name].to_numpy(), rtol=0.01, atol=0.01, equal_nan=True), name
    assert lean.crs["any"] == pytest.approx(table["crs_any"].mean())
    assert lean.crs["grade3"] == pytest.approx(table["crs_severe"].mean())


def test_the_score_is_that_of_the_items(answer: ArmAnswer):
    visit = answer.item_days.tolist().index(90.0)
    assert answer.bands["sledai"][2, visit] == quantiles(answer.values["sledai_d90"], (0.5,))[0]
    assert answer.bands["sledai"][2, 0] == quantiles(answer.values["sledai_baseline"], (0.5,))[0]


def test_numbers_do_not_depend_on_threads_or_on_who_was_asked_before():
    one = explore(asked(n_patients=40), threads=1).arms[0]
    explore(asked(n_patients=90))
    two = explore(asked(n_patients=40), threads=2).arms[0]
    assert all(np.array_equal(one.bands[name], two.bands[name]) for name in one.bands)


def test_a_smaller_population_is_the_beginning_of_a_larger_one():
    few, many = explorer_population(asked(n_patients=5)), explorer_population(asked(n_patients=50))
    again = explorer_population(asked(n_patients=5))
    for name, values in few.covariates.items():
        assert np.array_equal(values, many.covariates[name][:5])
        assert np.array_equal(values, again.covariates[name])


def test_chunks_make_the_same_answer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("vivocart.scenarios.explore_population.CHUNK", 25)
    steps: list[tuple[int, int]] = []
    large = explore_population(asked(), on_progress=lambda done, total: steps.append((done, total))).arms[0]
    whole = explore(asked()).arms[0]
    assert steps == [(25, 60), (50, 60), (60, 60)]
    for name, values in whole.values.items():
        assert np.array_equal(values, large.values[name], equal_nan=True)
    for name, band in whole.bands.items():
        assert np.allclose(band, large.bands[name], rtol=0.006, atol=2e-4), name
    assert whole.crs == large.crs


def test_times_are_dense_after_infusions_and_few():
    for text in (HN2301, CELLS, "blinatumomab 28 ug x 28 every 1 d", "HN2301 1 mg"):
        regimen = Regimen.parse(text)
        times = output_days(regimen, 180.0)
        assert 40 <= len(times) <= 200 and (np.diff(times) > 0).all()
        assert times[0] == 0 and times[-1] == 180 + regimen.first_infusion_day
        for row in regimen.infusions_table:
            assert np.isclose(times, row.day + 6 / 24).any()


def test_charts_read_what_the_simulation_keeps():
    kept = set(needed_observables())
    assert set(explorer_settings().charted) <= kept and "cytokine_signal" in kept
    assert kept <= set(load_model().observables)


@pytest.mark.parametrize("entry", explorer_settings().patient_types, ids=lambda entry: entry.id)
def test_every_type_of_patient_exists_and_meets_its_criteria(entry):
    patients = explorer_population(asked(patient_type=entry.id, n_patients=200))
    if entry.entry is not None:
        assert entry.entry.accepted(patients.covariates).all()
    assert len(patients) == 200


@pytest.mark.parametrize("product", explored_products(), ids=lambda product: product.id)
def test_knobs_begin_with_what_can_be_given(product):
    knobs = knobs_of(product)
    for dose in (knobs.dose, *knobs.dose_range):
        Regimen(product, dose=dose, infusions=knobs.infusions, interval_days=knobs.interval_days)


def test_an_unknown_type_is_answered_with_near_ones():
    with pytest.raises(UnknownNameError, match="refractory"):
        explorer_population(asked(patient_type="refractry"))
    with pytest.raises(InputError, match="no arm"):
        explore(dataclasses.replace(asked(), arms=()))


# -- sentences --------------------------------------------------------------------------------------------------------


def _with(
    answer: ArmAnswer, spells: list[float], still: list[bool], nadirs: list[float] | None = None
) -> ArmAnswer:
    values = {**answer.values, "b_cell_depletion_days": np.array(spells)}
    values["b_cells_nadir"] = np.array(nadirs or [1.0] * len(spells))
    return dataclasses.replace(answer, values=values, still_depleted=np.array(still))


def test_the_sentence_says_the_middle_nine_tenths(answer: ArmAnswer):
    spells = answer.values["b_cell_depletion_days"]
    low, high = quantiles(spells, (0.05, 0.95))
    found = re.search(r"for ([\d.]+) to ([\d.]+) days", sentence(answer, days=180))
    assert found is not None
    assert float(found[1]) == pytest.approx(low, abs=0.5) and float(found[2]) == pytest.approx(high, abs=0.5)


def test_who_is_still_depleted_has_no_known_length(answer: ArmAnswer):
    text = sentence(_with(answer, [100.0] * 20, [True] * 4 + [False] * 16), days=120)
    assert "or longer" in text and "day 120" in text
    assert "until the end" in sentence(_with(answer, [100.0] * 20, [True] * 20), days=120)


def test_what_is_not_reached_is_said(answer: ArmAnswer):
    none = sentence(_with(answer, [0.0] * 20, [False] * 20, [20.0] * 20), days=180)
    assert "In none of these 20 patients" in none and "20 to 20" in none
    some = sentence(_with(answer, [0.0] * 14 + [4.0] * 6, [False] * 20), days=180)
    assert "in about 3 of 10 such patients" in some and "about 4 days" in some
    few = sentence(_with(answer, [0.0] * 99 + [4.0], [False] * 100), days=180)
    assert "1 % of such patients" in few


def test_the_second_sentence_counts_severe_patients(answer: ArmAnswer):
    text = second_sentence(dataclasses.replace(answer, crs={**answer.crs, "any": 0.5, "grade3": 2 / 60}))
    assert "CRS in 50 %" in text and "grade 3 or higher in 2 of 60" in text
    assert f"SLEDAI-2K falls from {answer.bands['sledai'][2, 0]:.0f}" in text


# -- published marks --------------------------------------------------------------------------------------------------


def test_marks_need_the_same_product_dose_and_number():
    assert ("HN2301", "4 mg x 3") in matching_arms(Regimen.parse(HN2301))
    assert matching_arms(Regimen.parse("HN2301 4 mg x 3 every 7 d"))  # no interval was published
    assert not matching_arms(Regimen.parse("HN2301 4 mg x 2 every 3 d"))
    assert not matching_arms(Regimen.parse("HN2301 4.1 mg x 3 every 3 d"))


def test_a_mark_is_drawn_only_where_a_chart_shows_its_observable():
    drawn = {(chart.id, panel.observable) for chart in explorer_settings().charts for panel in chart.panels}
    marks = published_marks(asked().arms, days=180.0)
    assert marks and all((mark.chart, mark.observable) in drawn for mark in marks if mark.chart)
    assert all(
        mark.time_days is None or mark.time_days <= 30 for mark in published_marks(asked().arms, days=30.0)
    )


# -- one patient, heat map, populations -----------------------------------------------------------------------------


def test_a_patient_looked_at_is_the_one_in_the_crowd():
    view = explore_patient(asked(), 7)
    crowd = explorer_population(asked())
    own = {row.id: row.value for row in view.covariates}
    for name in ("age", "upcr", "sledai_baseline"):
        assert own[name] == crowd.covariates[name][7]
    assert view.sledai[0] == own["sledai_baseline"]
    scores = sum(view.item_weights[item] * flags.astype(int) for item, flags in view.items.items())
    assert np.array_equal(scores, view.sledai) and len(view.times) <= 400


def test_more_milligrams_keep_b_cells_away_longer():
    found = heat_map(
        asked(n_patients=20, days=60.0),
        product="HN2301",
        infusions=3,
        doses=(1.0, 4.0),
        intervals=(2.0, 40.0),
    )
    depletion = found.values["b_cell_depletion_days"]
    assert depletion.shape == (2, 2) and depletion[0, 1] > depletion[0, 0]
    assert np.isnan(depletion[1]).all()  # the third infusion would lie after the horizon
    with pytest.raises(InputError, match="empty"):
        heat_map(asked(), product="HN2301", infusions=3, doses=(), intervals=(2.0,))


def test_uncertain_typical_values_widen_the_bands():
    ids = [choice.id for choice in population_choices()]
    assert ids[:2] == ["shipped", "prior"]
    certain = explore(asked(n_patients=300)).arms[0].values["b_cell_depletion_days"]
    draws = population_draws("prior")
    widened = (
        explore(asked(n_patients=300, draws=draws, population="prior"))
        .arms[0]
        .values["b_cell_depletion_days"]
    )
    spread = [np.subtract(*quantiles(values, (0.95, 0.05))) for values in (widened, certain)]
    assert spread[0] > 1.2 * spread[1]
    assert population_draws("shipped") is None
    with pytest.raises(UnknownNameError, match="population"):
        population_draws("nobody")


def test_the_explorers_accuracy_is_the_one_that_is_stated():
    assert explore_module.RELATIVE_TOLERANCE == 1e-3
