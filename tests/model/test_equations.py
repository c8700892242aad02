"""What must hold of the equations for any patient: rest without a drug, no negative amounts, nothing lost on the way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivocart.model.load import load_model

CD8 = [
    f"{kind}_{place}"
    for kind in ("cd8_resting", "car_loading", "car_bright", "car_dim")
    for place in ("blood", "lymphoid", "marrow")
]
N_STATES = len(load_model().system.states)
SETTINGS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


def _states(rates, values, factors) -> np.ndarray:
    """States that are multiples of the start; those that start at zero become the factor itself."""
    start, _ = rates.start(values)
    return np.where(start == 0, 1.0, start) * np.asarray(factors)


def _factors():
    size = st.one_of(st.just(0.0), st.floats(1e-9, 50.0))
    return st.lists(size, min_size=N_STATES, max_size=N_STATES)


def test_without_a_drug_nothing_moves(rates, typical, people):
    for values in [typical, *people]:
        start, _ = rates.start(values)
        scale = np.where(start == 0, 1.0, start)
        found = np.array(list(rates.rates(values, start).values()))
        assert np.all(np.abs(found) <= 1e-12 * scale), dict(zip(rates.ids, found / scale, strict=True))


@SETTINGS
@given(factors=_factors(), person=st.integers(0, 49), emptied=st.integers(0, N_STATES - 1))
def test_an_empty_pool_never_falls_below_zero(rates, people, factors, person, emptied):
    values = people[person]
    states = _states(rates, values, factors)
    states[emptied] = 0.0
    found = rates.rates(values, states)
    assert all(np.isfinite(list(found.values())))
    assert found[rates.ids[emptied]] >= 0.0, rates.ids[emptied]


@SETTINGS
@given(factors=_factors(), person=st.integers(0, 49))
def test_transfection_and_traffic_only_move_cd8_cells(rates, people, factors, person):
    values = people[person]
    states = dict(zip(rates.ids, _states(rates, values, factors), strict=True))
    for name in (
        "lymphodepletion_drug",
        "engager_amount",
        "engager_activated_blood",
        "engager_activated_lymphoid",
    ):
        states[name] = 0.0
    start = dict(zip(rates.ids, rates.start(values)[0], strict=True))
    baseline = sum(start[name] for name in CD8)
    total = sum(states[name] for name in CD8)
    found = rates.rates(values, np.array(list(states.values())))
    change = sum(found[name] for name in CD8)
    size = sum(abs(found[name]) for name in CD8)
    assert change == pytest.approx(values["cd8_turnover"] * (baseline - total), abs=1e-11 * max(size, 1.0))


@SETTINGS
@given(factors=_factors(), person=st.integers(0, 49))
def test_drugs_are_lost_through_their_clearance_only(rates, people, factors, person):
    values = people[person]
    states = _states(rates, values, factors)
    named = dict(zip(rates.ids, states, strict=True))
    found = rates.rates(values, states)
    antibody = named["carrier_antibody"]
    loss = values["lnp_loss"] * (1 + values["carrier_clearance_gain"] * antibody / (1 + antibody))
    lost = sum(found[f"lnp_{place}_amount"] for place in ("plasma", "peripheral", "returning"))
    assert lost == pytest.approx(-loss * named["lnp_plasma_amount"], rel=1e-9, abs=1e-9)
    lost = sum(found[f"anti_cd20_{place}amount"] for place in ("", "peripheral_", "depot_"))
    scar = values["upcr_scar_share"]
    urine = values["upcr_baseline"] * (scar + (1 - scar) * named["renal_inflammation"])
    clearance = values["anti_cd20_clearance"] * (1 + values["anti_cd20_urine_loss"] * urine)
    gone = clearance / values["anti_cd20_volume"] * named["anti_cd20_amount"]
    assert lost == pytest.approx(-gone, rel=1e-9, abs=1e-9)
    lost = found["engager_amount"] + found["engager_depot_amount"]
    gone = values["engager_clearance"] / values["engager_volume"] * named["engager_amount"]
    assert lost == pytest.approx(-gone, rel=1e-9, abs=1e-9)


def test_margination_moves_b_cells_and_kills_none(rates, typical):
    start, _ = rates.start(typical)
    named = dict(zip(rates.ids, start, strict=True))
    calm = rates.rates(typical, start)
    named["engager_amount"] = 5.0
    stirred = rates.rates(typical, np.array(list(named.values())))
    for kind in ("naive_b", "memory_b"):
        assert stirred[f"{kind}_blood"] < calm[f"{kind}_blood"]
        moved = stirred[f"{kind}_blood"] + stirred[f"{kind}_lymphoid"]
        assert moved == pytest.approx(0.0, abs=1e-9)


def test_engaged_t_cells_divide_the_slower_the_more_there_are(rates, typical):
    start, _ = rates.start(typical)
    named = dict(zip(rates.ids, start, strict=True)) | {"engager_amount": 1e6}
    shares = []
    for count in (0.01, 1.0, 1000.0):
        more = named | {"engager_activated_lymphoid": named["engager_activated_lymphoid"] + count}
        change = rates.rates(typical, np.array(list(more.values())))["engager_activated_lymphoid"]
        none = rates.rates(typical, np.array(list(named.values())))["engager_activated_lymphoid"]
        shares.append((change - none) / count)
    assert shares[0] > shares[1] > shares[2]
    assert shares[2] < 0, "without end they do not grow"


def test_lupus_antibodies_hinder_anti_cd20_killing(rates, typical):
    start, _ = rates.start(typical)
    named = dict(zip(rates.ids, start, strict=True)) | {"anti_cd20_amount": 1000.0}
    by_antibody = {}
    for level in (0.0, 1.0):
        states = np.array(list((named | {"autoantibody": level}).values()))
        calm = np.array(list((named | {"autoantibody": level, "anti_cd20_amount": 0.0}).values()))
        by_antibody[level] = (
            rates.rates(typical, states)["naive_b_blood"] - rates.rates(typical, calm)["naive_b_blood"]
        )
    assert by_antibody[0.0] / by_antibody[1.0] == pytest.approx(1 + typical["anti_cd20_hindrance"], rel=1e-6)


def test_anti_cd20_spares_cells_without_cd20(rates, typical):
    start, _ = rates.start(typical)
    named = dict(zip(rates.ids, start, strict=True))
    named["anti_cd20_amount"] = 1000.0
    found = rates.rates(typical, np.array(list(named.values())))
    for name in ("naive_b_blood", "memory_b_blood", "naive_b_lymphoid", "memory_b_lymphoid", "gc_b_lymphoid"):
        assert found[name] < 0
    for name in ("plasmablast_blood", "plasma_cell_short", "plasma_cell_long", "precursor_b_marrow"):
        assert found[name] == pytest.approx(0.0, abs=1e-12)


def test_an_engager_turns_to_bcma_by_its_two_switches(rates, typical):
    values = {**typical, "engager_cd19": 0.0, "engager_bcma": 1.0}
    start, _ = rates.start(values)
    named = dict(zip(rates.ids, start, strict=True))
    named |= {"engager_amount": 5.0, "engager_activated_blood": 1.0, "engager_activated_lymphoid": 5.0}
    found = rates.rates(values, np.array(list(named.values())))
    assert found["plasma_cell_long"] < 0
    assert found["plasma_cell_short"] < 0
    assert found["plasmablast_blood"] < 0
    for kind in ("naive_b", "memory_b"):
        per_cell = found[f"{kind}_blood"] / named[f"{kind}_blood"]
        per_plasmablast = found["plasmablast_blood"] / named["plasmablast_blood"]
        assert per_cell == pytest.approx(values["b_cell_bcma_share"] * per_plasmablast, rel=1e-9)
    spared = rates.rates({**values, "b_cell_bcma_share": 0.0}, np.array(list(named.values())))
    assert spared["naive_b_lymphoid"] == pytest.approx(0.0, abs=1e-12)


def test_the_untreated_state_is_stable(rates, typical, people):
    """The loop antibody -> inflammation -> activation -> antibody has a gain below one in every patient."""
    for values in [typical, *people]:
        slope = 1 + values["inflammation_curvature"]
        assert values["gc_inflammation_share"] * slope < 1
