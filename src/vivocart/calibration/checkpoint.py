"""Where an unfinished fit stands, in a file from which it goes on to the same result."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from vivocart.calibration.moves import Reference
from vivocart.calibration.particles import Cohorts, Particles
from vivocart.calibration.smc import SmcState, Stage
from vivocart.ground.errors import InputError

_REFERENCE = ("informed", "mean", "factor", "inverse")
_COHORTS = ("eta", "numbers", "values")
_PARTICLES = ("typical", "spread", "scenario", "log_likelihoods")


def write_checkpoint(path: Path, state: SmcState, fingerprint: str) -> None:
    """Write the state; a run that is killed while writing leaves the file before as it was."""
    particles = state.particles
    arrays: dict[str, Any] = {name: getattr(particles, name) for name in _PARTICLES}
    for place, part in enumerate(particles.cohorts):
        arrays |= {f"cohorts_{place}_{name}": getattr(part, name) for name in _COHORTS}
    if state.reference is not None:
        arrays |= {f"reference_{name}": getattr(state.reference, name) for name in _REFERENCE}
    told = {
        "fingerprint": fingerprint,
        "n_studies": len(particles.cohorts),
        "temperature": state.temperature,
        "stage": state.stage,
        "sweep": state.sweep,
        "steps": state.steps,
        "effective": state.effective,
        "log_evidence_gain": state.log_evidence_gain,
        "zero_at_start": state.zero_at_start,
        "has_reference": state.reference is not None,
        "stages": [asdict(stage) for stage in state.stages],
    }
    arrays |= {"started": state.started, "tried": state.tried, "told": np.array(json.dumps(told))}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)
    unfinished.replace(path)


def read_checkpoint(path: Path, fingerprint: str) -> SmcState:
    """The state of a checkpoint.

    Raises
    ------
    InputError
        If there is none, it is damaged, or it belongs to another fit.
    """
    if not path.is_file():
        raise InputError("nothing to go on from", where=str(path), mend="start without --resume")
    try:
        with np.load(path, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        told: dict[str, Any] = json.loads(str(arrays["told"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"damaged ({error})", where=str(path), mend="start without --resume") from error
    if told["fingerprint"] != fingerprint:
        raise InputError(
            "it belongs to another fit: model, observations, seed, particles or sweeps differ",
            where=str(path),
            mend="ask for the same fit again, or start without --resume",
        )
    cohorts = tuple(
        Cohorts(**{name: arrays[f"cohorts_{place}_{name}"] for name in _COHORTS})
        for place in range(told["n_studies"])
    )
    reference = (
        Reference(**{name: arrays[f"reference_{name}"] for name in _REFERENCE})
        if told["has_reference"]
        else None
    )
    return SmcState(
        particles=Particles(cohorts=cohorts, **{name: arrays[name] for name in _PARTICLES}),
        temperature=told["temperature"],
        stage=told["stage"],
        sweep=told["sweep"],
        steps=(told["steps"][0], told["steps"][1]),
        reference=reference,
        started=arrays["started"],
        tried=arrays["tried"],
        effective=told["effective"],
        log_evidence_gain=told["log_evidence_gain"],
        stages=tuple(_stage(entry) for entry in told["stages"]),
        zero_at_start=told["zero_at_start"],
    )


def _stage(entry: dict[str, Any]) -> Stage:
    pairs: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()
    }
    return Stage(**pairs)
