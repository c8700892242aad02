"""Words near each other, in any order."""

from __future__ import annotations

from collections.abc import Sequence


def near(text: Sequence[str], asked: Sequence[str], between: int) -> bool:
    """Whether all words of ``asked`` stand in ``text``, each at most ``between`` words away from the next of them.

    A word that is asked for twice must stand there twice. The words may come in any order; between two that follow each
    other in the text, of those chosen, stand at most ``between`` others.
    """
    wanted = tuple(sorted(asked))
    # what is still to be found, and the last place at which it can be gone on from: a later place is never worse
    open_ends: dict[tuple[str, ...], int] = {}
    for place, word in enumerate(text):
        if word not in wanted:
            continue
        reached = {wanted: place}
        reached.update(
            (rest, last) for rest, last in open_ends.items() if word in rest and place - last - 1 <= between
        )
        for rest in reached:
            left = _without(rest, word)
            if not left:
                return True
            open_ends[left] = place
    return False


def _without(words: tuple[str, ...], word: str) -> tuple[str, ...]:
    at = words.index(word)
    return words[:at] + words[at + 1 :]
