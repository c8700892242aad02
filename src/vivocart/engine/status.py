"""What became of a patient, in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import final


class Status(IntEnum):
    """Where the integration of a patient stands."""

    RUNNING = 0
    REACHED_END = 1
    STOPPED = 2  # at a watched condition; to be resumed
    STEP_LIMIT = 3
    STEP_TOO_SMALL = 4
    NOT_FINITE = 5
    TRIGGER_STORM = 6
    NEGATIVE = 7


FAILED = tuple(status for status in Status if status > Status.STOPPED)

REASONS: dict[Status, tuple[str, str]] = {
    Status.STEP_LIMIT: (
        "the step limit was reached before the end",
        "raise step_limit, or look for a rate that oscillates fast or a scale that differs by many decades",
    ),
    Status.STEP_TOO_SMALL: (
        "the step became too small to move time",
        "the state grows without bound or its rate jumps: check this patient's parameters, or loosen rtol and atol",
    ),
    Status.NOT_FINITE: (
        "a state or its rate is infinite or not a number, however small the step",
        "look for growth without bound, a division by zero, or a logarithm or root of a negative number, "
        "in the rates of this state",
    ),
    Status.NEGATIVE: (
        "the state falls below zero, however small the step",
        "look for a loss that goes on where nothing is left, in the rates of this state",
    ),
    Status.TRIGGER_STORM: (
        "conditions turned on and off too often",
        "give the condition a margin (turn on above one value, off below a lower one) or a minimal spacing",
    ),
}
"""Sentence and advice for each way to fail."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A patient whose integration ended early; its outputs are NaN from ``time`` on."""

    patient: int
    time: float
    state_id: str
    status: Status
    reason: str
    advice: str


def in_words(failure: Failure) -> str:
    """When, in which state and why a patient failed, and what may help."""
    state = f", state '{failure.state_id}'" if failure.state_id else ""
    return f"at time {failure.time:g}{state}: {failure.reason}; {failure.advice}"
