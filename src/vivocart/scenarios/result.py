"""What the main job returns: everything that the report and the files show, as plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

from vivocart.ground.provenance import Provenance

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from vivocart.scenarios.endpoint_table import EndpointTable
    from vivocart.scenarios.fitted import FittedPopulation
    from vivocart.therapies.regimen import Regimen
    from vivocart.trials.protocol import Study


ALL_ARMS = "all"
"""Arm of an observation that the source states for all arms together, or without saying which."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One record that the result rests on, ready to print."""

    record_id: str
    text: str
    url: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """One published observation beside what cohorts of that very size show in the model.

    ``statistic`` is the source's own (maximum of five, range in three, count of n, ...). ``predicted_median`` and
    ``low90`` to ``high90`` come from many cohorts that differ by patients only; ``low90_uncertain`` to
    ``high90_uncertain`` add the uncertainty of the typical parameter values. For a range the lower and the upper end of
    the source stand in ``observed_lower`` and ``observed_upper``. A statement on something that the model does not have
    keeps its row, with an empty ``measure`` and missing (NaN) predictions.
    """

    observation_id: str
    arm: str
    n: int
    measure: str  # id of an endpoint or an observable
    label: str  # what was observed, in words
    unit: str
    statistic: str
    observed_text: str
    predicted_median: float
    low90: float
    high90: float
    low90_uncertain: float
    high90_uncertain: float
    is_inside: bool
    is_inside_uncertain: bool
    trust: str
    record_id: str
    citation: str
    predicted_text: str = ""  # when three numbers do not say it: a range predicts its two ends
    observed_value: float | None = None
    observed_lower: float | None = None
    observed_upper: float | None = None
    time_days: float | None = None
    note: str = ""

    @property
    def is_predicted(self) -> bool:
        """Whether the model has anything to set beside this observation."""
        return not math.isnan(self.predicted_median)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """One arm at the default interval: quantile bands, endpoints and failures of its virtual patients.

    Parameters
    ----------
    bands
        One variable for each observable with dimensions ``(quantile, time)``; quantiles 0.05, 0.25, 0.5, 0.75 and 0.95;
        time in days; attributes ``units`` and ``long_name``.
    table
        Endpoints of every patient, read a column at a time.
    sledai_visits
        Columns ``day, q05, q25, median, q75, q95``: quantiles of whole-number scores, taken without interpolation.
    sledai_items
        Columns ``item, weight, organ, day, share``: share of patients (0 to 1) with the item at the visit.
    failures
        Columns ``patient, time_days, state, reason, advice``; these patients stand in no statistic.
    cohort_size
        Patients whom the source treated in this arm.
    """

    label: str
    regimen: Regimen
    n_patients: int
    cohort_size: int | None
    bands: xr.Dataset
    table: EndpointTable
    sledai_visits: pd.DataFrame
    sledai_items: pd.DataFrame
    failures: pd.DataFrame

    @property
    def endpoints(self) -> pd.DataFrame:
        """All of ``table`` in memory: a row a patient, a column an endpoint.

        ``attrs["units"]`` and ``attrs["labels"]`` map its columns. For a million patients this is most of a gigabyte.
        """
        return self.table.to_frame()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ExamplePatient:
    """One virtual patient's SLEDAI-2K items at visits; a score is the sum of the weights of the items present.

    ``items`` has columns ``item, weight, organ, day, present``.
    """

    patient: int
    arm: str
    items: pd.DataFrame
    note: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """Result of one study in virtual patients.

    Parameters
    ----------
    intervals
        Columns ``arm, interval_days, endpoint, label, unit, q05, median, q95``: how headline endpoints change when the
        infusions are given closer together or further apart.
    interval_days
        The interval of ``arms`` where it is a scenario because the source did not publish it; None where it did.
    assumptions
        A row for each parameter of the model: ``parameter_id, kind, value, unit, note, weight, weight_endpoint``, where
        ``weight`` says how much the headline endpoints move when the parameter moves within its uncertainty and
        ``weight_endpoint`` which moves most; ``attrs["weight_meaning"]`` says in one sentence how it was computed. The
        kind of a parameter that a fit informed is ``fitted``.
    fitted
        The posterior that patients and cohorts are of; none where every value is hand-set.
    """

    study: Study
    seed: int
    n_patients: int
    interval_days: float | None
    arms: tuple[ArmResult, ...]
    intervals: pd.DataFrame
    comparison: tuple[ComparisonRow, ...]
    assumptions: pd.DataFrame
    example_patient: ExamplePatient | None
    references: tuple[Reference, ...]
    provenance: Provenance
    command: str = ""
    notes: tuple[str, ...] = field(default=())
    fitted: FittedPopulation | None = None
