"""What a number on a chart or in a table rests on: the parameters that move it, and what was published of it."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

from vivocart.calibration.observations import Observation, observations
from vivocart.endpoints.registry import known_endpoints
from vivocart.equations.system import System
from vivocart.ground.errors import UnknownNameError
from vivocart.model.load import load_model, sledai_items
from vivocart.scenarios.arms import Setting
from vivocart.scenarios.explore import shown_endpoints
from vivocart.scenarios.explorer import SLEDAI
from vivocart.scenarios.weights import HEADLINE, n_simulated, parameter_shifts
from vivocart.trials.protocol import load_study

PATIENTS = 32
STUDY = "hn2301"
NEAREST = 24
"""Parameters named for a number that has not been weighed."""

_NAME = re.compile(r"[A-Za-z_]\w*")
# start of an endpoint's id -> observables that it is read from; the first that fits counts
_READ_FROM: Mapping[str, tuple[str, ...]] = {
    "car_": ("car_percent_cd8",),
    "b_cells_tissue": ("b_cells_tissue_fraction",),
    "b_cell": ("b_cells_blood",),
    "autoantibody": ("autoantibody",),
    "c3": ("c3",),
    "upcr": ("upcr",),
    "il6": ("il6",),
    "crp": ("crp",),
    "crs": ("cytokine_signal",),
    "tocilizumab": ("cytokine_signal",),
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NumberSupport:
    """What one endpoint or observable rests on.

    ``weights`` gives for each parameter, heaviest first, how far the number moves with it (in standard deviations between
    patients, for one standard deviation of the parameter's uncertainty); ``None`` where that was not simulated, and the
    order is then that of distance in the equations.
    """

    id: str
    label: str
    unit: str
    definition: str
    weights: Mapping[str, float | None]
    published: tuple[Observation, ...]

    @property
    def is_weighed(self) -> bool:
        """Whether the order is one of weight."""
        return any(weight is not None for weight in self.weights.values())


def number_support(name: str, shifts: Mapping[str, Mapping[str, float]] | None = None) -> NumberSupport:
    """What an endpoint or an observable rests on.

    Parameters
    ----------
    name
        Id of an endpoint, of an observable, or ``sledai``.
    shifts
        What :func:`number_shifts` returned; without it parameters come by their distance in the equations.

    Raises
    ------
    UnknownNameError
        If it is neither; the message names the nearest three.
    """
    endpoints, observables = known_endpoints(), load_model().observables
    if name in endpoints:
        entry = endpoints[name]
        label, unit, definition = entry.label, entry.unit, entry.description
    elif name in observables:
        row = observables[name]
        label, unit = row.label, row.unit
        definition = f"{row.note or row.label}. In the model: {row.expression}".replace("..", ".")
    elif name == SLEDAI:
        label, unit, definition = "SLEDAI-2K", "points", "Sum of the weights of the items that are present."
    else:
        raise UnknownNameError("endpoint or observable", name, [*endpoints, *observables, SLEDAI])
    return NumberSupport(
        id=name,
        label=label,
        unit=unit,
        definition=definition,
        weights=_weights(name, shifts) or dict.fromkeys(_nearest(_observables_of(name))),
        published=tuple(row for row in observations() if row.measure == name),
    )


def number_shifts(on_progress: Callable[[int, int], None] | None = None) -> dict[str, dict[str, float]]:
    """How far each endpoint of the explorer moves with each parameter whose uncertainty is stated; simulated now.

    Returns
    -------
    dict
        By endpoint, then by parameter: the change in standard deviations between patients, under the highest dose of the
        reference study.
    """
    model, study = load_model(), load_study(STUDY)
    setting = Setting(
        model=model,
        seed=1,
        days=study.follow_up_days,
        visits_days=study.visits_days,
        criteria=study.entry,
        rescue=study.rescues,
        observations=(),
        threads=1,  # the rest of the machine belongs to whoever waits for a chart
        on_message=None,
    )
    total, done = n_simulated(model, PATIENTS), [0]

    def tick(count: int) -> None:
        done[0] += count
        if on_progress is not None:
            on_progress(done[0], total)

    measured = tuple(entry.id for entry in shown_endpoints())
    regimen = list(study.regimens(None).values())[-1]  # studies list their arms by rising dose
    table = parameter_shifts(setting, regimen, n_patients=PATIENTS, tick=tick, measured=measured)
    names = [str(name) for name in table.index]
    found: dict[str, dict[str, float]] = {}
    for endpoint in measured:
        values = table[endpoint].to_numpy(dtype=float).tolist()
        found[endpoint] = {
            name: value
            for name, value in zip(names, values, strict=True)
            if math.isfinite(value) and value > 0
        }
    return found


def _weights(name: str, shifts: Mapping[str, Mapping[str, float]] | None) -> dict[str, float | None]:
    """Parameters by falling weight; an observable has the largest weight among the endpoints that are read from it."""
    if not shifts:
        return {}
    read = set(_observables_of(name))
    alike = [name] if name in shifts else [one for one in shifts if set(_observables_of(one)) == read]
    alike = [one for one in alike if one in HEADLINE] or alike
    found: dict[str, float] = {}
    for endpoint in alike:
        for parameter, shift in shifts[endpoint].items():
            found[parameter] = max(found.get(parameter, 0.0), shift)
    heaviest = sorted(found, key=lambda parameter: -found[parameter])
    return {parameter: found[parameter] for parameter in heaviest}


def _observables_of(name: str) -> tuple[str, ...]:
    if name in load_model().observables:
        return (name,)
    if SLEDAI in name:
        return tuple(dict.fromkeys(driver for row in sledai_items() for driver in row.driver))
    return next((read for start, read in _READ_FROM.items() if name.startswith(start)), ())


@functools.cache
def _nearest(observables: tuple[str, ...]) -> tuple[str, ...]:
    """Parameters by the number of equations between them and the observables."""
    model = load_model()
    definitions = _definitions(model.system)
    waiting = {part for name in observables for part in _NAME.findall(model.observables[name].expression)}
    found: dict[str, None] = {}
    seen: set[str] = set()
    while waiting and len(found) < NEAREST:
        seen |= waiting
        found.update(dict.fromkeys(name for name in sorted(waiting) if name in model.parameters))
        waiting = {part for name in waiting for part in definitions.get(name, ())} - seen
    return tuple(found)[:NEAREST]


def _definitions(system: System) -> dict[str, set[str]]:
    """Names of what each state, rule and constant is made from."""
    found = {state.id: {str(part) for part in state.rate.free_symbols} for state in system.states}
    for entry in (*system.rules, *system.start):
        found.setdefault(entry.id, set()).update(str(part) for part in entry.expression.free_symbols)
    return found
