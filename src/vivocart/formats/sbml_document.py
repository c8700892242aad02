"""The doorway of every SBML text: what may be handed to libSBML, and what libSBML found in it."""

from __future__ import annotations

import contextlib
import re
from typing import Any
from xml.parsers import expat

import libsbml

from vivocart.ground.errors import InputError, UnsupportedError

MAXIMUM_CHARACTERS = 64 * 1024 * 1024
MAXIMUM_DEPTH = 512  # of elements; libSBML recurses once a level
MAXIMUM_OPERANDS = 10_000  # of <apply> within <apply>: libSBML nests n terms n deep and recurses to free them
_READ_ERRORS = (libsbml.LIBSBML_SEV_ERROR, libsbml.LIBSBML_SEV_FATAL)
_PACKAGE = re.compile(r"/level3/version\d+/(\w+)/version\d+$")  # of the namespaces of packages
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
    # of every open element: whether it is an <apply>, how many it holds, and how deep libSBML will nest what it holds
    within: list[tuple[bool, int, int]] = []

    def refuse_doctype(*_: object) -> None:
        raise _RefusedError("a DOCTYPE is not allowed")

    def enter(element: str, _: object) -> None:
        if len(within) >= MAXIMUM_DEPTH:
            raise _RefusedError(f"elements are nested deeper than {MAXIMUM_DEPTH}")
        within.append((element.rpartition(":")[2] == "apply", 0, 0))

    def leave(_: str) -> None:
        is_apply, held, below = within.pop()
        depth = below + held if is_apply else below
        if depth > MAXIMUM_OPERANDS:
            raise _RefusedError(
                f"an <apply> has more than {MAXIMUM_OPERANDS} operands, with those within them"
            )
        if within:
            outer, count, deepest = within[-1]
            within[-1] = outer, count + 1, max(deepest, depth)

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
    text = guard_xml(text, name=name)
    _raise_on_required_packages(text)
    document = libsbml.readSBMLFromString(text)
    _raise_on_read_errors(document, name)
    if document.getModel() is None:
        raise InputError(
            "there is no model in the document", where=name, mend="give an SBML file with a <model>"
        )
    if document.getLevel() == 1:
        for compartment in document.getModel().getListOfCompartments():
            compartment.setVolume(compartment.getVolume())  # 1 where Level 1 says nothing; later ones do not
    if document.getLevel() < 3:
        document.setLevelAndVersion(3, 1, False)  # Version 2 has no fast reactions: they would be lost
        if document.getLevel() < 3:
            raise InputError("cannot be converted to SBML Level 3", where=name, mend="convert the file first")
    return document


def _raise_on_required_packages(text: str) -> None:
    """Looks at the attributes themselves: libSBML does not tell of every package that it does not know."""
    attributes: dict[str, str] = {}

    def enter(_: str, found: dict[str, str]) -> None:
        attributes.update(found)
        raise _RefusedError  # the outermost element is all that is wanted

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = enter
    with contextlib.suppress(_RefusedError, expat.ExpatError):
        parser.Parse(text, True)
    for attribute, value in attributes.items():
        space, _, local = attribute.rpartition(" ")
        known = _PACKAGE.search(space)
        package = known[1] if known else space
        # the extended math package is the math of Level 3 Version 2, which is read here anyway
        if local == "required" and value.strip() in ("true", "1") and package != "l3v2extendedmath":
            raise UnsupportedError(
                "package", package, why="the document says that it changes the model's meaning"
            )


def _raise_on_read_errors(document: Any, name: str) -> None:
    for index in range(document.getNumErrors()):
        error = document.getError(index)
        if error.getSeverity() in _READ_ERRORS:
            raise InputError(one_line(error.getMessage()), where=f"{name}, line {error.getLine()}")


def one_line(text: str) -> str:
    """``text`` with every run of white space as one space."""
    return " ".join(text.split())
