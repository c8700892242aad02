"""A made-up trial: its numbers mean nothing, its shape is the one that the main job returns."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from vivocart.ground.provenance import Provenance, current_versions
from vivocart.scenarios.endpoint_table import EndpointTable
from vivocart.scenarios.result import ArmResult, ComparisonRow, ExamplePatient, Reference, TrialResult
from vivocart.therapies.regimen import Regimen

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_ITEMS = (
    ("arthritis", 4, "musculoskeletal", 0.7),
    ("proteinuria", 4, "renal", 0.8),
    ("urinary_casts", 4, "renal", 0.25),
    ("haematuria", 4, "renal", 0.45),
    ("rash", 2, "mucocutaneous", 0.55),
    ("alopecia", 2, "mucocutaneous", 0.3),
    ("pleurisy", 2, "serosal", 0.1),
    ("low_complement", 2, "immunologic", 0.75),
    ("anti_dsdna", 2, "immunologic", 0.85),
    ("leukopenia", 1, "haematologic", 0.15),
    ("seizure", 8, "CNS", 0.0),
)
_ENDPOINTS = {
    "car_percent_peak": ("%", "Highest CAR+ share of CD8 cells in blood", "car_t", (34, 52)),
    "car_peak_hour": ("h", "Highest CAR+ share, hours after the infusion before it", "car_t", (6, 6)),
    "b_cells_nadir": ("1/uL", "Lowest B-cell count in blood", "b_cells", (4, 0.4)),
    "b_cell_depletion_days": (
        "d",
        "Longest unbroken time below 5 B cells per uL of blood",
        "b_cells",
        (2.2, 9),
    ),
    "b_cells_tissue_nadir": ("1", "Lowest share of tissue B cells left", "b_cells", (0.6, 0.23)),
    "autoantibody_d90": ("1", "Autoantibody, share of baseline, day 90", "antibodies", (0.8, 0.35)),
    "complement_normalized_d90": ("1", "Low complement turned normal, day 90", "complement", None),
    "crs_grade_max": ("1", "Highest CRS grade", "safety", None),
}


def _bands(dose: float) -> xr.Dataset:
    times = np.unique(np.concatenate([np.arange(0, 21, 0.125), np.arange(21, 181, 1.0)]))
    spread = np.exp(np.array([-1.2, -0.45, 0, 0.45, 1.2]))[:, None]
    pulses = sum(np.where(times >= day, np.exp(-(times - day) / 0.8), 0) for day in (0, 3, 6))
    kill = np.exp(-dose * 1.4 * np.clip(times, 0, 9) / 9) * (1 + np.clip(times - 12, 0, 60) / 10)
    slow = np.exp(-dose * 0.12 * np.clip(times, 0, 90) / 45)
    shapes = {
        "car_percent_cd8": ("%", dose * 13 * pulses),
        "b_cells_blood": ("1/uL", 90 * kill),
        "b_cells_tissue_fraction": ("1", np.minimum(1, 0.2 + np.exp(-dose * times / 8) + times / 400)),
        "autoantibody": ("1", slow),
        "c3": ("g/L", 0.7 + 0.4 * (1 - slow)),
        "upcr": ("g/g", 1.4 * slow),
        "il6": ("pg/mL", 4 + 10 * dose * pulses),
        "crp": ("mg/L", 3 + 9 * dose * pulses),
    }
    narrow = np.exp(np.array([-0.3, -0.12, 0, 0.12, 0.3]))[:, None]
    return xr.Dataset(
        {
            name: (
                ("quantile", "time"),
                values[None, :]
                * (narrow if name in {"c3", "autoantibody", "b_cells_tissue_fraction"} else spread),
                {"units": unit, "long_name": name.replace("_", " ")},
            )
            for name, (unit, values) in shapes.items()
        },
        coords={"quantile": list(_QUANTILES), "time": ("time", times, {"units": "d"})},
    )


def _endpoints(arm: int, n: int, rng: np.random.Generator) -> pd.DataFrame:
    columns = {}
    for name, (_unit, _label, _family, middles) in _ENDPOINTS.items():
        if name == "crs_grade_max":
            columns[name] = rng.choice([0.0, 1.0, 2.0, 3.0], n, p=(0.62, 0.28, 0.09, 0.01))
        elif middles is None:
            columns[name] = (rng.random(n) < 0.4).astype(float)
        else:
            columns[name] = middles[arm] * np.exp(0.4 * rng.standard_normal(n))
    table = pd.DataFrame(columns, index=pd.Index(range(n), name="patient"))
    table.attrs["units"] = {name: entry[0] for name, entry in _ENDPOINTS.items()}
    table.attrs["labels"] = {name: entry[1] for name, entry in _ENDPOINTS.items()}
    table.attrs["families"] = {name: entry[2] for name, entry in _ENDPOINTS.items()}
    table.attrs["n_failed"] = 0
    return table


def _arm(number: int, label: str, dose: float, cohort: int) -> ArmResult:
    rng = np.random.default_rng(number)
    days = (0.0, 28.0, 90.0, 180.0)
    left = {0.0: 1.0, 28.0: 1 - 0.08 * dose, 90.0: 1 - 0.17 * dose, 180.0: 1 - 0.19 * dose}
    visits = [
        {"day": day, "q05": 8 * left[day] // 1, "q25": 12 * left[day] // 1, "median": 16 * left[day] // 1,
         "q75": 20 * left[day] // 1, "q95": 26 * left[day] // 1}
        for day in days
    ]  # fmt: skip
    items = [
        {"item": item, "weight": weight, "organ": organ, "day": day, "share": share * left[day]}
        for item, weight, organ, share in _ITEMS
        for day in days
    ]
    return ArmResult(
        label=label,
        regimen=Regimen("HN2301", dose_mg=dose, infusions=3, interval_days=3),
        n_patients=400,
        cohort_size=cohort,
        bands=_bands(dose),
        table=EndpointTable.of(_endpoints(number, 400, rng)),
        sledai_visits=pd.DataFrame(visits),
        sledai_items=pd.DataFrame(items),
        failures=pd.DataFrame(columns=["patient", "time_days", "state", "reason", "advice"]),
    )


def _row(**values: object) -> ComparisonRow:
    shared = {
        "n": 3, "unit": "1", "trust": "tertiary", "record_id": "wang2025",
        "citation": "Wang et al. N Engl J Med 2025;393:1542", "is_inside": True, "is_inside_uncertain": True,
        "predicted_median": 1.0, "low90": 0.5, "high90": 2.0, "low90_uncertain": 0.3, "high90_uncertain": 3.0,
    }  # fmt: skip
    return ComparisonRow(**(shared | values))


def _comparison(low: str, high: str) -> tuple[ComparisonRow, ...]:
    return (
        _row(observation_id="o1", arm="all", n=5, measure="car_percent_peak", unit="%", statistic="maximum",
             label="Largest CAR+ share of CD8 cells in blood", observed_text="up to 60 %", observed_value=60.0,
             predicted_median=62.0, low90=48.0, high90=74.0, low90_uncertain=36.0, high90_uncertain=82.0,
             trust="secondary", note="whose arm is unclear"),
        _row(observation_id="o2", arm=high, measure="b_cell_depletion_days", unit="d", statistic="range",
             label="Duration of near-complete B-cell depletion", observed_text="7 to 10 d in three patients",
             observed_lower=7.0, observed_upper=10.0, predicted_median=8.0, low90=5.0, high90=13.0,
             low90_uncertain=2.0, high90_uncertain=19.0, predicted_text="6.1 to 11.4 d (5 to 13)"),
        _row(observation_id="o3", arm=high, measure="b_cells_nadir", unit="1/uL", statistic="upper_bound",
             label="B cells at the lowest point", observed_text="below 1 per µL", observed_upper=1.0,
             predicted_median=0.4, low90=0.1, high90=1.6, low90_uncertain=0.02, high90_uncertain=6.0),
        _row(observation_id="o4", arm=low, n=2, measure="crs_grade3", statistic="count", label="Severe CRS",
             observed_text="0 of 2", observed_value=0.0, predicted_median=0.0, low90=0.0, high90=0.0,
             low90_uncertain=0.0, high90_uncertain=1.0),
        _row(observation_id="o5", arm="all", n=5, measure="sledai_fall", unit="score", statistic="maximum",
             label="Largest fall of SLEDAI within 3 months", observed_text="up to 20 points", observed_value=20.0,
             predicted_median=14.0, low90=9.0, high90=19.0, low90_uncertain=5.0, high90_uncertain=21.0, is_inside=False),
    )  # fmt: skip


def _intervals(labels: tuple[str, ...]) -> pd.DataFrame:
    rows = [
        {"arm": label, "interval_days": float(day), "endpoint": endpoint, "label": text, "unit": unit,
         "q05": 0.5 * scale * (1 + arm) / day, "median": scale * (1 + arm) / day, "q95": 1.6 * scale * (1 + arm) / day}
        for arm, label in enumerate(labels)
        for endpoint, text, unit, scale in (
            ("b_cell_depletion_days", "Longest unbroken time below 5 B cells per uL of blood", "d", 12.0),
            ("autoantibody_d90", "Autoantibody, share of baseline, day 90", "1", 0.6),
            ("sledai_d90", "SLEDAI-2K, day 90", "score", 9.0),
        )
        for day in (1, 2, 3, 4, 5, 6, 7)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _assumptions() -> pd.DataFrame:
    rows = [
        {"parameter_id": f"parameter_{index}", "kind": kind, "value": 0.37 * (index + 1), "unit": "1/d",
         "note": "set by hand: no human value was found in the sources that we could read", "weight": 0.9 / (index + 1),
         "weight_endpoint": "b_cell_depletion_days"}
        for index, kind in enumerate(("assumed", "measured", "estimated", "assumed", "scenario") * 8)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    table.attrs["weight_meaning"] = (
        "Weight is the largest shift of a headline endpoint's median, in units of its spread."
    )
    return table


def fake_trial() -> TrialResult:
    low, high = "2 mg × 3", "4 mg × 3"
    arms = (_arm(0, low, 2.0, 2), _arm(1, high, 4.0, 3))
    example = pd.DataFrame(
        {"item": item, "weight": weight, "organ": organ, "day": day, "present": share * (1 - day / 200) > 0.3}
        for item, weight, organ, share in _ITEMS
        for day in (0.0, 28.0, 90.0, 180.0)
    )
    study = SimpleNamespace(id="hn2301", title="HN2301 in refractory lupus: the two cohorts of the letter")
    provenance = Provenance(
        model_hash="3f" * 32, seed=1, record_ids=("wang2025",), versions=current_versions()
    )
    return TrialResult(
        study=study,
        seed=1,
        n_patients=400,
        interval_days=3.0,
        arms=arms,
        intervals=_intervals((low, high)),
        comparison=_comparison(low, high),
        assumptions=_assumptions(),
        example_patient=ExamplePatient(
            patient=17, arm=high, items=example, note="Chosen: median SLEDAI-2K at baseline."
        ),
        references=(
            Reference(
                record_id="wang2025",
                text="Wang Q, et al. N Engl J Med 2025;393:1542-1544.",
                url="https://doi.org/10.1056/NEJMc2509522",
            ),
        ),
        provenance=provenance,
        command="vivocart trial hn2301 --patients 400",
    )


@pytest.fixture(scope="session")
def trial_result() -> TrialResult:
    return fake_trial()
