"""Global sensitivity: which uncertain typical values decide an endpoint, over all that is not known of them at once.

Every input is a typical value with the uncertainty that ``parameters.csv`` states for it. Screening by Morris finds the
parameters that matter; the variance of each endpoint is then shared out among them by Sobol indices. All runs of a step go
through the batch solver together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd

from vivocart.decisions.uncertain import inputs_table, uncertain_parameters, values_at
from vivocart.decisions.variance import (
    CONFIDENCE,
    ScreeningIndices,
    block_mask,
    morris_design,
    morris_indices,
    sobol_design,
    sobol_indices,
)
from vivocart.endpoints.registry import find_endpoint
from vivocart.endpoints.table import endpoints, quantiles
from vivocart.ground.errors import InputError, SimulationError, UnknownNameError
from vivocart.ground.provenance import Provenance, current_versions
from vivocart.ground.units import convert
from vivocart.model.load import Model
from vivocart.patients.draws import varies
from vivocart.patients.parameters import moved_values
from vivocart.patients.population import VirtualPopulation
from vivocart.simulation.run import simulate
from vivocart.therapies.regimen import Regimen

SAMPLES = 1024
"""Base points of Saltelli's design unless others are asked for."""

TRAJECTORIES = 40
"""Trajectories of Morris in screening."""

SCREEN = 50
"""Parameters kept after screening unless others are asked for."""

_CHUNK = 1024  # patients simulated at once; a limit on memory only
_MORRIS_TAIL = 0.05  # the outer levels of Morris are the 5 % and 95 % quantiles: 0 and 1 have none
_NO_MOVE = 1e-5  # a smaller spread, relative to the value, is the solver's accuracy and no effect


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalSensitivity:
    """Global sensitivity of endpoints to uncertain typical values.

    Parameters
    ----------
    indices
        Columns ``endpoint, parameter_id, kind, first_order, first_order_low, first_order_high, total_order,
        total_order_low, total_order_high``: a row for each endpoint and parameter, within an endpoint the largest total
        order first. ``low`` and ``high`` are the ends of 95 % intervals.
    outputs
        A row for each endpoint: ``endpoint, label, unit, mean, sd, q05, median, q95, n_capped, cap``, over all runs.
        ``n_capped`` runs did not reach the event and count as ``cap``, the end of the simulation.
    inputs
        A row for each candidate: ``parameter_id, kind, value, unit, low90, high90, is_kept, score``. ``low90`` to
        ``high90`` hold 90 % of the typical values drawn; ``score`` is the largest mean elementary effect over endpoints,
        in standard deviations of that endpoint over the screening runs (missing without screening).
    screening
        Columns ``endpoint, parameter_id, mean_effect, mean_effect_half_width, effect_sd``; empty without screening.
    left_out
        Endpoints without indices, with the reason.
    """

    regimen: Regimen
    days: float
    seed: int
    n_patients: int
    n_base: int
    n_runs: int
    n_failed: int
    indices: pd.DataFrame
    outputs: pd.DataFrame
    inputs: pd.DataFrame
    screening: pd.DataFrame
    left_out: Mapping[str, str]
    provenance: Provenance

    @property
    def parameter_ids(self) -> tuple[str, ...]:
        """Parameters that were varied for the indices, in the order of the model."""
        return tuple(str(name) for name in self.inputs.loc[self.inputs["is_kept"], "parameter_id"])

    def of_endpoint(self, endpoint: str) -> pd.DataFrame:
        """Rows of one endpoint, the largest total order first; an unknown one is answered with the nearest three."""
        if endpoint in self.left_out:
            raise InputError(f"no indices: {self.left_out[endpoint]}", where=f"endpoint '{endpoint}'")
        if endpoint not in set(self.outputs["endpoint"]):
            raise UnknownNameError("endpoint", endpoint, [str(name) for name in self.outputs["endpoint"]])
        return self.indices.loc[self.indices["endpoint"] == endpoint].reset_index(drop=True)

    @property
    def strongest(self) -> pd.DataFrame:
        """Each parameter at the endpoint where its total order is surely largest (lower end of its interval)."""
        order = np.argsort(-self.indices["total_order_low"].to_numpy(dtype=float), kind="stable")
        ranked = self.indices.iloc[order]
        return ranked.drop_duplicates("parameter_id").reset_index(drop=True)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Runs:
    """What every run shares."""

    model: Model
    regimen: Regimen
    patients: VirtualPopulation
    days: float
    endpoint_ids: tuple[str, ...] | None
    threads: int | None
    on_message: Callable[[str], None] | None
    tick: Callable[[int], None]


def global_sensitivity(
    model: Model,
    regimen: Regimen,
    *,
    patients: VirtualPopulation | None = None,
    endpoint_ids: Sequence[str] | None = None,
    parameters: Sequence[str] | None = None,
    screen: int | None = SCREEN,
    n_base: int = SAMPLES,
    days: float = 180.0,
    seed: int = 1,
    threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> GlobalSensitivity:
    """Sobol indices of endpoints with respect to uncertain typical values, screened by Morris where they are many.

    Parameters
    ----------
    patients
        In whom; the typical patient if left out. With several, an endpoint is its mean over these same patients (for a flag
        the share), so that the indices speak of the group.
    endpoint_ids
        Endpoints; all that the simulation can answer if left out.
    parameters
        Ids of parameters to vary; every one with a stated uncertainty if left out.
    screen
        With more parameters than this, Morris first and indices for these many that move an endpoint most; the others then
        stay at their typical values. None: all of them, without screening.
    n_base
        Base points, a power of two; the runs are these times the parameters and two more.
    days
        Length after the first infusion.
    on_progress, on_message
        Called with (patients simulated, patients to simulate), and with a sentence while something else takes seconds.

    Raises
    ------
    UnknownNameError
        If a parameter or an endpoint does not exist.
    InputError
        If a parameter has no stated uncertainty, is set by a covariate or by the product, or a number is out of range.
    SimulationError
        If hardly any run reached the end.
    """
    who = VirtualPopulation.typical(model) if patients is None else patients
    candidates = uncertain_parameters(model, regimen, parameters)
    if screen is not None and screen < 1:
        raise InputError(f"{screen}", where="screen", mend="give a whole number, 1 or more")
    for name in endpoint_ids or ():
        find_endpoint(name)
    is_screened = screen is not None and len(candidates) > screen
    n_kept = min(len(candidates), screen) if screen is not None else len(candidates)
    sobol_design(1, n_base, seed)  # a wrong size is refused before anything is simulated
    total = len(who) * (n_base * (n_kept + 2) + (TRAJECTORIES * (len(candidates) + 1) if is_screened else 0))
    runs = _Runs(
        model=model,
        regimen=regimen,
        patients=who,
        days=days,
        endpoint_ids=None if endpoint_ids is None else tuple(dict.fromkeys(endpoint_ids)),
        threads=threads,
        on_message=on_message,
        tick=_counter(total, on_progress),
    )
    kept, scores, screening = candidates, {}, _empty_screening()
    if is_screened:
        scores, screening = _screened(runs, candidates, seed)
        ranked = sorted(candidates, key=lambda name: -scores[name])[:n_kept]
        kept = tuple(name for name in candidates if name in ranked)
    design = sobol_design(len(kept), n_base, _own_seed(seed, "sobol"))
    table = _outputs(runs, kept, design)
    if on_message is not None:
        on_message("sharing out the variance")
    return _result(runs, kept, table, inputs_table(model, candidates, kept, scores), screening, n_base, seed)


def _counter(total: int, report: Callable[[int, int], None] | None) -> Callable[[int], None]:
    done = [0]

    def tick(count: int) -> None:
        done[0] += count
        if report is not None:
            report(min(done[0], total), total)

    return tick


def _own_seed(seed: int, name: str) -> int:
    """A seed of its own for each step."""
    return int.from_bytes(hashlib.sha256(f"{seed}/sensitivity/{name}".encode()).digest()[:4], "little") >> 1


def _screened(runs: _Runs, names: tuple[str, ...], seed: int) -> tuple[dict[str, float], pd.DataFrame]:
    """Score of each parameter, and its elementary effects on each endpoint."""
    design = morris_design(len(names), TRAJECTORIES, _own_seed(seed, "morris"))
    table = _outputs(runs, names, _MORRIS_TAIL + (1.0 - 2.0 * _MORRIS_TAIL) * design)
    values, _, _ = _finite(table, runs, len(names) + 1)
    largest = np.zeros(len(names))
    rows: list[pd.DataFrame] = []
    for endpoint, column in values.items():
        kept = block_mask(column, len(names) + 1)
        found: ScreeningIndices = morris_indices(design, column, _own_seed(seed, endpoint))
        largest = np.maximum(largest, found.mean_effect / column[kept].std())
        rows.append(
            pd.DataFrame(
                {
                    "endpoint": endpoint,
                    "parameter_id": names,
                    "mean_effect": found.mean_effect,
                    "mean_effect_half_width": found.mean_effect_half_width,
                    "effect_sd": found.effect_sd,
                }
            )
        )
    if not rows:
        raise InputError(
            "no endpoint moves", where="sensitivity", mend="choose other endpoints or a longer time"
        )
    return dict(zip(names, largest.tolist(), strict=True)), pd.concat(rows, ignore_index=True)


def _empty_screening() -> pd.DataFrame:
    return pd.DataFrame(
        columns=["endpoint", "parameter_id", "mean_effect", "mean_effect_half_width", "effect_sd"]
    )


def _outputs(runs: _Runs, names: tuple[str, ...], design: np.ndarray) -> pd.DataFrame:
    """Endpoints of every patient of every run, runs one after the other; ``attrs`` as :func:`endpoints` gives them."""
    n_patients = len(runs.patients)
    per_group = max(1, _CHUNK // n_patients)
    parts: list[pd.DataFrame] = []
    for group in _groups(design, per_group):
        simulation = simulate(
            runs.model,
            runs.regimen,
            _moved(runs, names, group),
            days=runs.days + runs.regimen.first_infusion_day,
            threads=runs.threads,
            on_message=runs.on_message,
        )
        parts.append(endpoints(simulation, runs.endpoint_ids))
        runs.tick(len(group) * n_patients)
    table = pd.concat(parts, ignore_index=True)
    table.attrs = dict(parts[0].attrs)
    table.attrs["n_failed"] = sum(int(part.attrs["n_failed"]) for part in parts)
    return table


def _groups(design: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for first in range(0, len(design), size):
        yield design[first : first + size]


def _moved(runs: _Runs, names: tuple[str, ...], unit: np.ndarray) -> VirtualPopulation:
    """The same patients once for each run; each keeps the own deviation from the typical value that is moved."""
    base, n_runs, n_patients = runs.patients, len(unit), len(runs.patients)
    parameters = {
        name: np.full(n_runs * n_patients, row.value)
        for name, row in runs.model.parameters.items()
        if varies(row)  # endpoints read some of these, such as thresholds of CRS, from the patients
    }
    parameters |= {name: np.tile(values, n_runs) for name, values in base.parameters.items()}
    for place, name in enumerate(names):
        row = runs.model.parameters[name]
        typical = np.repeat(values_at(row, unit[:, place]), n_patients)
        usual = parameters.get(name, np.full(n_runs * n_patients, row.value))
        parameters[name] = moved_values(row, usual, row.value, typical)
    return VirtualPopulation(
        ids=np.arange(n_runs * n_patients),
        covariates={name: np.tile(values, n_runs) for name, values in base.covariates.items()},
        parameters=parameters,
        weights=np.tile(base.weights, n_runs),
        seed=base.seed,
        attempts=np.tile(base.attempts, n_runs),
    )


def _finite(
    table: pd.DataFrame, runs: _Runs, block: int
) -> tuple[dict[str, np.ndarray], dict[str, str], dict[str, tuple[int, float]]]:
    """Output of each run by endpoint, why others have none, and for each how many runs are capped and at what."""
    n_patients = len(runs.patients)
    columns = table.to_numpy(dtype=float).reshape(-1, n_patients, table.shape[1])
    failed = np.asarray(np.isnan(columns).all(axis=2))  # of a failed patient nothing is known
    lost = np.asarray(failed.any(axis=1))
    if block_mask(np.where(lost, np.nan, 0.0), block).sum() < 2 * block:
        raise SimulationError(
            f"{int(lost.sum())} of {len(lost)} runs could not be integrated; narrow the uncertainties or vary fewer"
        )
    values: dict[str, np.ndarray] = {}
    left_out: dict[str, str] = dict(table.attrs["left_out"])
    capped: dict[str, tuple[int, float]] = {}
    for place, name in enumerate(str(column) for column in table.columns):
        found, reason, cap = _one_output(columns[~lost, :, place], table.attrs["units"][name], runs.days)
        if found is None:
            left_out[name] = reason
            continue
        whole = np.full(len(lost), np.nan)
        whole[~lost] = found
        values[name], capped[name] = whole, cap
    return values, left_out, capped


def _one_output(
    values: np.ndarray, unit: str, days: float
) -> tuple[np.ndarray | None, str, tuple[int, float]]:
    """One endpoint of the runs that reached the end, (n_runs, n_patients), as one number a run."""
    applies = ~np.isnan(values)
    if not applies.any():
        return None, "does not apply to these patients or this regimen", (0, np.nan)
    if (applies != applies[0]).any():
        share = f"{100.0 * applies.mean():.3g}"
        return (
            None,
            f"applies in {share} % of patients and runs only, so that runs cannot be compared",
            (0, np.nan),
        )
    kept = values[:, applies[0]]
    endless = np.isinf(kept)
    cap = np.nan
    if endless.any():
        if unit not in ("d", "h"):
            return None, "is infinite in some runs", (0, np.nan)
        cap = convert(days, "d", unit)
        kept = np.where(endless, cap, kept)
    output = kept.mean(axis=1)
    if endless.all():
        return None, f"is reached in no run within {days:g} days", (0, np.nan)
    if np.std(output) <= _NO_MOVE * np.abs(output).max():
        return None, f"does not vary: {output[0]:.4g} in every run", (0, np.nan)
    return output, "", (int(endless.any(axis=1).sum()), cap)


def _result(
    runs: _Runs,
    kept: tuple[str, ...],
    table: pd.DataFrame,
    inputs: pd.DataFrame,
    screening: pd.DataFrame,
    n_base: int,
    seed: int,
) -> GlobalSensitivity:
    values, left_out, capped = _finite(table, runs, len(kept) + 2)
    attributes = table.attrs
    rows = [_indices(runs.model, name, column, kept, seed) for name, column in values.items()]
    if not rows:
        first = next(iter(left_out.items()))
        raise InputError(
            f"no endpoint has indices; {first[0]} {first[1]}",
            where="sensitivity",
            mend="choose other endpoints or parameters",
        )
    outputs = [
        _output_row(name, column, attributes["labels"][name], attributes["units"][name], *capped[name])
        for name, column in values.items()
    ]
    return GlobalSensitivity(
        regimen=runs.regimen,
        days=runs.days,
        seed=seed,
        n_patients=len(runs.patients),
        n_base=n_base,
        n_runs=n_base * (len(kept) + 2),
        n_failed=int(attributes["n_failed"]),
        indices=pd.concat(rows, ignore_index=True),
        outputs=pd.DataFrame(outputs),
        inputs=inputs,
        screening=screening,
        left_out=left_out,
        provenance=_provenance(runs, kept, n_base, seed),
    )


def _indices(
    model: Model, endpoint: str, values: np.ndarray, names: tuple[str, ...], seed: int
) -> pd.DataFrame:
    found = sobol_indices(values, len(names), _own_seed(seed, endpoint))
    table = pd.DataFrame(
        {
            "endpoint": endpoint,
            "parameter_id": names,
            "kind": [model.parameters[name].kind for name in names],
            "first_order": found.first_order,
            "first_order_low": found.first_order - found.first_order_half_width,
            "first_order_high": found.first_order + found.first_order_half_width,
            "total_order": found.total_order,
            "total_order_low": found.total_order - found.total_order_half_width,
            "total_order_high": found.total_order + found.total_order_half_width,
        }
    )
    return table.iloc[np.argsort(-found.total_order, kind="stable")]


def _output_row(
    endpoint: str, values: np.ndarray, label: str, unit: str, n_capped: int, cap: float
) -> dict[str, object]:
    seen = values[np.isfinite(values)]
    low, middle, high = quantiles(seen, (0.05, 0.5, 0.95))
    return {
        "endpoint": endpoint,
        "label": label,
        "unit": unit,
        "mean": float(seen.mean()),
        "sd": float(seen.std()),
        "q05": low,
        "median": middle,
        "q95": high,
        "n_capped": n_capped,
        "cap": cap,
    }


def _provenance(runs: _Runs, kept: tuple[str, ...], n_base: int, seed: int) -> Provenance:
    import importlib.metadata

    return Provenance(
        model_hash=runs.model.hash,
        parameter_set="hand-set, as shipped; typical values drawn from their stated uncertainty",
        seed=seed,
        asked={
            "regimen": runs.regimen.sentence,
            "days": runs.days,
            "n_patients": len(runs.patients),
            "n_base": n_base,
            "endpoints": None if runs.endpoint_ids is None else list(runs.endpoint_ids),
            "parameters": list(kept),
            "confidence": CONFIDENCE,
        },
        record_ids=runs.regimen.record_ids,
        parameter_ids=kept,
        versions=current_versions() | {"SALib": importlib.metadata.version("SALib")},
    )
