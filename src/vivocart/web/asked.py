"""From a request to what the calculation takes: names looked up, regimens built, own patients read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.scenarios.explore import Arm, Asked
from vivocart.scenarios.explore_draws import SHIPPED, default_population, population_draws
from vivocart.scenarios.explorer import explorer_settings
from vivocart.therapies.product import named_product
from vivocart.therapies.regimen import Regimen
from vivocart.therapies.sentence import read_sentence
from vivocart.web.requests import ArmRequest, PatientsRequest

if TYPE_CHECKING:
    from vivocart.patients.population import VirtualPopulation


def asked_for(
    request: PatientsRequest,
    arms: Sequence[ArmRequest],
    *,
    n_patients: int,
    patients: VirtualPopulation | None = None,
    posterior: Path | None = None,
) -> Asked:
    """The exploration that a request asks for.

    Parameters
    ----------
    patients
        The table that the request names, if it names one.
    posterior
        File of the posterior that the request's population is the name of, if it is that of a calibration job.

    Raises
    ------
    UnknownNameError
        If a product or patient type does not exist.
    InputError
        If a regimen cannot be given, or ends after the horizon.
    """
    population = request.population or default_population()
    if patients is None:
        explorer_settings().patient_type(request.patient_type)
    return Asked(
        arms=named([_arm(arm, position, request.days) for position, arm in enumerate(arms)]),
        patient_type=request.patient_type,
        days=request.days,
        n_patients=n_patients,
        seed=request.seed,
        tocilizumab=request.tocilizumab,
        patients=patients,
        draws=None if patients is not None else population_draws(population, file=posterior),
        population=population if patients is None else SHIPPED,
    )


def named(arms: Sequence[Arm]) -> tuple[Arm, ...]:
    """Arms whose labels differ: a repeated one gets a number."""
    seen: dict[str, int] = {}
    result: list[Arm] = []
    for arm in arms:
        seen[arm.label] = seen.get(arm.label, 0) + 1
        count = seen[arm.label]
        label = arm.label if count == 1 else f"{arm.label} ({count})"
        result.append(Arm(label=label, regimen=arm.regimen))
    return tuple(result)


def _arm(request: ArmRequest, position: int, days: float) -> Arm:
    try:
        regimen = _regimen(request)
        last = max(row.day + row.hours / 24 for row in regimen.infusions_table) - regimen.first_infusion_day
        if last > days:
            raise InputError(
                f"the last infusion ends on day {last:g}, after the horizon of {days:g} days",
                mend="give fewer infusions, a shorter interval or more days",
            )
    except UnknownNameError:
        raise
    except InputError as error:
        where = f"arms[{position}]" + (f".{error.where}" if error.where else "")
        raise InputError(error.problem, where=where, mend=error.mend) from None
    return Arm(label=request.label or short_label(regimen), regimen=regimen)


def short_label(regimen: Regimen) -> str:
    """A regimen as a legend names it: ``HN2301 4 mg x 3 every 3 d``."""
    return regimen.sentence.rsplit(", over", 1)[0] if len(regimen.courses) == 1 else regimen.sentence


def _regimen(request: ArmRequest) -> Regimen:
    if request.regimen is not None:
        for part in read_sentence(request.regimen):
            named_product(part.product)
        return _bounded(Regimen.parse(request.regimen))
    assert request.product is not None  # the request's own check
    return Regimen(
        named_product(request.product),
        dose=request.dose,
        infusions=request.infusions,
        interval_days=request.interval_days if request.infusions > 1 else None,
    )


def _bounded(regimen: Regimen) -> Regimen:
    """A sentence may not ask for more infusions than the knobs may."""
    from vivocart.web.settings import LIMITS

    given = len(regimen.infusions_table)
    if given > 2 * LIMITS.infusions:
        raise InputError(f"{given} infusions", where="regimen", mend=f"at most {2 * LIMITS.infusions} here")
    return regimen
