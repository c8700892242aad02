"""The order in which definitions that use each other can be worked out."""

from __future__ import annotations

from collections.abc import Mapping

import sympy

from vivocart.ground.errors import InputError


def in_order(expressions: Mapping[str, sympy.Expr], *, what: str, where: str) -> list[str]:
    """The names of ``expressions`` so that each comes after those it uses; else in the order given.

    Raises
    ------
    InputError
        If they use each other in a circle; the message names the circle.
    """
    uses = {
        name: sorted(
            {s.name for s in expression.free_symbols if isinstance(s, sympy.Symbol)} & expressions.keys()
        )
        for name, expression in expressions.items()
    }
    done: dict[str, bool] = {}  # False while a name waits for what it uses
    ordered: list[str] = []
    for first in expressions:
        waiting = [] if first in done else [(first, iter(uses[first]))]
        if waiting:
            done[first] = False
        while waiting:
            name, rest = waiting[-1]
            following = next(rest, None)
            if following is None:
                done[name] = True
                ordered.append(name)
                waiting.pop()
            elif following not in done:
                done[following] = False
                waiting.append((following, iter(uses[following])))
            elif not done[following]:
                path = [entry for entry, _ in waiting]
                circle = [*path[path.index(following) :], following]
                raise InputError(
                    f"{what} use each other in a circle: {' -> '.join(circle[:6])}",
                    where=where,
                    mend="break the circle; equations to be solved for a value are not supported",
                )
    return ordered
