"""Draws of a whole population: typical values, between-patient spreads and scenario unknowns, before or after a fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

import numpy as np
from scipy.special import ndtr, ndtri

from vivocart.ground.errors import InputError
from vivocart.ground.streams import normals_at, uniforms
from vivocart.model.rows import Distribution, ParameterRow
from vivocart.patients.sampling import sampled_values, to_normal, transformed_sd

if TYPE_CHECKING:
    from vivocart.model.load import Model

SPREAD_LOG_SD = 0.3
"""How unsure every between-patient standard deviation is: log-normal with this SD about the table's (assumed).

A study of ten patients leaves about 0.24 on the logarithm of a standard deviation, and most of our spreads are worse known.
"""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationDraws:
    """Populations that may be the true one, all equally likely; every array has shape (n_draws,).

    Parameters
    ----------
    typical
        Typical value by parameter id, in the parameter's unit. A parameter that is not here has the model's value.
    spread
        Multiplier of the between-patient standard deviation on the scale where it is normal, by parameter id; 1 if absent.
    scenario
        What a study did not publish and a protocol needs, such as ``interval_days``.
    """

    typical: Mapping[str, np.ndarray]
    spread: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    scenario: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])

    def __post_init__(self) -> None:
        """Refuse arrays of different lengths."""
        lengths = {np.shape(values) for part in self._parts() for values in part.values()}
        if len(lengths) > 1 or any(len(shape) != 1 for shape in lengths):
            raise InputError(
                f"arrays of shapes {sorted(lengths)}", where="draws", mend="give (n_draws,) each"
            )

    def _parts(self) -> tuple[Mapping[str, np.ndarray], ...]:
        return (self.typical, self.spread, self.scenario)

    def __len__(self) -> int:
        """Number of draws."""
        return next((len(values) for part in self._parts() for values in part.values()), 0)

    def take(self, positions: np.ndarray) -> PopulationDraws:
        """The draws at these positions, in this order."""
        typical, spread, scenario = (
            {name: values[positions] for name, values in part.items()} for part in self._parts()
        )
        return PopulationDraws(typical=typical, spread=spread, scenario=scenario)


def uncertain_parameters(model: Model) -> tuple[str, ...]:
    """Ids of the parameters whose typical value the table calls uncertain, in its order."""
    return tuple(name for name, row in model.parameters.items() if is_uncertain(row))


def varying_parameters(model: Model) -> tuple[str, ...]:
    """Ids of the parameters that vary between patients by the table's own spread, in its order."""
    return tuple(name for name, row in model.parameters.items() if varies(row))


def is_uncertain(row: ParameterRow) -> bool:
    """Whether the table states how sure the typical value is."""
    return bool(row.uncertainty) and row.uncertainty_kind is not None


def varies(row: ParameterRow) -> bool:
    """Whether patients differ in the parameter by the table's spread."""
    return row.distribution != "none" and bool(row.spread) and row.spread_kind is not None


def uncertainty_scale(row: ParameterRow) -> Distribution:
    """The scale on which the typical value is normal: that of the patients, log-normal where they do not vary."""
    return "lognormal" if row.distribution == "none" and row.value > 0 else row.distribution


def typical_values(row: ParameterRow, z: np.ndarray) -> np.ndarray:
    """Typical values from standard normal numbers, so that their distribution is the prior of the table.

    Parameters
    ----------
    row
        A parameter with an uncertainty (:func:`is_uncertain`).
    z
        Standard normal numbers of any shape.
    """
    assert row.uncertainty is not None and row.uncertainty_kind is not None
    scale = uncertainty_scale(row)
    sd = transformed_sd(scale, row.value, row.uncertainty, row.uncertainty_kind)
    return sampled_values(scale, z, row.value, sd, lower=row.lower, upper=row.upper)


def typical_numbers(row: ParameterRow, values: np.ndarray) -> np.ndarray:
    """Standard normal numbers that :func:`typical_values` turns into these values: how far each lies out in the prior."""
    assert row.uncertainty is not None and row.uncertainty_kind is not None
    scale = uncertainty_scale(row)
    sd = transformed_sd(scale, row.value, row.uncertainty, row.uncertainty_kind)
    center = to_normal(scale, row.value)
    z = (to_normal(scale, values) - center) / sd
    low, high = (
        side if bound is None else (to_normal(scale, bound) - center) / sd
        for side, bound in ((-np.inf, row.lower), (np.inf, row.upper))
    )
    if np.isinf(low) and np.isinf(high):
        return np.asarray(z)
    below, above = ndtr(low), ndtr(high)
    return np.asarray(ndtri(np.clip((ndtr(z) - below) / (above - below), 1e-12, 1.0 - 1e-12)))


def spread_numbers(multipliers: np.ndarray) -> np.ndarray:
    """Standard normal numbers that :func:`spread_multipliers` turns into these multipliers."""
    return np.log(multipliers) / SPREAD_LOG_SD


def spread_multipliers(z: np.ndarray) -> np.ndarray:
    """Multipliers of a between-patient standard deviation from standard normal numbers; :data:`SPREAD_LOG_SD`."""
    return np.exp(SPREAD_LOG_SD * z)


def patient_values(
    row: ParameterRow, z: np.ndarray, typical: np.ndarray | float, spread: np.ndarray | float = 1.0
) -> np.ndarray:
    """Patients' values from their standard normal numbers.

    Parameters
    ----------
    row
        A parameter that varies (:func:`varies`).
    z
        Standard normal numbers of any shape.
    typical, spread
        Typical value and multiplier of the spread, in shapes that broadcast with ``z``.
    """
    assert row.spread is not None and row.spread_kind is not None
    sd = transformed_sd(row.distribution, row.value, row.spread, row.spread_kind)
    return sampled_values(row.distribution, z, typical, sd * spread, lower=row.lower, upper=row.upper)


def merged_draws(base: PopulationDraws, parts: Mapping[str, PopulationDraws]) -> PopulationDraws:
    """Populations of one fit with some of their parameters from other fits, each draw beside a random one of the others.

    Parameters
    ----------
    base
        As many populations as there will be.
    parts
        Populations by the name of their fit; each parameter comes from the first part that has it, scenarios from the base.
    """
    n = len(base)
    typical, spread = dict(base.typical), dict(base.spread)
    taken: set[str] = set()
    for name, part in parts.items():
        # draws of one fit stand beside their relatives: shuffled, so that no order of two fits goes together
        order = np.argsort(uniforms(0, f"draws/{name}", 0, n)[:, 0], kind="stable")
        places = np.floor(np.linspace(0, len(part), n, endpoint=False)).astype(np.int64)[order]
        chosen = part.take(places)
        typical |= {key: values for key, values in chosen.typical.items() if key not in taken}
        spread |= {key: values for key, values in chosen.spread.items() if key not in taken}
        taken |= {*chosen.typical, *chosen.spread}
    return PopulationDraws(typical=typical, spread=spread, scenario=dict(base.scenario))


def prior_draws(
    model: Model, n_draws: int, *, seed: int, intervals_days: tuple[float, ...] = ()
) -> PopulationDraws:
    """Draws of the population before any fit: what ``parameters.csv`` says, and every interval equally often.

    Parameters
    ----------
    intervals_days
        The study's thinkable intervals; ``scenario`` is empty without them.
    """
    who = np.arange(n_draws)
    scenario: dict[str, np.ndarray] = {}
    if intervals_days:
        scenario["interval_days"] = chosen_scenarios(
            normals_at(seed, "scenario/interval_days", who), intervals_days
        )
    return PopulationDraws(
        typical={
            name: typical_values(model.parameters[name], normals_at(seed, f"typical/{name}", who))
            for name in uncertain_parameters(model)
        },
        spread={
            name: spread_multipliers(normals_at(seed, f"spread/{name}", who))
            for name in varying_parameters(model)
        },
        scenario=scenario,
    )


def chosen_scenarios(z: np.ndarray, values: tuple[float, ...]) -> np.ndarray:
    """One of ``values`` for each standard normal number, all equally likely, the smaller for the smaller number."""
    places = np.minimum((ndtr(z) * len(values)).astype(np.int64), len(values) - 1)
    return np.asarray(values, dtype=np.float64)[places]
