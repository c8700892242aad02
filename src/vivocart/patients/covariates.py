"""Covariates: the table of what is known of a patient before dosing, and its joint distribution."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal, Self, final

import numpy as np
from pydantic import model_validator
from scipy.special import ndtr

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.tables import Row, read_table
from vivocart.model.rows import SpreadKind
from vivocart.patients.sampling import conditional_weights, sampled_values, transformed_sd

Draw = Callable[[str], np.ndarray]
"""Standard normal numbers of a covariate or item, by its id, one a patient."""


@final
class CovariateRow(Row):
    """One row of ``covariates.csv``.

    ``median`` is the prevalence for ``bernoulli``. ``given`` (``nephritis`` or ``not nephritis``) makes the row hold for
    patients with or without that flag; the rows of one id then cover both. ``parameter`` is the parameter of the model
    that the covariate sets. ``correlated_with`` and ``correlation`` list other covariates and the correlations of the
    underlying normal numbers (a Gaussian copula), separated by ``;``.
    """

    id: str
    unit: str
    distribution: Literal["lognormal", "logitnormal", "normal", "bernoulli"]
    median: float
    spread: float | None = None
    spread_kind: SpreadKind | None = None
    lower: float | None = None
    upper: float | None = None
    given: str = ""
    parameter: str = ""
    correlated_with: str = ""
    correlation: str = ""
    kind: Literal["measured", "estimated", "assumed", "scenario"]
    quantity_ids: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.distribution == "bernoulli":
            if not 0.0 < self.median < 1.0:
                raise ValueError(f"prevalence {self.median:g} of {self.id} is not between 0 and 1")
        elif self.spread is None or self.spread_kind is None or self.spread <= 0:
            raise ValueError(f"{self.id} needs a positive spread and its spread_kind")
        if self.distribution == "lognormal" and self.median <= 0:
            raise ValueError(f"the median of {self.id} must be positive")
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError(f"lower {self.lower:g} is not below upper {self.upper:g}")
        if self.kind == "assumed" and not self.note and not self.quantity_ids:
            raise ValueError(f"{self.id} is assumed: say why in the note")
        if len(self.partners) != len(self.correlations):
            raise ValueError(f"{len(self.partners)} covariates and {len(self.correlations)} correlations")
        return self

    @property
    def partners(self) -> tuple[str, ...]:
        """Covariates that this one is correlated with."""
        return tuple(part.strip() for part in self.correlated_with.split(";") if part.strip())

    @property
    def correlations(self) -> tuple[float, ...]:
        """Correlation with each of :attr:`partners`."""
        return tuple(float(part) for part in self.correlation.split(";") if part.strip())

    @property
    def flag(self) -> str:
        """Covariate that ``given`` names, or an empty string."""
        return self.given.removeprefix("not ").strip()

    @property
    def sd(self) -> float:
        """Standard deviation on the transformed scale; 0 for a flag."""
        if self.distribution == "bernoulli" or self.spread is None or self.spread_kind is None:
            return 0.0
        return transformed_sd(self.distribution, self.median, self.spread, self.spread_kind)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CovariateTable:
    """Covariates in an order in which each can be drawn after those it depends on.

    ``mixing`` gives for each id the partners, their weights and the weight of the id's own number.
    """

    rows: Mapping[str, tuple[CovariateRow, ...]]
    mixing: Mapping[str, tuple[tuple[str, ...], np.ndarray, float]]

    @property
    def parameters(self) -> Mapping[str, str]:
        """Parameter of the model -> covariate that sets it."""
        return {rows[0].parameter: name for name, rows in self.rows.items() if rows[0].parameter}

    def only(self, names: Collection[str]) -> CovariateTable:
        """These covariates and those that they depend on, by the same distribution."""
        needed, waiting = set[str](), list(names)
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting += [*self.mixing[name][0], *(row.flag for row in self.rows[name] if row.flag)]
        return CovariateTable(
            rows={name: rows for name, rows in self.rows.items() if name in needed},
            mixing={name: mixed for name, mixed in self.mixing.items() if name in needed},
        )

    def normal_numbers(self, draw: Draw) -> dict[str, np.ndarray]:
        """Correlated standard normal numbers of every covariate; each id's own numbers come from ``draw``."""
        numbers: dict[str, np.ndarray] = {}
        for name, (partners, weights, own) in self.mixing.items():
            numbers[name] = own * draw(name)
            for partner, weight in zip(partners, weights, strict=True):
                numbers[name] = numbers[name] + weight * numbers[partner]
        return numbers

    def values(self, draw: Draw) -> dict[str, np.ndarray]:
        """Values of every covariate; flags are 0 or 1."""
        numbers = self.normal_numbers(draw)
        values: dict[str, np.ndarray] = {}
        for name, rows in self.rows.items():
            if rows[0].distribution == "bernoulli":
                values[name] = (ndtr(numbers[name]) < rows[0].median).astype(np.float64)
        for name, rows in self.rows.items():
            if rows[0].distribution == "bernoulli":
                continue
            found = _continuous(rows[0], numbers[name])
            for row in rows[1:]:
                found = np.where(_holds(row, values), _continuous(row, numbers[name]), found)
            values[name] = found
        return {name: values[name] for name in self.rows}

    def medians(self) -> dict[str, float]:
        """The typical patient: medians, and for a flag its commoner value."""
        flags = {name: float(rows[0].median >= 0.5) for name, rows in self.rows.items()}
        typical: dict[str, float] = {}
        for name, rows in self.rows.items():
            if rows[0].distribution == "bernoulli":
                typical[name] = flags[name]
                continue
            holding = [
                row for row in rows if not row.given or bool(flags[row.flag]) != row.given.startswith("not ")
            ]
            typical[name] = holding[0].median
        return typical


def _continuous(row: CovariateRow, numbers: np.ndarray) -> np.ndarray:
    assert row.distribution != "bernoulli"  # flags are drawn before
    return sampled_values(row.distribution, numbers, row.median, row.sd, lower=row.lower, upper=row.upper)


def _holds(row: CovariateRow, values: Mapping[str, np.ndarray]) -> np.ndarray:
    flag = values[row.flag] > 0.5
    return ~flag if row.given.startswith("not ") else flag


def load_covariates(path: Path | None = None) -> CovariateTable:
    """The shipped covariates, or those of another CSV file.

    Raises
    ------
    InputError
        Naming file, row, column and mend.
    """
    source: Path | Traversable = path or resources.files("vivocart.patients") / "covariates.csv"
    return covariate_table(read_table(source, CovariateRow), name=source.name)


def covariate_table(rows: Sequence[CovariateRow], *, name: str = "covariates.csv") -> CovariateTable:
    """Rows with their dependences resolved; errors as in :func:`load_covariates`."""
    grouped: dict[str, list[CovariateRow]] = {}
    for row in rows:
        grouped.setdefault(row.id, []).append(row)
    for same in grouped.values():
        _check_group(same, grouped, name)
    try:
        order = list(
            TopologicalSorter({key: same[0].partners for key, same in grouped.items()}).static_order()
        )
    except CycleError as error:
        raise InputError(
            f"{' and '.join(error.args[1][1:])} depend on each other", where=f"{name}, correlated_with"
        ) from error
    by_id = {key: tuple(grouped[key]) for key in order}
    return CovariateTable(rows=by_id, mixing=_mixing(by_id, name))


def _check_group(
    same: Sequence[CovariateRow], grouped: Mapping[str, Sequence[CovariateRow]], name: str
) -> None:
    first = same[0]
    where = f"{name}, covariate {first.id}"
    for partner in first.partners:
        if partner not in grouped:
            raise UnknownNameError("covariate", partner, grouped, where=f"{where}, correlated_with")
    if not first.given and len(same) == 1:
        return
    if {row.given for row in same} != {first.flag, f"not {first.flag}"} or len(same) != 2:
        raise InputError(
            "stands in several rows",
            where=where,
            mend="write one row for 'flag' and one for 'not flag' in given",
        )
    if first.flag not in grouped or grouped[first.flag][0].distribution != "bernoulli":
        raise InputError(
            f"'{first.flag}' is not a bernoulli covariate", where=f"{where}, given", mend="name a flag"
        )
    if len({(row.correlated_with, row.correlation, row.parameter, row.unit) for row in same}) > 1:
        raise InputError(
            "the rows differ in unit, parameter or correlation", where=where, mend="make them agree"
        )


def _mixing(
    rows: Mapping[str, tuple[CovariateRow, ...]], name: str
) -> dict[str, tuple[tuple[str, ...], np.ndarray, float]]:
    loadings: dict[str, dict[str, float]] = {}  # each number as a sum of independent ones
    mixing: dict[str, tuple[tuple[str, ...], np.ndarray, float]] = {}
    for key, same in rows.items():
        partners, wanted = same[0].partners, np.array(same[0].correlations)
        among = np.array([[_correlation(loadings[a], loadings[b]) for b in partners] for a in partners])
        try:
            weights, own = conditional_weights(wanted, among) if partners else (np.empty(0), 1.0)
        except (InputError, np.linalg.LinAlgError) as error:
            where = f"{name}, covariate {key}, correlation"
            raise InputError(
                "these correlations cannot hold together", where=where, mend="make them smaller"
            ) from error
        mixing[key] = (partners, weights, own)
        loadings[key] = {key: own}
        for partner, weight in zip(partners, weights, strict=True):
            for source, loading in loadings[partner].items():
                loadings[key][source] = loadings[key].get(source, 0.0) + float(weight) * loading
    return mixing


def _correlation(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return sum(loading * other.get(source, 0.0) for source, loading in one.items())
