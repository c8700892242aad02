from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from vivocart.ground.streams import normals
from vivocart.patients.covariates import load_covariates
from vivocart.patients.population import VirtualPopulation
from vivocart.patients.sledai_baseline import (
    THRESHOLD_PREFIX,
    baseline_items,
    sledai_covariates,
    sledai_items,
)

from .fakes import MODEL, NCT06801119

ITEMS = sledai_items()
N = 5000


@pytest.fixture(scope="module")
def candidates() -> dict[str, np.ndarray]:
    return dict(VirtualPopulation.sample(MODEL, n_patients=20_000, seed=3).covariates)


@pytest.fixture(scope="module")
def entered() -> dict[str, np.ndarray]:
    return dict(VirtualPopulation.sample(MODEL, n_patients=N, seed=3, criteria=NCT06801119).covariates)


def test_items_and_weights_are_those_of_the_instrument(suites: Path):
    with (suites / "endpoints" / "sledai2k_items.csv").open(encoding="utf-8") as file:
        published = {entry["item"]: int(entry["weight"]) for entry in csv.DictReader(file)}
    assert {item.item: item.weight for item in ITEMS} == published


def test_prevalence_of_each_item(candidates: dict[str, np.ndarray]):
    share = load_covariates().rows["nephritis"][0].median
    for item, present in baseline_items(candidates, ITEMS).items():
        row = next(entry for entry in ITEMS if entry.item == item)
        if row.rule == "threshold":
            assert present.mean() == pytest.approx(row.prevalence, abs=0.012), item
            if row.organ == "renal":
                within = present[candidates["nephritis"] > 0.5].mean()
                assert within == pytest.approx(row.prevalence / share, abs=0.015)


def test_renal_items_belong_to_nephritis(candidates: dict[str, np.ndarray]):
    without = candidates["nephritis"] < 0.5
    present = baseline_items(candidates, ITEMS)
    renal = [item.item for item in ITEMS if item.organ == "renal"]
    assert not any(present[item][without].any() for item in renal)
    np.testing.assert_array_equal(present["proteinuria"], candidates["nephritis"] > 0.5)


def test_items_of_one_organ_go_together(candidates: dict[str, np.ndarray]):
    present = baseline_items(candidates, ITEMS)
    skin = np.corrcoef(present["rash"], present["alopecia"])[0, 1]
    apart = np.corrcoef(present["rash"], present["arthritis"])[0, 1]
    assert 0.1 < skin < 0.35
    assert abs(apart) < 0.03


def test_thresholds_leave_room_on_both_sides(candidates: dict[str, np.ndarray]):
    for item in ITEMS:
        if item.rule != "threshold":
            continue
        threshold = candidates[THRESHOLD_PREFIX + item.item]
        present = threshold < 1
        assert ((threshold[present] >= 0.1) & (threshold[present] <= 0.95)).all()
        assert ((threshold[~present] >= 1.05) & (threshold[~present] <= 10)).all()
    rash = candidates[THRESHOLD_PREFIX + "rash"]
    assert np.median(rash[rash < 1]) == pytest.approx(0.5, abs=0.02)


def test_the_score_is_a_whole_number_that_items_add_up_to(candidates: dict[str, np.ndarray]):
    present = baseline_items(candidates, ITEMS)
    total = sum(item.weight * present[item.item].astype(int) for item in ITEMS)
    np.testing.assert_array_equal(candidates["sledai_baseline"], total)
    clinical = candidates["sledai_clinical_baseline"]
    np.testing.assert_array_equal(total - clinical, candidates["sledai_serological_baseline"])
    assert set(np.unique(candidates["sledai_serological_baseline"])) <= {0.0, 2.0, 4.0}


def test_serology_follows_the_laboratory(candidates: dict[str, np.ndarray]):
    present = baseline_items(candidates, ITEMS)
    np.testing.assert_array_equal(present["anti_dsdna"], candidates["anti_dsdna"] > 30)
    np.testing.assert_array_equal(
        present["low_complement"], (candidates["c3"] < 0.9) | (candidates["c4"] < 0.16)
    )


def test_baseline_resembles_refractory_lupus(entered: dict[str, np.ndarray]):
    score = entered["sledai_baseline"]
    assert 12 <= np.median(score) <= 16
    assert 8 <= np.quantile(score, 0.05) <= 10
    assert 22 <= np.quantile(score, 0.95) <= 30
    assert (score >= 22).mean() > 0.08  # a fall of 20 points, as in the letter, must be possible
    assert entered["nephritis"].mean() == pytest.approx(0.8, abs=0.03)
    assert (entered["anti_dsdna"] > 30).mean() == pytest.approx(0.84, abs=0.03)
    present = baseline_items(entered, ITEMS)
    assert present["low_complement"].mean() == pytest.approx(0.83, abs=0.03)
    assert present["low_complement"].mean() > present["arthritis"].mean() > present["vasculitis"].mean()


def test_numbers_come_by_name(candidates: dict[str, np.ndarray]):
    def draw(name: str) -> np.ndarray:
        return normals(3, f"patients/{name}", 100, 50)[:, 0]

    covariates = load_covariates().values(draw)
    again = sledai_covariates(covariates, draw, items=ITEMS, nephritis_share=0.74)
    for name, values in again.items():
        np.testing.assert_array_equal(values, candidates[name][100:150])
