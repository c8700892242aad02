"""Errors a user may meet.

::

    VivocartError                    anything we refuse or cannot do; one line, exit code 2
    ├── InputError                   a file, row, column or argument is wrong
    │   └── UnknownNameError         a name that does not exist, with the nearest three
    ├── UnsupportedError             right in its standard, not done here: "not supported: <element, id>"
    ├── OutputError                  a folder or disk that cannot be written
    └── SimulationError              patients failed and the caller asked for none to (``strict``)
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable

DISK_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
"""Numbers of the system's errors for which no room is left, on the disk or for this user."""


class VivocartError(Exception):
    """Base of every error that vivocart raises on purpose; ``str()`` is one line a user can act on."""


class InputError(VivocartError):
    """Something handed in is wrong.

    Parameters
    ----------
    problem
        What is wrong, with the value found.
    where
        File, row, column or argument name, as far as known: ``"parameters.csv, row 12, column unit"``.
    mend
        What to write instead.
    """

    def __init__(self, problem: str, *, where: str = "", mend: str = "") -> None:
        self.problem = problem
        self.where = where
        self.mend = mend
        text = f"{where}: {problem}" if where else problem
        super().__init__(f"{text}; {mend}" if mend else text)


class UnknownNameError(InputError):
    """A name that is not on the list; the message names the nearest three."""

    def __init__(self, what: str, name: str, known: Iterable[str], *, where: str = "") -> None:
        names = sorted(known)
        lowered = {entry.lower(): entry for entry in names}
        near = [lowered[hit] for hit in difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.4)]
        shown = near or names[:3]
        mend = f"did you mean {', '.join(shown)}?" if shown else ""
        self.name = name
        super().__init__(f"unknown {what} '{name}'", where=where, mend=mend)


class UnsupportedError(VivocartError):
    """A model uses an element that its standard allows and this software does not do."""

    def __init__(self, element: str, element_id: str = "", *, why: str = "") -> None:
        named = f"{element} '{element_id}'" if element_id else element
        self.element = element
        self.element_id = element_id
        super().__init__(f"not supported: {named}" + (f" ({why})" if why else ""))


class OutputError(VivocartError):
    """A result cannot be written where it was asked to go; nothing that stood there was changed."""


class SimulationError(VivocartError):
    """One or more patients could not be integrated and the caller asked for an error."""
