"""Any bibliographic file to records: the format is told by how the text begins."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping

from vivocart.evidence.importers.batch import Batch, decode
from vivocart.evidence.importers.csl_json import read_csl_batch
from vivocart.evidence.importers.medline import read_medline
from vivocart.evidence.importers.pubmed_xml import read_pubmed_xml
from vivocart.evidence.importers.ris import read_ris
from vivocart.ground.errors import InputError

#: Readers by the name that a batch carries; each takes the file and ``name=``.
READERS: Mapping[str, Callable[..., Batch]] = {
    "pubmed_xml": read_pubmed_xml,
    "medline": read_medline,
    "ris": read_ris,
    "csl_json": read_csl_batch,
    "shipped": functools.partial(read_csl_batch, native=True),  # our own records.json
}
_SIGNS = (
    ("pubmed_xml", re.compile(r"\s*<")),
    ("csl_json", re.compile(r"\s*[\[{]")),
    ("ris", re.compile(r"TY  - ", re.MULTILINE)),
    ("medline", re.compile(r"(PMID|PMC |OWN )- ?\S", re.MULTILINE)),
)


def format_of(text: str, *, name: str = "file") -> str:
    """Name of the format of ``text``.

    Raises
    ------
    InputError
        If it is none that we read.
    """
    for known, sign in _SIGNS:
        if (
            sign.match(text)
            if known in ("pubmed_xml", "csl_json")
            else re.search(f"^(?:{sign.pattern})", text, re.MULTILINE)
        ):
            return known
    raise InputError(
        "no bibliographic format that we read", where=name, mend="save as PubMed XML, .nbib, RIS or CSL-JSON"
    )


def read_records(data: bytes | str, *, name: str = "file") -> Batch:
    """Records of a file in any format that we read, each with its raw text.

    Raises
    ------
    InputError
        If the format is unknown, or the file as a whole cannot be read.
    """
    text = decode(data, name=name)
    return READERS[format_of(text, name=name)](text, name=name)
