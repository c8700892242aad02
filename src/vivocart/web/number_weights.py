"""Weights of parameters for every number that the explorer shows: simulated once for a model, kept in the work folder."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, final

from vivocart.ground.errors import VivocartError

if TYPE_CHECKING:
    from fastapi import Request

_LOG = logging.getLogger(__name__)
_LOCK = threading.Lock()


@final
class NumberWeights:
    """The shifts of :func:`vivocart.scenarios.numbers.number_shifts`, or nothing while they are simulated."""

    def __init__(self, folder: Path) -> None:
        from vivocart.model.load import load_model

        self._place = folder / f"number-weights-{load_model().hash[:16]}.json"
        self.shifts: dict[str, dict[str, float]] | None = None
        self.is_running = False
        if self._place.is_file():
            self.shifts = json.loads(self._place.read_text(encoding="utf-8"))
        else:
            self.is_running = True
            threading.Thread(target=self._weigh, name="number-weights", daemon=True).start()

    def _weigh(self) -> None:
        from vivocart.scenarios.numbers import number_shifts

        try:
            shifts = number_shifts()
            self.shifts = shifts
            self._place.parent.mkdir(parents=True, exist_ok=True)
            self._place.write_text(json.dumps(shifts), encoding="utf-8")
        except (VivocartError, OSError) as error:  # numbers keep the order of the equations
            _LOG.warning("parameters were not weighed: %s", error)
        finally:
            self.is_running = False


def weights_of(request: Request) -> NumberWeights:
    """The weights of the server that answers; the first who asks begins them."""
    from vivocart.web.state import state_of

    with _LOCK:
        held = request.app.state
        if not hasattr(held, "number_weights"):
            held.number_weights = NumberWeights(state_of(request).settings.work_folder)
        return held.number_weights
