"""What sources call an endpoint or observable, and which of the model's that is: ``measure_names.csv``."""

from __future__ import annotations

import functools
import re
from importlib.resources import files
from typing import final

from vivocart.ground.names import letters_of
from vivocart.ground.tables import Row, read_table

_VISIT = re.compile(r"(?P<name>.+?)(?P<day>_d\d+(?:\.\d+)?)?")


@final
class MeasureName(Row):
    """A name that sources use; the measure's own label says what it takes for granted and leaves out."""

    called: str
    measure: str


@functools.cache
def measure_names() -> dict[str, MeasureName]:
    """Names that sources use, by their letters and digits."""
    rows = read_table(files("vivocart.calibration") / "measure_names.csv", MeasureName)
    return {letters_of(row.called): row for row in rows}


def model_name(written: str) -> str:
    """The model's id for a written name, with the day of a visit kept; a name that is not in the table as it is."""
    found = _VISIT.fullmatch(written)
    known = None if found is None else measure_names().get(letters_of(found["name"]))
    return written if found is None or known is None else known.measure + (found["day"] or "")
