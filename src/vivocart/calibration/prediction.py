"""The statistic that a source reports, as cohorts of that very size show it in the model.

A source that treated five patients and writes "up to 60 %" reports the maximum of five. So many cohorts of five virtual
patients are drawn, the maximum of each is taken, and the published number is set beside the distribution of these maxima.
Agreement is not called a fit: nothing here moves a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from vivocart.calibration.observations import Observation, unit_text
from vivocart.calibration.statistics import cohort_statistics
from vivocart.endpoints.table import quantiles
from vivocart.ground.errors import InputError
from vivocart.ground.streams import uniforms

_LOW, _HIGH = 0.05, 0.95
_LOW_HALF, _HIGH_HALF = 0.25, 0.75
_MOST_DECIMALS = 9  # predicted and published numbers that differ less are the same

READINGS = {
    "maximum": "largest of the n patients; inside if the published one lies in the central 90 % of cohorts",
    "minimum": "smallest of the n patients; inside if the published one lies in the central 90 % of cohorts",
    "median": "median of the n patients; inside if the published one lies in the central 90 % of cohorts",
    "mean": "mean of the n patients; inside if the published one lies in the central 90 % of cohorts",
    "sd": "standard deviation of the n patients; inside if the published one lies in the central 90 % of cohorts",
    "quantile": "quantile of the n patients; inside if the published one lies in the central 90 % of cohorts",
    "range": "smallest and largest of the n patients; inside if both published ends lie in their central 90 % of cohorts",
    "count": "patients of n with the finding; inside if the published count lies in the central 90 % of cohorts",
    "fraction": "share of the n patients; inside if the published share lies in the central 90 % of cohorts",
    "upper_bound": "largest of the n patients against the bound; inside if at least 5 % of cohorts keep within it",
    "lower_bound": "smallest of the n patients against the bound; inside if at least 5 % of cohorts keep above it",
    "point": "one patient's value; inside if the published one lies in the central 90 % of patients",
    "median_time": "median time to event; inside if the published one lies in the central 90 % of cohorts",
}
"""How each statistic is read, and what inside means for it."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedStatistic:
    """One number of a source and the same statistic over cohorts.

    Parameters
    ----------
    name
        As in :class:`vivocart.calibration.statistics.Part`.
    observed_low, observed_high
        The published number twice; for a bound or an interval, its ends (infinite where open).
    median, low50, high50, low90, high90
        Quantiles 0.5, 0.25, 0.75, 0.05 and 0.95 over cohorts, each the value of one cohort: nothing is interpolated, so that
        a count stays whole and "not reached" stays infinite.
    p
        For a bound or an interval, share of cohorts that satisfy it. For a number, its place in the distribution: share of
        cohorts below it plus half of those equal to it, near 0 or 1 where the model disagrees.
    is_inside
        Whether the published number lies from ``low90`` to ``high90``, or for a bound or an interval whether it overlaps
        with them.
    rounding
        What a published zero may hide, on either side: half a unit of what is measured (cells, mg); 0 for other numbers,
        whose last digit says little, and for counts and shares, where none is none.
    """

    name: str
    observed_low: float
    observed_high: float
    median: float
    low50: float
    high50: float
    low90: float
    high90: float
    p: float
    is_inside: bool
    rounding: float = 0.0

    @property
    def is_number(self) -> bool:
        """Whether the source states one number, and not a bound or an interval: only then is ``p`` a place."""
        return self.observed_low == self.observed_high

    @property
    def is_inside_half(self) -> bool:
        """Whether the published number, or a part of its interval, lies from ``low50`` to ``high50``."""
        return (
            self.low50 <= self.observed_high + self.rounding
            and self.observed_low - self.rounding <= self.high50
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A published observation beside what cohorts of its size show.

    ``parts`` has one statistic, or the two ends of a range. ``n_left_out`` counts cohorts with a missing value (a failed
    patient, or one to whom the measure does not apply) or with nobody whom the row speaks of: nothing is filled in, and the
    share of cohorts left out is said.
    """

    observation: Observation
    parts: tuple[PredictedStatistic, ...]
    n_cohorts: int
    n_left_out: int

    @property
    def is_inside(self) -> bool:
        """Whether every part is inside."""
        return all(part.is_inside for part in self.parts)

    @property
    def reading(self) -> str:
        """How the statistic is read and what inside means."""
        return READINGS[self.observation.statistic]

    @property
    def median(self) -> float:
        """Median over cohorts of the first part (for a range, of its lower end)."""
        return self.parts[0].median

    @property
    def low90(self) -> float:
        """Lower end of the central 90 % of cohorts; for a range, of its lower end."""
        return self.parts[0].low90

    @property
    def high90(self) -> float:
        """Upper end of the central 90 % of cohorts; for a range, of its upper end."""
        return self.parts[-1].high90

    @property
    def predicted_text(self) -> str:
        """The prediction in a few words: median and central 90 %, both ends of a range, the share that keeps a bound."""
        unit = unit_text(self.observation.unit)
        shown = [
            f"{_number(part.median)} ({_number(part.low90)} to {_number(part.high90)})" for part in self.parts
        ]
        if self.observation.statistic == "range":
            return f"from {shown[0]} to {shown[1]}{unit}"
        if self.observation.statistic == "count":
            return f"{shown[0]} of {self.observation.n}"
        if self.observation.statistic in ("upper_bound", "lower_bound"):
            return f"{self.parts[0].name} {shown[0]}{unit}; {100.0 * self.p:.0f} % of cohorts keep the bound"
        return f"{shown[0]}{unit}"

    @property
    def p(self) -> float:
        """As in :class:`PredictedStatistic`, of the first part."""
        return self.parts[0].p


def predict(
    observation: Observation, cohort_values: np.ndarray, given: np.ndarray | None = None
) -> Prediction:
    """Predict the statistic that a source reports from cohorts of its very size.

    Parameters
    ----------
    observation
        A row with a measure.
    cohort_values
        The measure in virtual patients, shape (n_cohorts, observation.n). Infinite: not reached within the simulation, so
        later than any number. Missing: the cohort is left out and counted.
    given
        The endpoint that ``observation.given`` names, in the same patients; needed if it names one.

    Raises
    ------
    InputError
        If the width is not the study's number of patients, or no cohort is whole.
    """
    values = np.asarray(cohort_values, dtype=np.float64)
    where = f"observation '{observation.id}'"
    if values.ndim != 2 or values.shape[1] != observation.n:
        raise InputError(
            f"values of shape {values.shape}", where=where, mend=f"give (n_cohorts, {observation.n})"
        )
    missing = np.isnan(values) if given is None else np.isnan(given) | (np.isnan(values) & (given > 0.5))
    whole = ~missing.any(axis=1)
    statistics = cohort_statistics(observation, values[whole], None if given is None else given[whole])
    defined = np.logical_and.reduce([~np.isnan(part.values) for part in statistics])
    if not defined.any():
        raise InputError(
            "no cohort without a missing value", where=where, mend="look at the failures, or simulate more"
        )
    parts = tuple(
        _part(part.name, part.values[defined], part.low, part.high, _hidden(observation, part.low))
        for part in statistics
    )
    per_cohort = observation.n if observation.statistic == "point" else 1
    n_cohorts = int(defined.sum()) // per_cohort
    return Prediction(
        observation=observation, parts=parts, n_cohorts=n_cohorts, n_left_out=len(values) - n_cohorts
    )


def _hidden(observation: Observation, value: float) -> float:
    """What a published zero hides: "0 cells per uL" is what less than half a cell is written as."""
    is_measured = observation.statistic not in ("count", "fraction") and observation.unit not in (
        "",
        "1",
        "%",
    )
    return 0.5 if value == 0.0 and is_measured else 0.0


def _part(
    name: str, statistic: np.ndarray, low: float, high: float, rounding: float = 0.0
) -> PredictedStatistic:
    found = np.round(statistic, _MOST_DECIMALS)
    lowest, lower, middle, upper, highest = quantiles(found, (_LOW, _LOW_HALF, 0.5, _HIGH_HALF, _HIGH))
    if low == high:
        p = float(np.mean(found < low - rounding) + 0.5 * np.mean(np.abs(found - low) <= rounding))
    else:
        p = float(np.mean((found >= low) & (found <= high)))
    return PredictedStatistic(
        name=name,
        observed_low=float(low),
        observed_high=float(high),
        median=float(middle),
        low50=float(lower),
        high50=float(upper),
        low90=float(lowest),
        high90=float(highest),
        p=p,
        is_inside=bool(lowest <= high + rounding and low - rounding <= highest),
        rounding=rounding,
    )


def _number(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "not reached"


def arrange_cohorts(
    values: Mapping[str, np.ndarray], sizes: Mapping[str, int], *, n_cohorts: int, seed: int
) -> np.ndarray:
    """Arrange virtual patients into cohorts that mix arms as the study did.

    Within one pass through the patients no patient is used twice, not even in two arms; further passes shuffle them. So a
    cohort is a simple random sample of patients, and the same seed gives the same cohorts.

    Parameters
    ----------
    values
        The measure by arm, each of shape (n_patients,), the same virtual patients in the same order in every arm.
    sizes
        Patients whom the study treated in each of these arms.
    n_cohorts
        Cohorts wanted.
    seed
        Seed of the shuffles (random stream ``cohorts/<pass>``).

    Returns
    -------
    numpy.ndarray
        Shape (n_cohorts, sum of sizes), the arms side by side in the order of ``sizes``.

    Raises
    ------
    InputError
        If an arm is missing, arms differ in length, or there are fewer patients than one cohort needs.
    """
    missing = [arm for arm in sizes if arm not in values]
    if missing:
        raise InputError(
            f"no values for the arm '{missing[0]}'", where="arms", mend=f"known: {', '.join(values)}"
        )
    lengths = {np.shape(values[arm])[0] for arm in sizes}
    width = sum(sizes.values())
    if len(lengths) != 1 or min(lengths) < width:
        raise InputError(
            f"arms of {sorted(lengths)} patients for cohorts of {width}",
            where="cohorts",
            mend="simulate the same patients in every arm, at least one cohort of them",
        )
    n_patients = lengths.pop()
    starts = np.cumsum([0, *sizes.values()])
    per_pass = n_patients // width
    passes: list[np.ndarray] = []
    for number in range(-(-n_cohorts // per_pass)):
        order = np.argsort(uniforms(seed, f"cohorts/{number}", 0, n_patients)[:, 0], kind="stable")
        places = order[: per_pass * width].reshape(per_pass, width)
        blocks = [
            np.asarray(values[arm], dtype=np.float64)[places[:, starts[k] : starts[k + 1]]]
            for k, arm in enumerate(sizes)
        ]
        passes.append(np.concatenate(blocks, axis=1))
    return np.concatenate(passes)[:n_cohorts]


def arms_of(observation: Observation, sizes: Mapping[str, int]) -> Mapping[str, int]:
    """Patients that the observation counts in each arm of a study.

    ``all`` means every arm with its own size; a single anecdote of ``all`` is one patient of the largest arm, since the
    source does not say which.

    Raises
    ------
    InputError
        If the arm is unknown, or the study's arms do not add up to the observation's n.
    """
    where = f"observation '{observation.id}'"
    if observation.arm != "all":
        if observation.arm not in sizes:
            raise InputError(
                f"no arm '{observation.arm}'", where=where, mend=f"known: all, {', '.join(sizes)}"
            )
        return {observation.arm: observation.n}
    if observation.n == sum(sizes.values()):
        return dict(sizes)
    if observation.n == 1:
        return {max(sizes, key=lambda arm: sizes[arm]): 1}
    raise InputError(
        f"n is {observation.n} and the arms add up to {sum(sizes.values())}", where=where, mend="name one arm"
    )


def predict_study(
    observations: Sequence[Observation],
    arms: Mapping[str, Mapping[str, np.ndarray]],
    sizes: Mapping[str, int],
    *,
    seed: int,
    n_cohorts: int = 2000,
) -> tuple[list[Prediction], dict[str, str]]:
    """Predict every observation of a study from its arms in virtual patients.

    Parameters
    ----------
    observations
        Rows of one study.
    arms
        By arm, values of each measure in the same virtual patients, shape (n_patients,): a table of ``endpoints`` will do,
        observables read at ``time_days`` added as a column of the observation's id, and a condition read at visits as a
        column ``<id> given``.
    sizes
        Patients whom the study treated in each arm.
    seed
        Seed of the cohorts.
    n_cohorts
        Cohorts for each observation.

    Returns
    -------
    tuple
        The predictions in order, and for each observation that is not predicted its id with the reason.
    """
    predictions: list[Prediction] = []
    not_predicted: dict[str, str] = {}
    for observation in observations:
        if not observation.measure:
            not_predicted[observation.id] = observation.note
            continue
        wanted = arms_of(observation, sizes)
        read = [(observation.id, observation.measure)]
        if observation.given:
            read.append((f"{observation.id} given", observation.given))
        cohorts: list[np.ndarray] = []
        for names in read:
            found = {arm: column for arm in wanted if (column := _column(arms[arm], names)) is not None}
            if len(found) < len(wanted):
                not_predicted[observation.id] = f"the simulation does not give '{names[-1]}'"
                break
            cohorts.append(arrange_cohorts(found, wanted, n_cohorts=n_cohorts, seed=seed))
        else:
            predictions.append(predict(observation, *cohorts))
    return predictions, not_predicted


def _column(table: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray | None:
    """The first of these columns that the table has."""
    for name in names:
        if name in table:
            return np.asarray(table[name], dtype=np.float64)
    return None
