"""What loses its support when a record is gone: parameters, observations, and the predictions that they carry."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, final

import numpy as np

from vivocart.calibration.observations import observations
from vivocart.evidence.coverage import State, records_behind, split_ids
from vivocart.evidence.library import find_record, quantities, records
from vivocart.evidence.quantities import Quantity
from vivocart.evidence.records import Record
from vivocart.evidence.uses import STATED_PARTS, Use, use_state
from vivocart.model.flatten import read_sources
from vivocart.model.load import load_model, sledai_items
from vivocart.patients.covariates import load_covariates
from vivocart.scenarios.arms import Setting
from vivocart.scenarios.support import shipped_support
from vivocart.scenarios.weights import HEADLINE, n_simulated, parameter_shifts
from vivocart.therapies.product import load_products
from vivocart.trials.protocol import load_study, study_ids

if TYPE_CHECKING:
    import pandas as pd

SENSITIVITY_PATIENTS = 32
STUDY = "HN2301"
"""Study whose headline endpoints are read."""

Role = Literal["number", "range", "beside"]
"""What a quantity is to a number: the number follows from it, its range does, or it was set or read beside it."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """One use that a record holds up.

    ``state`` is how well the number is covered with the record; without it, it is an assumption. ``quantity_ids`` are
    those of the record that it uses.
    """

    use: Use
    role: Role
    state: State
    quantity_ids: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutRecord:
    """All that names a record, and what becomes of it without.

    ``elsewhere`` are covariates, SLEDAI-2K items, products, studies and parts of the model's text that name the record,
    each as ``kind name``. ``measures`` are the endpoints or observables whose published counterpart comes from the record.
    """

    record: Record
    quantities: tuple[Quantity, ...]
    lost: tuple[Lost, ...]
    elsewhere: tuple[str, ...]
    measures: Mapping[str, tuple[str, ...]]

    def of(self, owner: str) -> tuple[Lost, ...]:
        """Parameters or observations, those that lose their number first."""
        order = ("number", "range", "beside")
        chosen = (entry for entry in self.lost if entry.use.number.owner == owner)
        return tuple(sorted(chosen, key=lambda entry: order.index(entry.role)))

    @property
    def parameter_ids(self) -> tuple[str, ...]:
        """Ids of the parameters that rest on the record or were set with it in view."""
        return tuple(entry.use.number.id for entry in self.of("parameter"))


def without_record(name: str) -> WithoutRecord:
    """What loses support when the record ``name`` (id, PMID or DOI) is gone.

    Raises
    ------
    UnknownNameError
        If we have no such record; with the nearest three.
    """
    record = find_record(name)
    known = quantities()
    own = {row.id: row for row in known.values() if row.record_id == record.id}
    lost = tuple(_lost(shipped_support().uses, own, known))
    gone = {entry.use.number.id for entry in lost if entry.use.number.owner == "observation"}
    measures: dict[str, tuple[str, ...]] = {}
    for row in observations():
        if row.measure and row.id in gone:
            measures[row.measure] = (*measures.get(row.measure, ()), row.id)
    return WithoutRecord(
        record=record,
        quantities=tuple(own.values()),
        lost=lost,
        elsewhere=_elsewhere().get(record.id, ()),
        measures=measures,
    )


def _lost(uses: Collection[Use], own: Collection[str], known: Mapping[str, Quantity]) -> Iterator[Lost]:
    for use in uses:
        claimed = tuple(name for name in use.quantity_ids if name in own)
        beside = tuple(name for name in use.beside if name in own)
        is_listed = use.number.owner in ("parameter", "observation") and use.number.part in STATED_PARTS
        if not is_listed or not (claimed or beside):
            continue
        role: Role = (
            "number"  # of an observation the statement itself is gone, also where its number was read into it
        )
        if use.number.owner == "parameter":
            role = "beside" if not claimed else "range" if use.rule == "prior" else "number"
        yield Lost(use=use, role=role, state=use_state(use, known), quantity_ids=(*claimed, *beside))


@functools.cache
def _elsewhere() -> Mapping[str, tuple[str, ...]]:
    """For each record what else names it: covariates, items, products, studies, parts of the model's text."""
    found: dict[str, dict[str, None]] = {}
    for what, record_ids in (*_from_patients(), *_from_files()):
        for record_id in record_ids:
            found.setdefault(record_id, {})[what] = None
    return {record_id: tuple(whats) for record_id, whats in found.items()}


def _from_patients() -> Iterator[tuple[str, Collection[str]]]:
    known = quantities()
    for covariate, rows in load_covariates().rows.items():
        ids = [name for row in rows for name in split_ids(row.quantity_ids)]
        yield f"covariate {covariate}", records_behind(ids, known)
    for item in sledai_items():
        yield f"SLEDAI-2K item {item.item}", records_behind(item.quantity_ids, known)


def _from_files() -> Iterator[tuple[str, Collection[str]]]:
    for product in load_products().values():
        yield f"product {product.id}", product.records
    for name in study_ids():
        study = load_study(name)
        yield f"study {study.id}", study.record_ids
    for module, text in read_sources().fragments.items():
        yield f"text of the model {module}", set(re.findall(r"\w+", text)) & set(records())


def sensitivity(
    parameter_ids: Collection[str],
    *,
    n_patients: int = SENSITIVITY_PATIENTS,
    seed: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """How far the headline endpoints of HN2301 move with each of some parameters; simulated now, nothing is stored.

    The regimen is that of the study's highest dose. A parameter whose uncertainty is not stated has no row.

    Returns
    -------
    pandas.DataFrame
        A row for each parameter, a column for each headline endpoint: the change of the endpoint's mean over the same
        virtual patients when the typical value moves by one standard deviation of its uncertainty, in standard
        deviations of the endpoint between patients.
    """
    import pandas as pd

    model = load_model()
    if n_simulated(model, 1, parameter_ids) == 1:  # none of them has an uncertainty
        return pd.DataFrame(columns=list(HEADLINE), dtype=float)
    study = load_study(STUDY.lower())
    setting = Setting(
        model=model,
        seed=seed,
        days=study.follow_up_days,
        visits_days=study.visits_days,
        criteria=study.entry,
        rescue=study.rescues,
        observations=(),
        threads=None,
        on_message=on_message,
    )
    total, done = n_simulated(model, n_patients, parameter_ids), [0]

    def tick(count: int) -> None:
        done[0] += count
        if on_progress is not None:
            on_progress(done[0], total)

    regimen = list(study.regimens(None).values())[-1]  # studies list their arms by rising dose
    return parameter_shifts(setting, regimen, n_patients=n_patients, tick=tick, names=parameter_ids)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A headline endpoint, how far it moves at most, and with which parameter; none where it does not move."""

    endpoint: str
    shift: float
    parameter_id: str


_STILL = 1e-6  # standard deviations: what the solver's accuracy alone may move


def endpoints_moved(shifts: pd.DataFrame) -> tuple[Moved, ...]:
    """Each headline endpoint with the parameter it moves most with, the widest move first.

    Parameters
    ----------
    shifts
        What :func:`sensitivity` returned.
    """
    found: list[Moved] = []
    for endpoint in HEADLINE:
        column = shifts[endpoint].to_numpy(dtype=float)
        place = int(np.nanargmax(column)) if np.isfinite(column).any() else -1
        largest = float(column[place]) if place >= 0 else 0.0
        name = str(shifts.index[place]) if largest > _STILL else ""
        found.append(Moved(endpoint=endpoint, shift=largest if name else 0.0, parameter_id=name))
    return tuple(sorted(found, key=lambda row: -row.shift))
