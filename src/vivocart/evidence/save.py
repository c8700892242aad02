"""Records as a file in any format that we write, by the format's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vivocart.evidence.exports import write_abstract, write_bibtex, write_csv, write_pmids, write_summary
from vivocart.evidence.importers.csl_json import write_csl_json
from vivocart.evidence.importers.medline import write_medline
from vivocart.evidence.importers.ris import write_ris
from vivocart.evidence.records import Record
from vivocart.ground.errors import UnknownNameError

#: Writers by name: PubMed's own save formats, then those of other programs.
FORMATS: Mapping[str, Callable[[Sequence[Record]], str]] = {
    "summary": write_summary,
    "pubmed": write_medline,
    "pmid": write_pmids,
    "abstract": write_abstract,
    "csv": write_csv,
    "nbib": write_medline,
    "ris": write_ris,
    "bibtex": write_bibtex,
    "csl": write_csl_json,
}


def as_file(records: Sequence[Record], format: str) -> bytes:
    """Bytes of a file of ``records``: UTF-8, for CSV with the byte-order mark that spreadsheets look for.

    Raises
    ------
    UnknownNameError
        If the format is none that we write.
    """
    if format not in FORMATS:
        raise UnknownNameError("format", format, FORMATS)
    return FORMATS[format](records).encode("utf-8-sig" if format == "csv" else "utf-8")
