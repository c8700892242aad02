"""Text as the index sees it: words without case, accents and punctuation.

The index is given words that are already folded, so that the query and the index can never disagree on what a word is.
"""

from __future__ import annotations

import functools
import re
import unicodedata

#: Stands between two values of one field, so that no phrase runs from one into the next.
BREAK = "_"

_SHORT = 120  # characters of a text that is remembered
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_WORD = re.compile(r"[^\W_]+")
_GREEK = {
    code: unicodedata.name(chr(code)).rsplit(" ", maxsplit=1)[-1].lower()
    for code in range(0x3B1, 0x3CA)
    if code != 0x3C2  # final sigma folds to sigma
}


def fold(text: str) -> str:
    """``text`` in lower case without accents; Greek letters by their names, as PubMed's own index has them."""
    lowered = text.lower()
    return lowered if lowered.isascii() else _FOREIGN.sub(lambda found: _folded(found[0]), lowered)


@functools.lru_cache(maxsize=4096)
def _folded(piece: str) -> str:
    """Letters beyond ASCII; what they are made of does not depend on the letters beside them."""
    decomposed = unicodedata.normalize("NFKD", piece)
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return plain.casefold().translate(_GREEK)


def words(text: str) -> list[str]:
    """Words of ``text``, folded; everything that is neither letter nor digit parts two words."""
    return _WORD.findall(fold(text))


def folded(text: str) -> str:
    """Words of ``text`` with one blank between them."""
    return _short(text) if len(text) <= _SHORT else " ".join(words(text))


@functools.lru_cache(maxsize=65536)
def _short(text: str) -> str:
    """Short texts come again: names, headings, journals."""
    return " ".join(words(text))


def value_token(key: str, text: str) -> str:
    """One token for a whole value: ``_mh:stroke/surgery`` for the heading ``Stroke/surgery``.

    The leading ``_`` keeps it apart from every word of a text.
    """
    if "/" not in text:
        return f"_{key}:{folded(text).replace(' ', '_')}"
    parts = (folded(part).replace(" ", "_") for part in text.split("/"))
    return f"_{key}:{'/'.join(part for part in parts if part)}"
