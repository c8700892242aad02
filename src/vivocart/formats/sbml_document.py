"""The doorway of every SBML text: what may be handed to libSBML, and what libSBML found in it."""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat

import libsbml

from vivocart.ground.errors import InputError, UnsupportedError

MAXIMUM_CHARACTERS = 64 * 1024 * 1024
MAXIMUM_DEPTH = 512  # of elements; libSBML recurses once a level
_READ_ERRORS = (libsbml.LIBSBML_SEV_ERROR, libsbml.LIBSBML_SEV_FATAL)
_XML_DECLARATION = re.compile(r"^\s*<\?xml\b[^>]*\?>")


class _RefusedError(Exception):
    """Why the text may not be read; raised through expat, which has no other way to stop."""


def guard_xml(text: str, *, name: str = "model.xml") -> str:
    """``text`` without its XML declaration, once it is known to be well-formed, small, shallow and free of a DOCTYPE.

    Entities can only be declared in a DOCTYPE, so a text that passes cannot expand to more than it holds.

    Raises
    ------
    InputError
        Naming the line and the fault.
    """
    if len(text) > MAXIMUM_CHARACTERS:
        raise InputError(
            f"{len(text)} characters", where=name, mend=f"at most {MAXIMUM_CHARACTERS} characters are read"
        )
    text = _XML_DECLARATION.sub(
        "", text.lstrip("\ufeff"), count=1
    )  # the text is decoded: its encoding is past
    parser = expat.ParserCreate()
    depth = 0

    def refuse_doctype(*_: object) -> None:
        raise _RefusedError("a DOCTYPE is not allowed")

    def enter(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth > MAXIMUM_DEPTH:
            raise _RefusedError(f"elements are nested deeper than {MAXIMUM_DEPTH}")

    def leave(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartDoctypeDeclHandler = refuse_doctype
    parser.StartElementHandler = enter
    parser.EndElementHandler = leave
    try:
        parser.Parse(text, True)
    except _RefusedError as error:
        raise InputError(str(error), where=f"{name}, line {parser.CurrentLineNumber}") from None
    except (expat.ExpatError, UnicodeEncodeError) as error:
        raise InputError(f"not well-formed XML ({error})", where=name, mend="write the file again") from None
    return text


def parse_sbml(text: str, *, name: str = "model.xml") -> Any:
    """The libSBML document of an SBML text, converted to Level 3 if it is older.

    Raises
    ------
    InputError
        If the text is not SBML, has no model, or breaks a rule that leaves its meaning open.
    UnsupportedError
        If the document requires a Level 3 package that changes the meaning of the model.
    """
    document = libsbml.readSBMLFromString(guard_xml(text, name=name))
    _raise_on_read_errors(document, name)
    if document.getModel() is None:
        raise InputError(
            "there is no model in the document", where=name, mend="give an SBML file with a <model>"
        )
    if document.getLevel() == 3:
        _raise_on_required_packages(document)
    if document.getLevel() < 3:
        document.setLevelAndVersion(3, 2, False)
        if document.getLevel() < 3:
            raise InputError("cannot be converted to SBML Level 3", where=name, mend="convert the file first")
    return document


def _raise_on_required_packages(document: Any) -> None:
    known = [document.getPlugin(index).getPackageName() for index in range(document.getNumPlugins())]
    unknown = [document.getUnknownPackagePrefix(index) for index in range(document.getNumUnknownPackages())]
    for prefix in (*known, *unknown):
        # the extended math package is the math of Level 3 Version 2, which is read here anyway
        if prefix != "l3v2extendedmath" and document.getPackageRequired(prefix):
            raise UnsupportedError(
                "package", prefix, why="the document says that it changes the model's meaning"
            )


def _raise_on_read_errors(document: Any, name: str) -> None:
    for index in range(document.getNumErrors()):
        error = document.getError(index)
        if error.getSeverity() in _READ_ERRORS:
            raise InputError(one_line(error.getMessage()), where=f"{name}, line {error.getLine()}")


def one_line(text: str) -> str:
    """``text`` with every run of white space as one space."""
    return " ".join(text.split())
