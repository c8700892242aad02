"""Which published rows of a study are fitted and which are held out, as ``fits.yaml`` says."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import final

from pydantic import Field

from vivocart.calibration.observations import Observation
from vivocart.ground.errors import UnknownNameError
from vivocart.ground.tables import Document, read_document


@final
class StudyFit(Document):
    """How one study is fitted.

    ``days`` is how long a patient is simulated, the study's follow-up if left out; every row with a measure is fitted but
    those in ``held_out``, each with the reason.
    """

    days: float | None = Field(default=None, gt=0)
    held_out: Mapping[str, str] = Field(default_factory=dict)
    note: str = ""


@final
class Fits(Document):
    """``fits.yaml``: one entry a study; a study without one is fitted to all its rows."""

    studies: Mapping[str, StudyFit]


@functools.cache
def shipped_fits() -> Fits:
    """The shipped ``fits.yaml``."""
    return read_document(resources.files("vivocart.calibration") / "fits.yaml", Fits)


def fit_of(study_id: str) -> StudyFit:
    """The entry of a study, upper or lower case; an empty one if it has none."""
    by_id = {name.lower(): entry for name, entry in shipped_fits().studies.items()}
    return by_id.get(study_id.lower(), StudyFit())


def parted(
    study_id: str, rows: Sequence[Observation]
) -> tuple[tuple[Observation, ...], tuple[Observation, ...]]:
    """Rows of a study that are fitted, and those held out; rows without a measure are in neither.

    Raises
    ------
    UnknownNameError
        If ``fits.yaml`` holds out a row of the study that the shipped table does not have.
    """
    fit = fit_of(study_id)
    own = [row for row in rows if row.study_id.lower() == study_id.lower()]
    known = {row.id for row in own}
    for name in fit.held_out:
        if name not in known:
            raise UnknownNameError("observation", name, known, where="fits.yaml")
    measured = [row for row in own if row.measure]
    return (
        tuple(row for row in measured if row.id not in fit.held_out),
        tuple(row for row in measured if row.id in fit.held_out),
    )
