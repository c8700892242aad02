"""Individual patients' doses, measurements and covariates, as arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from vivocart.ground.errors import InputError


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DoseRows:
    """Doses of all patients, ``ADDL`` written out; times in the file's unit, counted from the start of the run.

    ``duration`` 0 is a bolus; ``compartment`` is the text of ``CMT``, empty where the file has none; ``row`` is the file's.
    """

    run: np.ndarray  # (n,) whole numbers
    at: np.ndarray  # (n,)
    duration: np.ndarray
    amount: np.ndarray
    compartment: tuple[str, ...]
    row: np.ndarray


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationRows:
    """Measurements of all patients.

    ``time`` is the file's; ``at`` the same from the start of the run, behind a dose that the file puts before it. ``value``
    is ``DV``; the truth lies between ``lower`` and ``upper``, which are both ``value`` unless ``censored`` is 1 (below) or
    -1 (above). ``kind`` is the text of ``DVID``, else of ``CMT``, else empty.
    """

    run: np.ndarray  # (n,) whole numbers
    time: np.ndarray  # (n,)
    at: np.ndarray
    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    censored: np.ndarray  # (n,) whole numbers
    kind: tuple[str, ...]
    row: np.ndarray


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class IndividualData:
    """Patients, what they were given and what was measured in them.

    A run is a patient from the first row, or from a reset, to the next reset; ``run_subject`` says whose it is.
    ``covariates`` holds a text a patient, the first one that is not missing (empty if all are); ``varying`` names those that
    change within a patient and the first row where one does. ``left_out`` counts rows that are no dose and no measurement.
    """

    name: str
    subjects: tuple[str, ...]
    run_subject: np.ndarray  # (n_runs,) whole numbers
    run_start: np.ndarray  # (n_runs,) the file's time of the first row
    doses: DoseRows
    observations: ObservationRows
    covariates: Mapping[str, tuple[str, ...]]
    varying: Mapping[str, int]
    left_out: int

    @property
    def observation_subject(self) -> np.ndarray:
        """Place of the patient of each measurement, (n_observations,)."""
        return self.run_subject[self.observations.run]

    def number(self, covariate: str) -> np.ndarray:
        """A covariate as numbers, (n_subjects,).

        Raises
        ------
        InputError
            If the file lacks it, a patient lacks it, it is not a number, or it changes within a patient.
        """
        texts = self.label(covariate)
        values = np.empty(len(texts))
        for place, text in enumerate(texts):
            try:
                values[place] = float(text)
            except ValueError:
                values[place] = math.nan
            if not math.isfinite(values[place]):
                raise InputError(
                    f"patient {self.subjects[place]} has '{text}', which is not a number",
                    where=f"{self.name}, column {covariate}",
                    mend="write a number, or use it as categories",
                )
        return values

    def label(self, covariate: str) -> tuple[str, ...]:
        """A covariate as it is written, one text a patient; errors as in :meth:`number`."""
        column = covariate.upper()
        where = f"{self.name}, column {covariate}"
        if column not in self.covariates:
            known = ", ".join(self.covariates) or "none"
            raise InputError("there is no such covariate", where=where, mend=f"the file has: {known}")
        if column in self.varying:
            problem = f"it changes within a patient (row {self.varying[column]})"
            raise InputError(problem, where=where, mend="give one value for each patient, such as the first")
        for subject, text in zip(self.subjects, self.covariates[column], strict=True):
            if not text:
                raise InputError(f"patient {subject} has none", where=where, mend="fill it in")
        return self.covariates[column]
