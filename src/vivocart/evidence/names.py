"""Names of authors as the citation styles write them, and NLM's codes of languages in words."""

from __future__ import annotations

from collections.abc import Mapping

from vivocart.evidence.records import Author

#: NLM language codes (MARC) to the words that a citation prints; a code that is missing here is printed as it stands.
LANGUAGES: Mapping[str, str] = {
    "ara": "Arabic", "bul": "Bulgarian", "chi": "Chinese", "cze": "Czech", "dan": "Danish", "dut": "Dutch",
    "eng": "English", "fin": "Finnish",
    "fre": "French", "ger": "German", "gre": "Greek, Modern", "heb": "Hebrew", "hrv": "Croatian", "hun": "Hungarian",
    "ice": "Icelandic", "ita": "Italian", "jpn": "Japanese", "kor": "Korean", "lit": "Lithuanian", "nor": "Norwegian",
    "per": "Persian", "pol": "Polish", "por": "Portuguese", "rum": "Romanian", "rus": "Russian", "slo": "Slovak",
    "slv": "Slovenian", "spa": "Spanish", "srp": "Serbian", "swe": "Swedish", "tur": "Turkish", "ukr": "Ukrainian",
}  # fmt: skip


def nlm_name(author: Author) -> str:
    """``Hellinger FR Jr``; a group by its name."""
    return author.literal or " ".join(
        part for part in (author.family, author.initials, author.suffix) if part
    )


def apa_name(author: Author) -> str:
    """``Zha, G. F.`` from NLM's initials; a group by its name."""
    if author.literal:
        return author.literal
    dotted = " ".join(f"{letter}." for letter in author.initials)
    return ", ".join(part for part in (author.family, dotted, author.suffix) if part)


def inverted_name(author: Author) -> str:
    """``Wang, Qian``: forename as given, initials where there is none."""
    if author.literal:
        return author.literal
    return ", ".join(part for part in (author.family, author.given or author.initials, author.suffix) if part)


def full_name(author: Author) -> str:
    """``Qian Wang``, as it is read."""
    if author.literal:
        return author.literal
    return " ".join(part for part in (author.given or author.initials, author.family, author.suffix) if part)
