"""The numbers a fit looks for, as one vector: typical values, covariate effects, spreads, correlations, residual errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from vivocart.calibration.individuals.data_map import ErrorKind
from vivocart.model.rows import Distribution

SMALLEST_SPREAD = 0.01  # on the normal scale; below it a spread is told as not different from none


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FittedParameter:
    """A parameter whose typical value or spread is looked for; all numbers on the scale on which it is normal.

    ``prior_sd`` is infinite without a prior. A ``spread`` of 0 says that all patients share the value.
    """

    id: str
    unit: str
    column: int  # among the parameters of the system
    distribution: Distribution
    start: float
    lower: float
    upper: float
    spread: float
    holds_typical: bool = False
    holds_spread: bool = False
    prior_sd: float = np.inf


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FittedEffect:
    """A coefficient on a column of covariate values, (n_subjects,)."""

    name: str
    place: int  # of the parameter among the fitted ones
    values: np.ndarray
    start: float
    hold: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FittedError:
    """Residual error of one kind of measurement; numbers that its ``error`` does not use are 0."""

    kind: str  # the file's DVID
    label: str  # the observable, with the DVID where several are read of it
    observable: str
    error: ErrorKind
    additive: float
    proportional: float
    hold: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """A vector of the fit, taken apart.

    ``center`` (n_subjects, n_parameters) are the means of the patients' parameters given their covariates, on the normal
    scale; ``covariance`` is among the parameters that vary, in their order; ``errors`` (n_errors, 2) are additive and
    proportional standard deviations.
    """

    center: np.ndarray
    covariance: np.ndarray
    errors: np.ndarray


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where each number stands in the vector, and between what limits it is looked for.

    ``names`` are ``typical:<id>``, ``effect:<parameter>~<covariate>``, ``spread:<id>`` (logarithm),
    ``correlation:<id>,<id>`` (inverse hyperbolic tangent of the partial correlation, given those before it in its group),
    ``additive:<label>`` and ``proportional:<label>`` (logarithms).
    """

    parameters: tuple[FittedParameter, ...]
    effects: tuple[FittedEffect, ...]
    errors: tuple[FittedError, ...]
    pairs: tuple[tuple[int, int], ...]  # places among the varying ones
    n_subjects: int
    names: tuple[str, ...]
    start: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    @property
    def varying(self) -> tuple[int, ...]:
        """Places of the parameters that differ between patients."""
        return tuple(place for place, entry in enumerate(self.parameters) if entry.spread > 0)

    @property
    def shared(self) -> tuple[int, ...]:
        """Places of the parameters that all patients share (but for covariates)."""
        return tuple(place for place, entry in enumerate(self.parameters) if entry.spread == 0)

    def of_kind(self, *kinds: str) -> np.ndarray:
        """Places in the vector of the entries of these kinds, such as ``"spread"``."""
        return np.array(
            [i for i, name in enumerate(self.names) if name.split(":")[0] in kinds], dtype=np.int64
        )

    def values(self, vector: np.ndarray) -> Values:
        """A vector taken apart."""
        found = dict(zip(self.names, vector.tolist(), strict=True))
        center = np.empty((self.n_subjects, len(self.parameters)))
        for place, entry in enumerate(self.parameters):
            center[:, place] = found.get(f"typical:{entry.id}", entry.start)
        for effect in self.effects:
            center[:, effect.place] += found.get(effect.name, effect.start) * effect.values
        spreads = np.array(
            [
                np.exp(found.get(f"spread:{entry.id}", np.log(entry.spread)))
                for entry in (self.parameters[place] for place in self.varying)
            ]
        )
        return Values(
            center=center,
            covariance=spreads[:, None] * self._correlation(found) * spreads,
            errors=np.array([_error_sizes(entry, found) for entry in self.errors]),
        )

    def _correlation(self, found: dict[str, float]) -> np.ndarray:
        """Correlations from partial ones, which may take any values between -1 and 1 and always belong together."""
        n = len(self.varying)
        root = np.eye(n)
        ids = [self.parameters[place].id for place in self.varying]
        left = np.ones(n)
        for first, second in self.pairs:
            partial = np.tanh(found[f"correlation:{ids[first]},{ids[second]}"])
            root[second, first] = partial * left[second]
            left[second] *= np.sqrt(1.0 - partial * partial)
            root[second, second] = left[second]
        return root @ root.T


def lay_out(
    parameters: Sequence[FittedParameter],
    effects: Sequence[FittedEffect],
    errors: Sequence[FittedError],
    groups: Sequence[Sequence[str]],
    n_subjects: int,
) -> Layout:
    """The vector of a fit with its start and limits.

    Parameters
    ----------
    groups
        Ids of parameters that vary together; a parameter stands in one group at most.
    """
    rows: list[tuple[str, float, float, float]] = []
    rows += [(f"typical:{p.id}", p.start, p.lower, p.upper) for p in parameters if not p.holds_typical]
    rows += [(e.name, e.start, -20.0, 20.0) for e in effects if not e.hold]
    rows += [
        (f"spread:{p.id}", float(np.log(p.spread)), float(np.log(SMALLEST_SPREAD)), float(np.log(20.0)))
        for p in parameters
        if p.spread > 0 and not p.holds_spread
    ]
    varying = [p.id for p in parameters if p.spread > 0]
    pairs: list[tuple[int, int]] = []
    for group in groups:
        places = sorted(varying.index(name) for name in group)
        for later, second in enumerate(places):
            pairs += [(first, second) for first in places[:later]]
    rows += [(f"correlation:{varying[i]},{varying[j]}", 0.0, -3.0, 3.0) for i, j in pairs]
    for error in errors:
        for name in ("additive", "proportional"):
            size = getattr(error, name)
            if size > 0 and not error.hold:
                log_size = float(np.log(size))
                rows.append((f"{name}:{error.label}", log_size, log_size - 12.0, log_size + 12.0))
    return Layout(
        parameters=tuple(parameters),
        effects=tuple(effects),
        errors=tuple(errors),
        pairs=tuple(pairs),
        n_subjects=n_subjects,
        names=tuple(row[0] for row in rows),
        start=np.array([row[1] for row in rows]),
        lower=np.array([row[2] for row in rows]),
        upper=np.array([row[3] for row in rows]),
    )


def _error_sizes(error: FittedError, found: dict[str, float]) -> tuple[float, float]:
    sizes = []
    for name in ("additive", "proportional"):
        place = f"{name}:{error.label}"
        sizes.append(float(np.exp(found[place])) if place in found else float(getattr(error, name)))
    return sizes[0], sizes[1]
