"""Which published rows are fitted and which are held out, by study and by family of comparators, as ``fits.yaml`` says."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, final

from pydantic import Field

from vivocart.calibration.observations import Observation
from vivocart.ground.errors import UnknownNameError
from vivocart.ground.tables import Document, read_document
from vivocart.patients.draws import is_uncertain, varies

if TYPE_CHECKING:
    from vivocart.model.load import Model


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
class Family(Document):
    """Comparators of one mechanism, fitted to their own published data.

    What is theirs are the parameters of ``modules`` of ``parameters.csv`` and those named in ``parameters``; all else is
    patients and disease, which this fit leaves as the fit of :data:`BASE` found them. ``products`` are simulated with it
    wherever they are given. Of ``studies`` every row with a measure whose arm gives one of the products is fitted, but
    those in ``held_out``, each with the reason. ``tested_on`` names studies that no fit saw, with a word on each.
    """

    label: str
    products: tuple[str, ...] = Field(min_length=1)
    modules: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    studies: tuple[str, ...] = Field(min_length=1)
    held_out: Mapping[str, str] = Field(default_factory=dict)
    tested_on: Mapping[str, str] = Field(default_factory=dict)
    particles: int = Field(default=400, ge=20)
    sweeps: int = Field(default=4, ge=1)
    note: str = ""


@final
class Fits(Document):
    """``fits.yaml``: one entry a study, which is fitted to all its rows without one; and families of comparators."""

    studies: Mapping[str, StudyFit]
    families: Mapping[str, Family] = Field(default_factory=dict)


@functools.cache
def shipped_fits() -> Fits:
    """The shipped ``fits.yaml``."""
    return read_document(resources.files("vivocart.calibration") / "fits.yaml", Fits)


def fit_of(study_id: str) -> StudyFit:
    """The entry of a study, upper or lower case; an empty one if it has none."""
    by_id = {name.lower(): entry for name, entry in shipped_fits().studies.items()}
    return by_id.get(study_id.lower(), StudyFit())


BASE = "hn2301"
"""The fit in which every comparator's patients and disease are simulated."""


def families() -> Mapping[str, Family]:
    """Families of comparators by name, in the order of the file."""
    return shipped_fits().families


def families_of(products: Collection[str]) -> tuple[str, ...]:
    """Names of the families that any of these products belongs to, in the order of the file."""
    return tuple(name for name, family in families().items() if not set(family.products).isdisjoint(products))


def find_family(name: str) -> Family:
    """The family of that name, upper or lower case.

    Raises
    ------
    UnknownNameError
        If there is none; with the nearest three.
    """
    if name.lower() not in families():
        raise UnknownNameError("family", name, families(), where="fits.yaml")
    return families()[name.lower()]


def own_parameters(family: Family, model: Model) -> tuple[str, ...]:
    """Parameters that a family's fit may move: theirs, as far as they are uncertain or vary between patients."""
    return tuple(
        name
        for name, row in model.parameters.items()
        if (row.module in family.modules or name in family.parameters) and (is_uncertain(row) or varies(row))
    )


def parted(
    study_id: str, rows: Sequence[Observation], held_out: Mapping[str, str] | None = None
) -> tuple[tuple[Observation, ...], tuple[Observation, ...]]:
    """Rows of a study that are fitted, and those held out; rows without a measure are in neither.

    Parameters
    ----------
    held_out
        Rows held out in place of those that ``fits.yaml`` holds out of the study; of other studies too.

    Raises
    ------
    UnknownNameError
        If ``fits.yaml`` holds out a row of the study that the shipped table does not have.
    """
    fit = fit_of(study_id)
    own = [row for row in rows if row.study_id.lower() == study_id.lower()]
    known = {row.id for row in own}
    for name in fit.held_out if held_out is None else ():
        if name not in known:
            raise UnknownNameError("observation", name, known, where="fits.yaml")
    left_out = fit.held_out if held_out is None else held_out
    measured = [row for row in own if row.measure]
    return (
        tuple(row for row in measured if row.id not in left_out),
        tuple(row for row in measured if row.id in left_out),
    )
