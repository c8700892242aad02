"""The process that reads one uploaded model: ``python -m vivocart.web.model_reader FILE``, one JSON object on stdout."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from vivocart.ground.errors import VivocartError

_MOST_MEMORY = 2 * 1024**3
_MOST_ISSUES = 50


def described(path: Path) -> dict[str, Any]:
    """What a model file holds, and what is wrong with it.

    Raises
    ------
    InputError, UnsupportedError
        If it cannot be read.
    """
    from vivocart.formats.antimony import to_sbml
    from vivocart.formats.sbml import check_sbml, read_sbml_model
    from vivocart.ground.tables import read_text

    text = read_text(path)
    is_sbml = text.lstrip().startswith("<")
    if not is_sbml:
        text = to_sbml(text, name=path.name)
    system = read_sbml_model(text, name=path.name).system
    issues = check_sbml(text)
    return {
        "format": "SBML" if is_sbml else "Antimony",
        "states": list(system.state_ids),
        "parameters": list(system.parameter_ids),
        "rules": len(system.rules),
        "events": len(system.events),
        "issues": [str(issue) for issue in issues[:_MOST_ISSUES]],
    }


def main(arguments: list[str]) -> int:
    """Exit code; the model, or what is wrong with it, has been said."""
    _limit_memory()
    path = Path(arguments[0])
    try:
        sys.stdout.write(json.dumps({"model": described(path)}))
    except VivocartError as error:
        from vivocart.web.errors import error_data

        sys.stdout.write(json.dumps(error_data(error)[1]))
        return 1
    return 0


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on this system; the time limit stays
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
