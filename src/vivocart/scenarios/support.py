"""What the shipped numbers rest on: each with its use, and how well all are covered.

Parameters and observations, and the medians of covariates, the shares of SLEDAI-2K items and the parameters that products
set.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, final

from vivocart.calibration.observations import Observation
from vivocart.evidence.coverage import STATES, Coverage, split_ids
from vivocart.evidence.library import quantities, records
from vivocart.evidence.uses import Number, Owner, Part, Use, check_uses, use_rows, uses_coverage, uses_of
from vivocart.ground.tables import Issue, parse_rows, read_text
from vivocart.model.flatten import read_sources
from vivocart.model.load import sledai_items, table_rows
from vivocart.model.rows import ParameterRow
from vivocart.patients.covariates import load_covariates
from vivocart.scenarios.result import TrialResult
from vivocart.therapies.product import load_products

PARAMETERS_FILE, OBSERVATIONS_FILE = "parameters.csv", "observations.csv"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """Uses of the numbers that ship, and what is wrong with them; ``unread`` is what was while they were read."""

    uses: tuple[Use, ...]
    unread: tuple[Issue, ...]

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What is wrong, every use recomputed; empty when all follow."""
        return (*self.unread, *check_uses(self.uses, quantities(), records()))

    def coverage(self, owner: Owner | None = None) -> Coverage:
        """Numbers of one owner, or of all, by state."""
        return uses_coverage(self.uses, quantities(), owner)


def check_support(parameters: Path | None = None, observations: Path | None = None) -> Support:
    """Every use of the shipped tables, or of tables with the same columns; ``issues`` recomputes them.

    Parameters
    ----------
    parameters, observations
        Files to read instead of the shipped ``parameters.csv`` and ``observations.csv``.

    Raises
    ------
    InputError
        If a file cannot be read at all, or ``uses.csv`` is malformed.
    """
    parameter_text = read_sources().tables[PARAMETERS_FILE] if parameters is None else read_text(parameters)
    observation_text = read_text(observations or files("vivocart.calibration") / OBSERVATIONS_FILE)
    parameter_name = PARAMETERS_FILE if parameters is None else str(parameters)
    observation_name = OBSERVATIONS_FILE if observations is None else str(observations)
    rows, unread = parse_rows(parameter_text, ParameterRow, name=parameter_name)
    seen, also_unread = parse_rows(observation_text, Observation, name=observation_name)
    numbers = [
        *_parameter_numbers(rows, parameter_name, parameter_text),
        *_observation_numbers(seen, observation_name, observation_text),
        *_patient_numbers(),
        *_product_numbers(),
    ]
    uses, issues = uses_of(numbers, use_rows())
    return Support(uses=uses, unread=(*unread, *also_unread, *issues))


@functools.cache
def shipped_support() -> Support:
    """Uses of every shipped number."""
    return check_support()


def coverage_of(result: TrialResult) -> list[dict[str, Any]]:
    """How well a result's numbers are covered: rows ``state, parameters, observations``, best state first.

    Counted are the parameters of its model and the observations that it is compared with, as far as they ship.
    """
    support = shipped_support()
    parameters = set(result.assumptions["parameter_id"])
    observed = {row.observation_id for row in result.comparison}
    of_parameters, of_observations = support.coverage("parameter").ids, support.coverage("observation").ids
    return [
        {
            "state": state,
            "parameters": len(parameters.intersection(of_parameters[state])),
            "observations": len(observed.intersection(of_observations[state])),
        }
        for state in STATES
    ]


def _parameter_numbers(rows: Sequence[ParameterRow], file: str, text: str) -> Iterator[Number]:
    places = _places(text)
    for row in rows:
        yield Number(
            owner="parameter",
            id=row.id,
            value=row.value,
            unit=row.unit,
            quantity_ids=row.quantity_ids,
            kind=row.kind,
            note=row.note,
            file=file,
            row=places.get(row.id),
        )


def _observation_numbers(rows: Sequence[Observation], file: str, text: str) -> Iterator[Number]:
    places = _places(text)
    for row in rows:
        parts: dict[Part, float | None] = {
            "value": row.value,
            "lower": row.lower,
            "upper": row.upper,
            "n": row.n,
            "time_days": row.time_days,
        }
        for part, value in parts.items():
            if value is not None:
                yield Number(
                    owner="observation",
                    id=row.id,
                    part=part,
                    value=value,
                    unit=row.unit,
                    quantity_ids=(row.quantity_id,) if row.quantity_id else (),
                    trust=row.trust,
                    record_id=row.record_id,
                    note=row.note,
                    file=file,
                    row=places.get(row.id),
                )


def _patient_numbers() -> Iterator[Number]:
    """Medians of covariates and shares of SLEDAI-2K items; a covariate with two rows is named with its condition."""
    for name, rows in load_covariates().rows.items():
        for row in rows:
            yield Number(
                owner="covariate",
                id=f"{name} {row.given}".strip(),
                value=row.median,
                unit=row.unit,
                quantity_ids=split_ids(row.quantity_ids),
                kind=row.kind,
                note=row.note,
                file="covariates.csv",
            )
    for item in sledai_items():
        yield Number(
            owner="item",
            id=item.item,
            value=item.prevalence,
            unit="1",
            quantity_ids=item.quantity_ids,
            kind=item.kind,
            note=item.note,
            file="sledai_items.csv",
        )


def _product_numbers() -> Iterator[Number]:
    """Parameters that a product sets for every patient; what rests on no quantity is said among its assumptions."""
    model = {row.id: row for row in table_rows(read_sources(), PARAMETERS_FILE, ParameterRow)}
    for product in load_products().values():
        for name, value in product.parameters.items():
            yield Number(
                owner="product",
                id=f"{product.id} {name}",
                value=value,
                unit=model[name].unit,
                quantity_ids=product.quantities.get(name, ()),
                kind="estimated" if name in product.quantities else "assumed",
                note=" ".join(product.assumed),
                file=f"{product.id}.yaml",
            )


def _places(text: str) -> dict[str, int]:
    """Row of each id, as a spreadsheet counts."""
    places: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        places.setdefault(line.split(",", 1)[0].strip(), number)
    return places
