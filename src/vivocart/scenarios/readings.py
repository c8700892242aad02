"""Published rows with the visits of their study's file: calibration does not know studies, nor trials observations."""

from __future__ import annotations

from collections.abc import Iterable

from vivocart.calibration.observations import STUDY, Observation
from vivocart.trials.protocol import Study


def with_visits(rows: Iterable[Observation], study: Study) -> tuple[Observation, ...]:
    """The rows, those that say ``study`` of their visits with those of the study's file.

    ``counted_ul`` is the file's too unless the row has its own. Where the file says nothing, a row stays as it is, and is
    refused with the mend once it is read.
    """
    rule = study.readings
    if rule is None:
        return tuple(rows)
    return tuple(
        row.model_copy(
            update={
                "visits_days": rule.visits_days,
                "counted_ul": row.counted_ul or rule.counted_ul,
            }
        )
        if row.visits_days == STUDY
        else row
        for row in rows
    )
