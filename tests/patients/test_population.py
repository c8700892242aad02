from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import load_model
from vivocart.patients.covariates import load_covariates
from vivocart.patients.criteria import Criterion, EntryCriteria
from vivocart.patients.population import VirtualPopulation, candidates
from vivocart.patients.sledai_baseline import sledai_items

from .fakes import MODEL, NCT06801119


def same(one: VirtualPopulation, other: VirtualPopulation) -> bool:
    fields = ("covariates", "parameters")
    arrays = [(getattr(one, name), getattr(other, name)) for name in fields]
    arrays_equal = all(a.keys() == b.keys() and all((a[key] == b[key]).all() for key in a) for a, b in arrays)
    return arrays_equal and (one.ids == other.ids).all() and (one.attempts == other.attempts).all()


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**40),
    first=st.integers(0, 10**9),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    with_criteria=st.booleans(),
)
def test_chunks_equal_one_block_bit_for_bit(seed: int, first: int, sizes: list[int], with_criteria: bool):
    criteria = NCT06801119 if with_criteria else None
    block = VirtualPopulation.sample(MODEL, n_patients=sum(sizes), seed=seed, first=first, criteria=criteria)
    start = 0
    for size in sizes:
        chunk = VirtualPopulation.sample(
            MODEL, n_patients=size, seed=seed, first=first + start, criteria=criteria
        )
        assert same(chunk, block.take(np.arange(start, start + size)))
        start += size


def test_arms_see_the_same_patients():
    one = VirtualPopulation.sample(MODEL, n_patients=50, seed=4, criteria=NCT06801119)
    assert same(one, VirtualPopulation.sample(MODEL, n_patients=50, seed=4, criteria=NCT06801119))
    other = VirtualPopulation.sample(MODEL, n_patients=50, seed=5, criteria=NCT06801119)
    assert not (one.covariates["age"] == other.covariates["age"]).any()


def test_everyone_who_enters_meets_the_criteria():
    entered = VirtualPopulation.sample(MODEL, n_patients=5000, seed=2, criteria=NCT06801119)
    assert NCT06801119.accepted(entered.covariates).all()
    assert 0.4 < entered.acceptance < 0.8
    kept = entered.attempts == 0
    before = VirtualPopulation.sample(MODEL, n_patients=5000, seed=2)
    np.testing.assert_array_equal(kept, NCT06801119.accepted(before.covariates))
    np.testing.assert_array_equal(entered.covariates["age"][kept], before.covariates["age"][kept])
    np.testing.assert_array_equal(entered.parameters["rate"], before.parameters["rate"])


def test_who_enters_is_the_first_candidate_who_meets_all_criteria():
    table, items = load_covariates(), sledai_items()
    n, most = 1500, 60
    entered = VirtualPopulation.sample(MODEL, n_patients=n, seed=8, criteria=NCT06801119)
    drawn = [
        candidates(table, items, seed=8, patients=np.arange(n), attempts=np.full(n, attempt))
        for attempt in range(most)
    ]
    accepted = np.stack([NCT06801119.accepted(covariates) for covariates in drawn])
    first = np.argmax(accepted, axis=0)
    assert accepted.any(axis=0).all() and first.max() > 3
    np.testing.assert_array_equal(entered.attempts, first)
    for name, values in entered.covariates.items():
        np.testing.assert_array_equal(
            values, np.stack([one[name] for one in drawn])[first, np.arange(n)], err_msg=name
        )


def test_impossible_criteria_name_the_strictest():
    criteria = EntryCriteria(
        criteria=(Criterion(covariate="age", minimum=18), Criterion(covariate="sledai_baseline", minimum=90))
    )
    with pytest.raises(InputError, match=r"'sledai_baseline at least 90' is met by 0\.0% of candidates"):
        VirtualPopulation.sample(MODEL, n_patients=5, seed=1, criteria=criteria)
    with pytest.raises(UnknownNameError):
        VirtualPopulation.sample(
            MODEL,
            n_patients=5,
            seed=1,
            criteria=EntryCriteria(criteria=(Criterion(covariate="ages", minimum=1),)),
        )


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"n_patients": 0, "seed": 1}, "n_patients: 0"),
        ({"n_patients": -3, "seed": 1}, "n_patients: -3"),
        ({"n_patients": 2.5, "seed": 1}, "n_patients: 2.5"),
        ({"n_patients": 10**12, "seed": 1}, "at most"),
        ({"n_patients": 1, "seed": -1}, "seed: -1"),
        ({"n_patients": 1, "seed": 1, "first": -1}, "first: -1"),
    ],
)
def test_bad_requests_are_refused(arguments: dict[str, int], part: str):
    with pytest.raises(InputError, match=part):
        VirtualPopulation.sample(MODEL, **arguments)


def test_take_and_frame():
    population = VirtualPopulation.sample(MODEL, n_patients=6, seed=1)
    some = population.take([4, 1])
    assert list(some.ids) == [4, 1]
    frame = some.to_frame()
    assert list(frame["patient"]) == [4, 1]
    assert {"weight", "age", "sledai_threshold_rash", "rate", "upcr_baseline"} <= set(frame.columns)
    assert len(population) == 6
    assert "6 virtual patients, seed 1" in str(population)


def test_the_typical_patient_has_typical_parameters():
    typical = VirtualPopulation.typical(MODEL)
    assert len(typical) == 1
    columns = dict(zip(MODEL.system.parameter_ids, typical.parameter_matrix(MODEL)[0], strict=True))
    assert columns["rate"] == 2.0
    assert columns["upcr_baseline"] == 1.8
    assert typical.covariates["sledai_threshold_haematuria"][0] > 1
    assert typical.covariates["nephritis"][0] == 1


def test_shipped_model_gets_finite_positive_parameters_within_limits():
    model = load_model()
    population = VirtualPopulation.sample(model, n_patients=2000, seed=1, criteria=NCT06801119)
    matrix = population.parameter_matrix(model)
    assert matrix.shape == (2000, len(model.system.parameter_ids))
    assert np.isfinite(matrix).all()
    for name, values in population.parameters.items():
        row = model.parameters[name]
        assert row.lower is None or (values >= row.lower).all(), name
        assert row.upper is None or (values <= row.upper).all(), name
        if row.distribution in ("lognormal", "logitnormal"):
            assert (values > 0).all(), name
    varying = {row.id for row in model.parameters.values() if row.distribution != "none" and row.spread}
    assert varying <= set(population.parameters)
