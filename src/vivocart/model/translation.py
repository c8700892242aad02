"""The model's Antimony text to SBML and to a symbolic system: made once a machine, then read from disk.

The readers of both formats load shared libraries of many megabytes, which takes as long as the rest of a start; so they are
imported where they are used, and a process that finds their work on disk is spared them.
"""

from __future__ import annotations

import platform
from pathlib import Path

from vivocart.equations.plain import read_system, write_system
from vivocart.equations.system import System
from vivocart.ground.kept import kept, kept_text, source_of
from vivocart.ground.provenance import library_version

_LIBRARIES = ("antimony", "python-libsbml", "sympy", "mpmath")
_ROOMS = ("equations", "formats", "model")  # whose source translates


def translation(antimony: str, model_id: str) -> tuple[str, System]:
    """SBML and symbolic system of an Antimony text.

    Raises
    ------
    InputError
        If the text has a fault, with its line.
    UnsupportedError
        If it uses an element that is not supported.
    """
    sbml = _to_sbml(antimony, model_id)
    return sbml, _to_system(sbml, model_id)


def kept_translation(antimony: str, model_id: str) -> tuple[str, System]:
    """The same, from disk if the same text was translated before by the same version of our source and the libraries."""
    package = Path(__file__).parent.parent
    sources = (source_of(package / room) for room in _ROOMS)
    parts = (model_id, antimony, platform.python_version(), *map(library_version, _LIBRARIES), *sources)
    sbml = kept_text(("sbml", *parts), lambda: _to_sbml(antimony, model_id))
    system = kept(
        ("system", *parts), lambda: _to_system(sbml, model_id), write=write_system, read=read_system
    )
    return sbml, system


def _to_sbml(antimony: str, model_id: str) -> str:
    from vivocart.formats.antimony import to_sbml

    return to_sbml(antimony, name=f"{model_id}.ant", numbers_have_no_unit=True)


def _to_system(sbml: str, model_id: str) -> System:
    from vivocart.formats.sbml import read_sbml

    return read_sbml(sbml, name=f"{model_id}.xml")
