"""Published observations as typed rows: what was measured, in how many, and which statistic the source reports."""

from __future__ import annotations

import functools
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self, final

from pydantic import BeforeValidator, Field, model_validator

from vivocart.calibration.visits import Visits, read_visit_days
from vivocart.evidence.quantities import Trust
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.tables import Row, read_table

Statistic = Literal[
    "maximum",
    "minimum",
    "median",
    "mean",
    "sd",
    "quantile",
    "range",
    "count",
    "fraction",
    "upper_bound",
    "lower_bound",
    "point",
    "median_time",
]
"""Statistics that sources report.

``maximum``, ``minimum``, ``median``, ``mean``, ``sd`` of the n patients; ``quantile``: at ``level``; ``range``: their lowest
and highest; ``count`` and ``fraction``: patients of n with the measure's flag; ``upper_bound`` and ``lower_bound``: every
one of the n is at most or at least there; ``point``: one patient's value; ``median_time``: median time to an event, of
those who do not reach it too. A quantile or a median lies between two patients where it must, by linear interpolation.
"""

_TEXTS = {
    "maximum": "{value}{unit} (largest of {n})",
    "minimum": "{value}{unit} (smallest of {n})",
    "median": "{value}{unit} (median of {n})",
    "mean": "{value}{unit} (mean of {n})",
    "sd": "{value}{unit} (SD in {n})",
    "quantile": "{value}{unit} ({level} quantile of {n})",
    "range": "{lower} to {upper}{unit} (range in {n})",
    "count": "{value} of {n}",
    "fraction": "{value}{unit} (share of {n})",
    "upper_bound": "at most {value}{unit} (all {n})",
    "lower_bound": "at least {value}{unit} (all {n})",
    "point": "{value}{unit} (one patient)",
    "median_time": "{value}{unit} (median of {n}, time to event)",
}
STUDY = "study"
"""What ``visits_days`` says where the study's own file has the visits."""

_UNIT_TEXTS = {"1": "", "score": "", "1/uL": " per uL", "1/d": " a day"}


def _visit_days(written: object) -> object:
    """Days from the text of a cell; ``study`` stays that."""
    if not isinstance(written, str) or written.strip() == STUDY:
        return written
    return read_visit_days(written)


@final
class Observation(Row):
    """One published statement.

    ``measure`` is the id of an endpoint, or of an observable read at ``time_days``; empty if the model has nothing like
    it, and then ``note`` says so. ``value`` is the statistic; a range has ``lower`` and ``upper`` instead. For a median or
    a mean these two hold the spread that the source prints beside it; for a count without a number, its bounds. A median
    time that was not reached has no ``value``, and in ``lower`` the time by which it was not. ``given`` is the id of a 0/1
    endpoint: the statistic is that of those among the n in whom it is 1.

    ``visits_days`` are the days on which the source read its patients, ``study`` those of the study's file; measure and
    condition are then computed from what is seen at these visits, and from all times without. ``counted_ul`` are the
    microliters of blood in which cells were counted at a visit, so that a count has its chance and is printed as a whole
    number; without it, counts have no error.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    study_id: str
    arm: str
    n: int = Field(ge=1)
    measure: str = ""
    label: str
    unit: str
    time_days: float | None = None
    statistic: Statistic
    level: float | None = Field(default=None, gt=0, lt=1)
    given: str = ""
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    trust: Trust
    record_id: str = ""
    quantity_id: str = ""
    visits_days: Annotated[Literal["study"] | tuple[float, ...], BeforeValidator(_visit_days)] = ()
    counted_ul: float | None = Field(default=None, gt=0)
    note: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        bounded = self.lower is not None and self.upper is not None
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise ValueError(f"lower {self.lower:g} is above upper {self.upper:g}: exchange them")
        if self.statistic == "range":
            if not bounded:
                raise ValueError("a range needs lower and upper")
        elif self.value is None and not self._needs_no_value(bounded):
            raise ValueError(f"a {self.statistic} needs a value")
        if (self.statistic == "quantile") != (self.level is not None):
            raise ValueError("a quantile needs its level, and nothing else has one")
        if self.statistic == "count":
            self._check_count()
        if self.counted_ul is not None and not self.visits_days:
            raise ValueError("counted_ul needs the visits at which was counted: give visits_days")
        if not self.measure and not self.note:
            raise ValueError("a row without a measure needs a note that says why")
        return self

    def _needs_no_value(self, bounded: bool) -> bool:
        if self.statistic == "median_time":
            return self.lower is not None
        return self.statistic == "count" and bounded

    def _check_count(self) -> None:
        for number in self._numbers().values():
            if number is not None and (number != int(number) or not 0 <= number <= self.n):
                raise ValueError(f"a count is a whole number from 0 to n = {self.n}, not {number:g}")

    @property
    def visits(self) -> Visits | None:
        """How the source read its patients; none if at all times and without error.

        Raises
        ------
        InputError
            If the visits are those of the study's file and have not been put in.
        """
        if self.visits_days == STUDY:
            raise InputError(
                "the study's file says nothing of its visits",
                where=f"visits_days of observation '{self.id}'",
                mend="write the days, such as 0 14 28, or add readings to the study's file",
            )
        return Visits(days=self.visits_days, counted_ul=self.counted_ul) if self.visits_days else None

    @property
    def observed_text(self) -> str:
        """What the source says, in a few words: a bound stays a bound and a maximum a maximum."""
        text = _TEXTS[self.statistic]
        if self.statistic == "count" and self.value is None:
            text = "{lower} to {upper} of {n}"
        if self.statistic == "median_time" and self.value is None:
            text = "not reached by {lower}{unit} (median of {n}, time to event)"
        if self.n == 1:
            text = text.replace(" (all {n})", " (one patient)")
        numbers = {name: f"{number:.4g}" for name, number in self._numbers().items() if number is not None}
        among = f"; of those with {self.given}" if self.given else ""
        level = "" if self.level is None else f"{self.level:g}"
        return text.format(unit=unit_text(self.unit), n=self.n, level=level, **numbers) + among

    def _numbers(self) -> dict[str, float | None]:
        return {"value": self.value, "lower": self.lower, "upper": self.upper}


def unit_text(unit: str) -> str:
    """A unit as it follows a number in a sentence, with the blank before it; nothing for counts and scores."""
    return _UNIT_TEXTS.get(unit, f" {unit}")


@functools.cache
def _shipped() -> tuple[Observation, ...]:
    return tuple(read_table(files("vivocart.calibration") / "observations.csv", Observation))


def observations(study: str | None = None, *, extra: Path | str | None = None) -> list[Observation]:
    """Published observations in the order of their table.

    Parameters
    ----------
    study
        Only those of this study, such as ``"HN2301"``; all when left out.
    extra
        CSV of the user's own observations with the same columns, added after the shipped ones.

    Raises
    ------
    InputError
        Naming file, row, column, value and mend, if the extra table is malformed or repeats an id.
    UnknownNameError
        If no observation is of that study; it names the nearest three.
    """
    rows = list(_shipped())
    if extra is not None:
        known = {row.id for row in rows}
        for row in read_table(Path(extra), Observation):
            if row.id in known:
                raise InputError(f"the id '{row.id}' is taken", where=str(extra), mend="choose another id")
            known.add(row.id)
            rows.append(row)
    if study is None:
        return rows
    chosen = [row for row in rows if row.study_id == study]
    if not chosen:
        raise UnknownNameError("study", study, {row.study_id for row in rows})
    return chosen
