"""Words near each other, in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def near(text: Sequence[str], asked: Sequence[str], between: int) -> bool:
    """Whether all words of ``asked`` stand in ``text``, each at most ``between`` words away from the next of them.

    A word that is asked for twice must stand there twice. The words may come in any order; between two that follow each
    other in the text, of those chosen, stand at most ``between`` others.
    """
    wanted = Counter(asked)
    places = [(place, word) for place, word in enumerate(text) if word in wanted]
    return any(_from(places, start, wanted, between) for start in range(len(places)))


def _from(places: Sequence[tuple[int, str]], start: int, wanted: Counter[str], between: int) -> bool:
    """Whether a choice of words exists that begins at ``start``: of places and what is still wanted, all are followed."""
    place, word = places[start]
    states = {(place, _without(tuple(sorted(wanted.elements())), word))}
    for position, found in places[start + 1 :]:
        states |= {
            (position, _without(rest, found))
            for last, rest in states
            if found in rest and position - last - 1 <= between
        }
        states = {(last, rest) for last, rest in states if position - last <= between + 1}
        if any(not rest for _, rest in states):
            return True
        if not states:
            return False
    return any(not rest for _, rest in states)


def _without(words: tuple[str, ...], word: str) -> tuple[str, ...]:
    at = words.index(word)
    return words[:at] + words[at + 1 :]
