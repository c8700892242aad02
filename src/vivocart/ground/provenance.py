"""What a result rests on, carried by the result itself.

There is no global registry: the code that makes a result builds its :class:`Provenance`, and joining results joins theirs.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, final

# the libraries whose version can change a number
_NUMERICAL_LIBRARIES = ("antimony", "llvmlite", "numba", "numpy", "python-libsbml", "scipy", "sympy")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Model, parameters, seed, records and versions behind a result.

    ``asked`` holds what the user asked for, as plain data: enough to ask for it again.
    """

    model_hash: str
    parameter_set: str = "as shipped"
    seed: int | None = None
    asked: Mapping[str, Any] = field(default_factory=dict[str, Any])
    record_ids: tuple[str, ...] = ()
    parameter_ids: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict[str, str])

    def as_dict(self) -> dict[str, Any]:
        """Plain data in a stable order, ready for JSON."""
        return {
            "software": "vivocart",
            "purpose": "for research, not for treatment decisions",
            "model_hash": self.model_hash,
            "parameter_set": self.parameter_set,
            "seed": self.seed,
            "asked": dict(self.asked),
            "record_ids": list(self.record_ids),
            "parameter_ids": list(self.parameter_ids),
            "versions": dict(sorted(self.versions.items())),
        }

    def to_json(self) -> str:
        """JSON text with sorted keys; the same provenance gives the same bytes."""
        return json.dumps(self.as_dict(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def current_versions() -> dict[str, str]:
    """Versions of vivocart, Python and the libraries that can change a number."""
    versions = {"python": platform.python_version(), "vivocart": library_version("vivocart")}
    versions.update({name: library_version(name) for name in _NUMERICAL_LIBRARIES})
    return versions


def join(parts: Iterable[Provenance]) -> Provenance:
    """Provenance of a result made of several: records and parameters united, what differs kept side by side.

    Parameters
    ----------
    parts
        At least one provenance.
    """
    several = list(parts)
    first = several[0]
    seeds = {part.seed for part in several}
    return Provenance(
        model_hash="+".join(sorted({part.model_hash for part in several})),
        parameter_set="+".join(sorted({part.parameter_set for part in several})),
        seed=first.seed if len(seeds) == 1 else None,
        asked={"parts": [dict(part.asked) for part in several]},
        record_ids=_united(part.record_ids for part in several),
        parameter_ids=_united(part.parameter_ids for part in several),
        versions=first.versions,
    )


def _united(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({name for group in groups for name in group}))


@cache
def library_version(distribution: str) -> str:
    """Version of an installed library, or that it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
