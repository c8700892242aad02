"""SBML text checked and read into a symbolic :class:`~vivocart.equations.system.System`."""

from __future__ import annotations

import libsbml

from vivocart.formats.sbml_document import guard_xml, one_line
from vivocart.ground.tables import Issue


def check_sbml(text: str, *, name: str = "model.xml", units: bool = True) -> list[Issue]:
    """What libSBML finds wrong with an SBML text: consistency of identifiers, math, structure and units.

    Parameters
    ----------
    text
        The SBML file's text.
    name
        File name for the issues.
    units
        Whether units are checked; a unit that is not declared is a warning.

    Returns
    -------
    list of Issue
        ``check`` is libSBML's category and number, such as ``"SBML unit consistency 10501"``; ``row`` is the line.

    Raises
    ------
    InputError
        If the text is not well-formed XML or may not be read (a DOCTYPE, too large, too deep).
    """
    document = libsbml.readSBMLFromString(guard_xml(text, name=name))
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_MODELING_PRACTICE, False)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, units)
    document.checkConsistency()
    severe = (libsbml.LIBSBML_SEV_ERROR, libsbml.LIBSBML_SEV_FATAL)
    issues: list[Issue] = []
    for index in range(document.getNumErrors()):
        found = document.getError(index)
        issues.append(
            Issue(
                level="error" if found.getSeverity() in severe else "warning",
                check=f"{found.getCategoryAsString()} {found.getErrorId()}",
                file=name,
                row=found.getLine(),
                message=one_line(f"{found.getShortMessage()}: {found.getMessage()}"),
            )
        )
    return issues
