"""Antimony to SBML Level 3 Version 2 and back.

The Antimony library keeps its models in globals of the process, so every call here holds one lock and clears before and
after.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import libsbml

from vivocart.formats.sbml_document import one_line, parse_sbml
from vivocart.ground.errors import InputError, UnsupportedError

_LOCK = threading.Lock()
_IMPORT = re.compile(r'^\s*import\s+"', re.MULTILINE)
_ERROR_LINE = re.compile(r"^Error in (?:model string|file '.*?'), line (\d+):\s*(.*)$", re.DOTALL)


@contextmanager
def _library(*, numbers_have_no_unit: bool = False) -> Generator[Any]:
    import antimony  # imported late: it loads a shared library of 20 MB

    with _LOCK:
        antimony.clearPreviousLoads()
        antimony.setWriteSBMLTimestamp(False)
        antimony.setBareNumbersAreDimensionless(numbers_have_no_unit)
        try:
            yield antimony
        finally:
            antimony.clearPreviousLoads()


def to_sbml(text: str, *, name: str = "model.ant", numbers_have_no_unit: bool = False) -> str:
    """SBML Level 3 Version 2 of the main model of an Antimony text; the same text gives the same bytes.

    Parameters
    ----------
    text
        Antimony, with or without ``model ... end``.
    name
        File name for the error messages.
    numbers_have_no_unit
        Whether a number written without a unit is declared dimensionless, so that units can be checked in full; otherwise
        its unit stays open.

    Raises
    ------
    InputError
        With the line on which Antimony stumbled.
    UnsupportedError
        If the text imports a file.
    """
    imported = _IMPORT.search(text)
    if imported:
        line = text.count("\n", 0, imported.end()) + 1
        raise UnsupportedError(
            "import", f"line {line}", why="a text has no folder; join the files into one text"
        )
    if "\0" in text:
        raise InputError("a NUL character", where=name, mend="give a plain text file")
    with _library(numbers_have_no_unit=numbers_have_no_unit) as antimony:
        if antimony.loadAntimonyString(text) < 0:
            raise _fault(antimony, name)
        sbml = antimony.getSBMLString(antimony.getMainModuleName())
        if not sbml:
            raise _fault(antimony, name)
    document = libsbml.readSBMLFromString(sbml)
    if (document.getLevel(), document.getVersion()) != (3, 2):
        document.setLevelAndVersion(3, 2, False)
        sbml = libsbml.writeSBMLToString(document)
    return sbml


def from_sbml(text: str, *, name: str = "model.xml") -> str:
    """Antimony of an SBML text, with its function definitions.

    Raises
    ------
    InputError
        If the text is not SBML or Antimony cannot express it.
    """
    document = parse_sbml(text, name=name)
    with _library() as antimony:
        antimony.setRemoveFunctionDefinitions(False)
        if antimony.loadSBMLString(libsbml.writeSBMLToString(document)) < 0:
            raise _fault(antimony, name)
        written = antimony.getAntimonyString(antimony.getMainModuleName())
        if not written:
            raise _fault(antimony, name)
        return written


def _fault(antimony: Any, name: str) -> InputError:
    try:
        message = antimony.getLastError() or "Antimony gave no reason"
    except UnicodeDecodeError as error:  # the message quotes one byte of a longer character
        message = error.object.decode("utf-8", "replace")
    found = _ERROR_LINE.match(message)
    if found:
        return InputError(one_line(found[2]), where=f"{name}, line {found[1]}")
    return InputError(one_line(message), where=name)
