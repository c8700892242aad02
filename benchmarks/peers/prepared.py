"""A prepared problem as peers see it, and what a peer gives back."""

from __future__ import annotations

import importlib.util
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np


def processor_seconds() -> float:
    """Processor time of this process and of the compilers it has waited for."""
    return sum(os.times()[:4])


@dataclass(frozen=True)
class Prepared:
    """One problem, read from its folder."""

    folder: Path
    id: str
    state_ids: list[str]
    parameter_ids: list[str]
    constant_ids: list[str]
    observable_ids: list[str]
    dosed: str
    inflow: str
    doses: list[tuple[float, float, float]]
    parameters: np.ndarray  # (n, parameters and derived constants)
    start: np.ndarray  # (n, states)
    times: np.ndarray

    @property
    def n_states(self) -> int:
        """Number of states."""
        return len(self.state_ids)

    def segments(self) -> list[tuple[float, float, float, np.ndarray]]:
        """Begin, end, infusion rate and output times of each stretch without a change of rate."""
        last = float(self.times[-1])
        edges = sorted({0.0, last, *(e for start, length, _ in self.doses for e in (start, start + length))})
        found = []
        for begin, end in pairwise(edges):
            middle = 0.5 * (begin + end)
            rate = sum(a / d for s, d, a in self.doses if s <= middle < s + d)
            inside = self.times[(self.times > begin) & (self.times <= end)]
            found.append((begin, end, rate, inside))
        return found

    def load(self, name: str) -> ModuleType:
        """A generated module of the problem."""
        spec = importlib.util.spec_from_file_location(f"{self.id}_{name}", self.folder / f"{name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def observe(self, states: np.ndarray, first: int = 0) -> np.ndarray:
        """Observables (n, times, observables) of states (n, times, states) of patients from ``first`` on."""
        n = len(states)
        p = self.parameters[first : first + n].T[:, :, None]
        p = np.concatenate([p, np.zeros((1, n, 1))])
        columns = self.load("observe").observe(self.times, np.moveaxis(states, 2, 0), p)
        return np.stack([np.broadcast_to(c, states.shape[:2]) for c in columns], axis=2)


@dataclass(frozen=True)
class Solver:
    """A peer made ready for one problem.

    ``solve(first, last, rtol, atol)`` runs patients ``first`` to ``last - 1`` and gives (n, times, states), or
    (n, times, observables) if ``gives`` says so. A patient that fails is NaN.
    """

    solve: Callable[[int, int, float, float], np.ndarray]
    compile_seconds: float
    version: str
    how: str
    gives: str = "states"
    most_patients: int = 2000
    least_patients: int = 1  # that it is made for at once
    loosest: float = 1e-3  # relative tolerance at which its ladder starts
    tightest: float = 0.0  # and below which there is no use in going on
    clock: Callable[[], float] = time.process_time  # processor seconds of the process that solves


def read_prepared(folder: Path) -> Prepared:
    """The problem of a folder."""
    about = json.loads((folder / "problem.json").read_text())
    about.pop("title")
    arrays = np.load(folder / "arrays.npz")
    about["doses"] = [tuple(dose) for dose in about["doses"]]
    return Prepared(
        folder=folder, parameters=arrays["parameters"], start=arrays["start"], times=arrays["times"], **about
    )
