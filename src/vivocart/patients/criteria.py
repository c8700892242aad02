"""Entry criteria as data: which candidates a study takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Self, final

import numpy as np
from pydantic import Field, model_validator

from vivocart.ground.errors import UnknownNameError
from vivocart.ground.tables import Document


@final
class Criterion(Document):
    """One limit on a covariate; both ends are included."""

    covariate: str
    unit: str = "1"
    minimum: float | None = None
    maximum: float | None = None
    note: str = ""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ValueError(f"the criterion on {self.covariate} needs a minimum or a maximum")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} lies above maximum {self.maximum:g}")
        return self

    def __str__(self) -> str:
        """As a protocol writes it: ``age 18 to 69 a``."""
        unit = "" if self.unit == "1" else f" {self.unit}"
        if self.minimum is None:
            return f"{self.covariate} at most {self.maximum:g}{unit}"
        if self.maximum is None:
            return f"{self.covariate} at least {self.minimum:g}{unit}"
        return f"{self.covariate} {self.minimum:g} to {self.maximum:g}{unit}"


@final
class EntryCriteria(Document):
    """Criteria that a patient meets all at once.

    Examples
    --------
    >>> criteria = EntryCriteria(criteria=(Criterion(covariate="age", unit="a", minimum=18, maximum=69),))
    >>> criteria.accepted({"age": np.array([17.0, 40.0, 69.0])})
    array([False,  True,  True])
    """

    criteria: tuple[Criterion, ...] = Field(min_length=1)

    def met(self, covariates: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """For each criterion (as a protocol writes it) who meets it, shape (n_patients,).

        Raises
        ------
        UnknownNameError
            If a criterion names a covariate that patients do not have.
        """
        found: dict[str, np.ndarray] = {}
        for criterion in self.criteria:
            if criterion.covariate not in covariates:
                raise UnknownNameError("covariate", criterion.covariate, covariates, where="entry criteria")
            values = covariates[criterion.covariate]
            meets = np.ones(len(values), dtype=bool)
            if criterion.minimum is not None:
                meets &= values >= criterion.minimum
            if criterion.maximum is not None:
                meets &= values <= criterion.maximum
            found[str(criterion)] = meets
        return found

    def of(self, covariates: Collection[str]) -> EntryCriteria | None:
        """The criteria on these covariates, None if there are none."""
        kept = tuple(criterion for criterion in self.criteria if criterion.covariate in covariates)
        return EntryCriteria(criteria=kept) if kept else None

    def accepted(self, covariates: Mapping[str, np.ndarray]) -> np.ndarray:
        """Who meets all criteria, shape (n_patients,); errors as in :meth:`met`."""
        return np.logical_and.reduce(list(self.met(covariates).values()))

    def __str__(self) -> str:
        """One line, criteria separated by semicolons."""
        return "; ".join(str(criterion) for criterion in self.criteria)
