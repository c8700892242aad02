"""An exploration of more patients than fit beside each other: chunk after chunk, with progress, the same answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from vivocart.endpoints.readings import read
from vivocart.ground.provenance import Provenance, join
from vivocart.scenarios.explore import (
    Answer,
    Arm,
    ArmAnswer,
    ArmParts,
    Asked,
    arm_answer,
    explorer_population,
    output_days,
    read_parts,
    run_simulation,
)
from vivocart.scenarios.explorer import explorer_settings
from vivocart.simulation.bands import BandCounts, count_bands, quantile_bands

CHUNK = 2_000


def explore_population(asked: Asked, *, on_progress: Callable[[int, int], None] | None = None) -> Answer:
    """As :func:`vivocart.scenarios.explore.explore`, in a bounded amount of memory.

    Bands are counted in bins half a percent wide; endpoints, items and CRS are those of every patient.

    Parameters
    ----------
    on_progress
        Called with (patients done, patients in all arms); what it raises ends the work.

    Raises
    ------
    As :func:`vivocart.scenarios.explore.explore`.
    """
    total, done = asked.n_patients * len(asked.arms), [0]

    def tick(count: int) -> None:
        done[0] += count
        if on_progress is not None:
            on_progress(done[0], total)

    arms = tuple(_arm(asked, arm, tick) for arm in asked.arms)
    return Answer(asked=asked, arms=arms, provenance=join([arm.provenance for arm in arms]))


def _arm(asked: Asked, arm: Arm, tick: Callable[[int], None]) -> ArmAnswer:
    charted = explorer_settings().charted
    times = output_days(arm.regimen, asked.days)
    counts: BandCounts | None = None
    parts: list[ArmParts] = []
    provenances: list[Provenance] = []
    for first in range(0, asked.n_patients, CHUNK):
        part = dataclasses.replace(asked, first=first, n_patients=min(CHUNK, asked.n_patients - first))
        simulation = run_simulation(part, arm, explorer_population(part, arm.regimen), times_days=times)
        counts = count_bands(simulation.data, charted, before=counts)
        readings, complete = read(simulation)
        parts.append(read_parts(readings, days=asked.days, n_failed=int((~complete).sum())))
        provenances.append(simulation.provenance)
        tick(part.n_patients)
    assert counts is not None  # a request has at least one patient
    bands = quantile_bands(counts)
    return arm_answer(
        arm,
        _joined(parts),
        days=asked.days,
        times=times - arm.regimen.first_infusion_day,
        bands={name: np.asarray(bands[name].values) for name in charted},
        provenance=join(provenances),
    )


def _joined(parts: Sequence[ArmParts]) -> ArmParts:
    return ArmParts(
        present=np.concatenate([part.present for part in parts], axis=2),
        values={name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values},
        left_out=parts[0].left_out,
        grades=np.concatenate([part.grades for part in parts]),
        still_depleted=np.concatenate([part.still_depleted for part in parts]),
        n_failed=sum(part.n_failed for part in parts),
    )
