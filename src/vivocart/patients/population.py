"""Virtual patients: covariates, parameters of the model and weights, by patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, final

import numpy as np
import pandas as pd

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.streams import normals_of
from vivocart.model.rows import SledaiItemRow
from vivocart.patients.covariates import CovariateTable, Draw, load_covariates
from vivocart.patients.criteria import EntryCriteria
from vivocart.patients.draws import PopulationDraws
from vivocart.patients.own_patients import read_patients
from vivocart.patients.parameters import drawn_parameters, moved_values
from vivocart.patients.sledai_baseline import (
    sledai_covariates,
    sledai_items,
    sledai_numbers,
    typical_thresholds,
)

if TYPE_CHECKING:
    from vivocart.model.load import Model

MAXIMUM_ATTEMPTS = 200
"""Draws of one candidate after which entry criteria count as impossible."""

_MAXIMUM_PATIENTS = 100_000_000


_TYPICAL: list[tuple[Model, dict[str, int], np.ndarray]] = []


def _typical_row(model: Model) -> tuple[dict[str, int], np.ndarray]:
    """Column of every parameter of a model and its typical value; kept for the model asked for last."""
    for known, columns, row in tuple(_TYPICAL):
        if known is model:
            return columns, row
    columns = {name: column for column, name in enumerate(model.system.parameter_ids)}
    row = np.array([float(parameter.value) for parameter in model.system.parameters])
    for name, entry in model.parameters.items():
        if name in columns:
            row[columns[name]] = entry.value
    _TYPICAL[:] = [(model, columns, row)]
    return columns, row


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualPopulation:
    """Virtual patients, one entry a patient in every array.

    ``parameters`` holds the parameters of the model that vary or were set; every other has the model's value. ``weights``
    are how common a patient is, 1 unless given. ``attempts`` counts the candidates that entry criteria turned away before
    the patient.
    """

    ids: np.ndarray
    covariates: Mapping[str, np.ndarray]
    parameters: Mapping[str, np.ndarray]
    weights: np.ndarray
    seed: int
    attempts: np.ndarray

    @classmethod
    def sample(
        cls,
        model: Model,
        *,
        n_patients: int,
        seed: int,
        criteria: EntryCriteria | None = None,
        first: int = 0,
        typical: Mapping[str, float | np.ndarray] | None = None,
        typical_draw: np.ndarray | None = None,
        draws: PopulationDraws | None = None,
        draw: np.ndarray | None = None,
        covariates: CovariateTable | None = None,
        items: Sequence[SledaiItemRow] | None = None,
    ) -> Self:
        """Virtual patients ``first`` to ``first + n_patients - 1`` of a seed.

        A patient's numbers depend on the seed, the patient's index and the name of what is drawn, and on nothing else: not
        on the other patients, the other covariates, or the arm. Entry criteria redraw the covariates of the one candidate
        who does not meet them.

        Parameters
        ----------
        model
            Whose parameters are drawn.
        n_patients, seed, first
            Number of patients, seed, and index of the first.
        criteria
            Entry criteria; none when left out.
        typical
            Typical values instead of the model's, by parameter id: one number, or one for each patient.
        typical_draw
            Index of the draw of uncertain typical values for each patient, shape (n_patients,): patients of one virtual
            cohort share an index and so their typical values. Without it typical values are the model's.
        draws, draw
            Populations, such as those of a posterior, and for each patient the one it is taken from, shape (n_patients,):
            it has the typical values and the spreads of that draw.
        covariates, items
            Tables instead of the shipped ones.

        Raises
        ------
        InputError
            If a number is out of range, or hardly any candidate meets the criteria (the strictest is named).
        UnknownNameError
            If ``typical`` or a criterion names what does not exist.
        """
        _check_request(n_patients, seed, first)
        table = load_covariates() if covariates is None else covariates
        patients = np.arange(first, first + n_patients)
        known, attempts = _accepted_covariates(
            table, sledai_items() if items is None else items, seed=seed, patients=patients, criteria=criteria
        )
        parameters = drawn_parameters(
            model,
            table,
            known,
            seed=seed,
            patients=patients,
            typical=typical or {},
            typical_draw=typical_draw,
            draws=draws,
            draw=draw,
        )
        return cls(
            ids=patients,
            covariates=known,
            parameters=parameters,
            weights=np.ones(n_patients),
            seed=seed,
            attempts=attempts,
        )

    @classmethod
    def typical(cls, model: Model, *, covariates: CovariateTable | None = None) -> Self:
        """One patient: every covariate at its median, every parameter at its typical value."""
        table = load_covariates() if covariates is None else covariates
        medians = table.medians()
        share = table.rows["nephritis"][0].median
        medians |= typical_thresholds(
            sledai_items(), nephritis=medians["nephritis"] > 0.5, nephritis_share=share
        )
        known = {name: np.array([value]) for name, value in medians.items()}
        used = {key: known[name] for key, name in table.parameters.items() if key in model.parameters}
        one = np.zeros(1, dtype=np.int64)
        return cls(ids=one, covariates=known, parameters=used, weights=np.ones(1), seed=0, attempts=one)

    @classmethod
    def read(cls, path: str | Path, model: Model, *, seed: int = 0) -> Self:
        """Patients of the user's own CSV file; :mod:`vivocart.patients.own_patients` says how it is read."""
        ids, weights, covariates, parameters = read_patients(path, model, seed=seed)
        return cls(
            ids=ids,
            covariates=covariates,
            parameters=parameters,
            weights=weights,
            seed=seed,
            attempts=np.zeros(len(ids), dtype=np.int64),
        )

    def __len__(self) -> int:
        """Number of patients."""
        return len(self.ids)

    @property
    def acceptance(self) -> float:
        """Share of candidates whom the entry criteria took."""
        return len(self) / (len(self) + int(self.attempts.sum())) if len(self) else 1.0

    def parameter_matrix(
        self,
        model: Model,
        overrides: Mapping[str, float] | None = None,
        widths: Mapping[str, float] | None = None,
    ) -> np.ndarray:
        """Parameters of every patient in the order of ``model.system.parameter_ids``, shape (n_patients, n_parameters).

        Parameters
        ----------
        model
            The model the patients were drawn for.
        overrides
            Typical values that a product sets. A patient keeps the deviation from the model's typical value, on the scale
            where the parameter is normally distributed.
        widths
            By how much that deviation is multiplied; 1 where absent.
        """
        columns, typical = _typical_row(model)
        matrix = np.tile(typical, (len(self), 1))
        for name, values in self.parameters.items():
            if name in columns:
                matrix[:, columns[name]] = values
        rows = dict(model.parameters) if overrides else {}  # the model's catalog raises for a name it lacks
        for name, value in (overrides or {}).items():
            if name not in columns:
                raise UnknownNameError("parameter", name, columns, where="product")
            column = columns[name]
            width = (widths or {}).get(name, 1.0)
            matrix[:, column] = moved_values(
                rows.get(name), matrix[:, column], float(typical[column]), value, width
            )
        return matrix

    def take(self, positions: np.ndarray | Sequence[int]) -> VirtualPopulation:
        """The patients at these positions, in this order."""
        chosen = np.asarray(positions)
        return VirtualPopulation(
            ids=self.ids[chosen],
            covariates={key: values[chosen] for key, values in self.covariates.items()},
            parameters={key: values[chosen] for key, values in self.parameters.items()},
            weights=self.weights[chosen],
            seed=self.seed,
            attempts=self.attempts[chosen],
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a patient: ``patient``, ``weight``, covariates, and parameters that no covariate holds."""
        columns: dict[str, np.ndarray] = {"patient": self.ids, "weight": self.weights}
        columns |= self.covariates
        columns |= {key: values for key, values in self.parameters.items() if key not in columns}
        return pd.DataFrame(columns)

    def __str__(self) -> str:
        """Number of patients and the medians that a clinician asks for first."""
        shown = [
            f"{name} {np.median(self.covariates[name]):.3g}"
            for name in ("age", "sledai_baseline", "upcr", "anti_dsdna", "b_cells_blood")
            if name in self.covariates
        ]
        return f"{len(self)} virtual patients, seed {self.seed}; medians: {', '.join(shown)}"


def _check_request(n_patients: int, seed: int, first: int) -> None:
    for name, value, least in (("n_patients", n_patients, 1), ("seed", seed, 0), ("first", first, 0)):
        if isinstance(value, bool) or int(value) != value or value < least:
            raise InputError(f"{value}", where=name, mend=f"give a whole number, {least} or more")
    if n_patients > _MAXIMUM_PATIENTS:
        raise InputError(f"{n_patients}", where="n_patients", mend=f"at most {_MAXIMUM_PATIENTS} at once")


def _accepted_covariates(
    table: CovariateTable,
    items: Sequence[SledaiItemRow],
    *,
    seed: int,
    patients: np.ndarray,
    criteria: EntryCriteria | None,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    if criteria is None:
        none = np.zeros(len(patients), dtype=np.int64)
        return candidates(table, items, seed=seed, patients=patients, attempts=none), none
    soon = criteria.of(table.rows)
    before = table.only([criterion.covariate for criterion in soon.criteria]) if soon else None
    known: dict[str, np.ndarray] = {}
    attempts = np.zeros(len(patients), dtype=np.int64)
    waiting, attempt = np.arange(len(patients)), 0
    while len(waiting) and attempt <= MAXIMUM_ATTEMPTS:
        count = min(_candidates_at_once(attempt), MAXIMUM_ATTEMPTS + 1 - attempt)
        whose, tried = np.repeat(waiting, count), attempt + np.tile(np.arange(count), len(waiting))
        if soon and before:  # most who are turned away are, before all of their numbers are drawn
            first = candidates(before, (), seed=seed, patients=patients[whose], attempts=tried)
            hopeful = np.flatnonzero(soon.accepted(first))
            whose, tried = whose[hopeful], tried[hopeful]
        attempt += count
        if len(whose) == 0:
            continue
        drawn = candidates(table, items, seed=seed, patients=patients[whose], attempts=tried)
        places = np.flatnonzero(criteria.accepted(drawn))
        entered, which = np.unique(whose[places], return_index=True)  # the first of several
        for name, values in drawn.items():
            known.setdefault(name, np.empty(len(patients)))[entered] = values[places[which]]
        attempts[entered] = tried[places[which]]
        waiting = np.setdiff1d(waiting, entered, assume_unique=True)
    if len(waiting) == 0:
        return known, attempts
    sample = candidates(
        table, items, seed=seed, patients=np.arange(2000), attempts=np.zeros(2000, dtype=np.int64)
    )
    shares = {name: float(np.mean(meets)) for name, meets in criteria.met(sample).items()}
    strictest = min(shares, key=lambda name: shares[name])
    raise InputError(
        f"{len(waiting)} of {len(patients)} patients met no draw in {MAXIMUM_ATTEMPTS}",
        where="entry criteria",
        mend=f"'{strictest}' is met by {shares[strictest]:.1%} of candidates: widen it, or change covariates.csv",
    )


def _candidates_at_once(attempt: int) -> int:
    """Candidates drawn for each patient who still waits: one while many wait, ever more for the few that are left."""
    return 1 if attempt < 3 else attempt + 1


def candidates(
    table: CovariateTable,
    items: Sequence[SledaiItemRow],
    *,
    seed: int,
    patients: np.ndarray,
    attempts: np.ndarray,
) -> dict[str, np.ndarray]:
    """Covariates of candidates before any entry criterion, SLEDAI-2K included where ``items`` are given; shape (n,) each.

    Parameters
    ----------
    table, items
        What is drawn.
    seed, patients, attempts
        Seed, and for each candidate the index of the patient and the number of candidates turned away before, shape (n,).
    """
    draw = _numbers(table, items, seed, patients, attempts)
    values = table.values(draw)
    if items and "nephritis" in values:
        share = table.rows["nephritis"][0].median
        values |= sledai_covariates(values, draw, items=items, nephritis_share=share)
    return values


def _numbers(
    table: CovariateTable,
    items: Sequence[SledaiItemRow],
    seed: int,
    patients: np.ndarray,
    attempts: np.ndarray,
) -> Draw:
    """Standard normal numbers of candidates by name."""
    tried, which = np.unique(attempts, return_inverse=True)
    suffixes = [f"#{attempt}" if attempt else "" for attempt in tried.tolist()]
    names = [*table.mixing, *sledai_numbers(items)]
    streams = [[f"patients/{name}{suffix}" for suffix in suffixes] for name in names]
    return dict(zip(names, normals_of(seed, streams, which, patients), strict=True)).__getitem__
