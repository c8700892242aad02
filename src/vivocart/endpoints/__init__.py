"""What a clinician reads from a simulation: CAR-T cells, B cells, antibodies, complement, kidney, SLEDAI-2K, safety.

The room may be called: ``vivocart.endpoints(simulation, ids)`` is :func:`vivocart.endpoints.table.endpoints`. Python sets a
package's submodules as its attributes, so a function of the room's own name could not stand beside it.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    import pandas as pd

    from vivocart.simulation.result import Simulation


@final
class _Room(types.ModuleType):
    def __call__(self, simulation: Simulation, ids: Iterable[str] | None = None) -> pd.DataFrame:
        from vivocart.endpoints.table import endpoints

        return endpoints(simulation, ids)


sys.modules[__name__].__class__ = _Room
