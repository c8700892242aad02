"""Order of elimination and fill of a sparse matrix, worked out once as symbols: no pivoting while a solver runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Elimination:
    """One pivot: its row, the rows below it that hold its column, and the columns right of it that its row holds."""

    pivot: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Factorization:
    """What a factorization of this pattern does, in order; ``place`` numbers every entry, fill included."""

    eliminations: tuple[Elimination, ...]
    place: dict[tuple[int, int], int]


def factorize(entries: Iterable[tuple[int, int]], size: int) -> Factorization:
    """Eliminations of a matrix with these entries and a full diagonal, by Markowitz's count on the diagonal.

    Source
    ------
    Markowitz 1957, Management Science 3:255: the pivot with the fewest (r-1)(c-1) products comes first.
    """
    rows: list[set[int]] = [{i} for i in range(size)]
    columns: list[set[int]] = [{i} for i in range(size)]
    pattern = {(i, i) for i in range(size)}
    for i, j in entries:
        rows[i].add(j)
        columns[j].add(i)
        pattern.add((i, j))
    left = set(range(size))
    order: list[Elimination] = []
    while left:
        pivot = min(left, key=lambda k: ((len(rows[k]) - 1) * (len(columns[k]) - 1), k))
        left.discard(pivot)
        below = sorted(columns[pivot] - {pivot})
        right = sorted(rows[pivot] - {pivot})
        for i in below:
            rows[i].discard(pivot)
            rows[i].update(right)
            pattern.update((i, j) for j in right)
        for j in right:
            columns[j].discard(pivot)
            columns[j].update(below)
        order.append(Elimination(pivot=pivot, rows=tuple(below), columns=tuple(right)))
    return Factorization(
        eliminations=tuple(order), place={entry: i for i, entry in enumerate(sorted(pattern))}
    )
