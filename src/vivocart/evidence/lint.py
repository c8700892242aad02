"""Checks of records and quantities: small ones in two tuples, all run, all findings returned.

A check takes the rows and yields :class:`~vivocart.ground.tables.Issue`; a new check is one function and one entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from vivocart.evidence.importers.csl_json import read_csl_json
from vivocart.evidence.library import QUANTITIES_FILE, RECORDS_FILE, shipped
from vivocart.evidence.quantities import NUMERIC_SPREADS, WITHOUT_RECORD, Quantity
from vivocart.evidence.records import Record, is_doi, is_pmcid, is_pmid
from vivocart.ground import units
from vivocart.ground.tables import Issue, parse_rows, read_text

RecordCheck = Callable[[Sequence[Record]], Iterator[Issue]]
QuantityCheck = Callable[[Sequence[Quantity], Sequence[Record]], Iterator[Issue]]


def _record_issue(check: str, record: Record, column: str, value: str, message: str, mend: str) -> Issue:
    text = f"{record.id}: {message}" if record.id else message
    return Issue(
        level="error", check=check, file=RECORDS_FILE, column=column, value=value, message=text, mend=mend
    )


def _row_issue(check: str, row: int, column: str, value: object, message: str, mend: str) -> Issue:
    shown = None if value is None else str(value)
    return Issue(
        level="error",
        check=check,
        file=QUANTITIES_FILE,
        row=row,
        column=column,
        value=shown,
        message=message,
        mend=mend,
    )


def _rows(quantities: Sequence[Quantity]) -> Iterable[tuple[int, Quantity]]:
    return enumerate(quantities, start=2)  # as a spreadsheet counts: the header is row 1


def record_ids_are_unique(records: Sequence[Record]) -> Iterator[Issue]:
    """Two records with one id."""
    seen: set[str] = set()
    for record in records:
        if record.id in seen:
            yield _record_issue(
                "record_ids_are_unique", record, "id", record.id, "the id is taken", "rename one of the two"
            )
        seen.add(record.id)


def identifiers_have_their_form(records: Sequence[Record]) -> Iterator[Issue]:
    """A PMID, PMCID or DOI that cannot be one."""
    forms = (
        ("PMID", is_pmid, "digits only"),
        ("PMCID", is_pmcid, "PMC and digits"),
        ("DOI", is_doi, "10.<registrant>/<suffix>, without https://doi.org/"),
    )
    for record in records:
        for column, has_form, mend in forms:
            value = getattr(record, column.lower())
            if value and not has_form(value):
                yield _record_issue(
                    "identifiers_have_their_form", record, column, value, f"not a {column}", f"write {mend}"
                )


def identifiers_are_used_once(records: Sequence[Record]) -> Iterator[Issue]:
    """Two records with the same PMID, PMCID or DOI: one source under two names."""
    for column in ("pmid", "pmcid", "doi"):
        owners: dict[str, str] = {}
        for record in records:
            value = getattr(record, column).lower()
            if value and value in owners:
                message = f"the same {column.upper()} as {owners[value]}"
                mend = "join the two records"
                yield _record_issue("identifiers_are_used_once", record, column.upper(), value, message, mend)
            elif value:
                owners[value] = record.id


def records_can_be_found(records: Sequence[Record]) -> Iterator[Issue]:
    """A record that nobody could look up: no identifier, no address, no title and no journal with year."""
    for record in records:
        named = (
            record.title or record.described_as or (record.journal or record.journal_short) or record.authors
        )
        if not (record.pmid or record.pmcid or record.doi or record.url or record.read_at or named):
            mend = "give PMID, DOI, URL, or at least a title"
            yield _record_issue(
                "records_can_be_found", record, "title", "", "nothing says what this is", mend
            )


def quantity_ids_are_unique(quantities: Sequence[Quantity], records: Sequence[Record]) -> Iterator[Issue]:
    """Two rows with one id."""
    del records
    seen: set[str] = set()
    for row, quantity in _rows(quantities):
        if quantity.id in seen:
            yield _row_issue(
                "quantity_ids_are_unique", row, "id", quantity.id, "the id is taken", "rename one of the two"
            )
        seen.add(quantity.id)


def records_are_known(quantities: Sequence[Quantity], records: Sequence[Record]) -> Iterator[Issue]:
    """A row that names a record we do not have, or none where its trust demands one."""
    known = {record.id for record in records}
    for row, quantity in _rows(quantities):
        if not quantity.record_id:
            if quantity.trust not in WITHOUT_RECORD:
                message = f"the cell is empty, but trust '{quantity.trust}' needs a record"
                mend = "name the record, or trust memory or hand_set"
                yield _row_issue("records_are_known", row, "record_id", None, message, mend)
        elif quantity.record_id not in known:
            mend = f"add the record to {RECORDS_FILE}"
            yield _row_issue(
                "records_are_known", row, "record_id", quantity.record_id, "unknown record", mend
            )
        elif not quantity.id.startswith(f"{quantity.record_id}_"):
            mend = f"call it {quantity.record_id}_<symbol>"
            yield _row_issue(
                "records_are_known", row, "id", quantity.id, "the id does not begin with its record", mend
            )


def records_are_used(quantities: Sequence[Quantity], records: Sequence[Record]) -> Iterator[Issue]:
    """A record that no quantity rests on does not ship."""
    used = {quantity.record_id for quantity in quantities}
    for record in records:
        if record.id not in used:
            mend = f"remove it, or add a row to {QUANTITIES_FILE}"
            yield _record_issue(
                "records_are_used", record, "id", record.id, "no quantity rests on this record", mend
            )


def units_are_known(quantities: Sequence[Quantity], records: Sequence[Record]) -> Iterator[Issue]:
    """A unit that cannot be read, or a number without one."""
    del records
    for row, quantity in _rows(quantities):
        if quantity.unit and not units.is_known(quantity.unit):
            mend = "see the spellings in ground/units.py"
            yield _row_issue("units_are_known", row, "unit", quantity.unit, "unknown unit", mend)
        if quantity.has_number and not quantity.unit:
            mend = "write 1 for a number without dimension"
            yield _row_issue("units_are_known", row, "unit", None, "the number has no unit", mend)


def values_lie_between_their_bounds(
    quantities: Sequence[Quantity], records: Sequence[Record]
) -> Iterator[Issue]:
    """A value outside its own bounds, or bounds in the wrong order."""
    del records
    check = "values_lie_between_their_bounds"
    for row, quantity in _rows(quantities):
        value, lower, upper = quantity.value, quantity.lower, quantity.upper
        if lower is not None and upper is not None and lower > upper:
            yield _row_issue(
                check, row, "lower", lower, f"lower is above upper {upper:g}", "exchange the two"
            )
        elif value is not None and lower is not None and value < lower:
            yield _row_issue(
                check, row, "value", value, f"the value lies below lower {lower:g}", "mend one of the two"
            )
        elif value is not None and upper is not None and value > upper:
            yield _row_issue(
                check, row, "value", value, f"the value lies above upper {upper:g}", "mend one of the two"
            )


def spreads_have_a_kind(quantities: Sequence[Quantity], records: Sequence[Record]) -> Iterator[Issue]:
    """A spread without a kind, a kind without its numbers."""
    del records
    check = "spreads_have_a_kind"
    for row, quantity in _rows(quantities):
        kind = quantity.spread_kind
        if quantity.spread is not None and kind not in NUMERIC_SPREADS:
            mend = f"one of {', '.join(sorted(NUMERIC_SPREADS))}"
            yield _row_issue(check, row, "spread_kind", kind, "the spread has no kind", mend)
        if quantity.spread is None and kind in NUMERIC_SPREADS:
            yield _row_issue(
                check, row, "spread", None, f"kind '{kind}' needs a number", "give the spread, or kind none"
            )
        if kind in ("iqr", "range", "ci95") and (quantity.lower is None or quantity.upper is None):
            yield _row_issue(
                check, row, "lower", quantity.lower, f"kind '{kind}' needs lower and upper", "give both"
            )


def trust_and_place_are_said(quantities: Sequence[Quantity], records: Sequence[Record]) -> Iterator[Issue]:
    """A row without trust, without place, without a reader, or without a number and without a note."""
    del records
    check = "trust_and_place_are_said"
    for row, quantity in _rows(quantities):
        if quantity.trust is None:
            yield _row_issue(
                check, row, "trust", None, "the cell is empty", "primary, abstract, coded_copy, secondary ..."
            )
        if not quantity.place:
            mend = "table, figure, section, or 'text not held; read at ...'"
            yield _row_issue(check, row, "place", None, "the cell is empty", mend)
        if quantity.trust not in WITHOUT_RECORD and not (quantity.read_by and quantity.read_on):
            yield _row_issue(
                check, row, "read_by", None, "nobody says that it was read", "give read_by and read_on"
            )
        if not quantity.has_number and not quantity.note:
            yield _row_issue(
                check, row, "value", None, "neither number nor note", "say in the note what is known"
            )


def unread_texts_are_not_primary(
    quantities: Sequence[Quantity], records: Sequence[Record]
) -> Iterator[Issue]:
    """A row trusted as read in the source although its record says that the text is not held."""
    held = {record.id: record.held for record in records}
    for row, quantity in _rows(quantities):
        state = held.get(quantity.record_id)
        if quantity.trust == "primary" and state in ("none", "abstract", "coded_copy"):
            message = f"trust is primary, but only '{state}' of {quantity.record_id} is held"
            mend = "lower the trust, or correct 'held' in the record"
            yield _row_issue("unread_texts_are_not_primary", row, "trust", quantity.trust, message, mend)
        if quantity.trust == "abstract" and state in ("none", "coded_copy"):
            message = f"trust is abstract, but no abstract of {quantity.record_id} is held"
            mend = "lower the trust, or correct 'held' in the record"
            yield _row_issue("unread_texts_are_not_primary", row, "trust", quantity.trust, message, mend)


RECORD_CHECKS: tuple[RecordCheck, ...] = (
    record_ids_are_unique,
    identifiers_have_their_form,
    identifiers_are_used_once,
    records_can_be_found,
)
QUANTITY_CHECKS: tuple[QuantityCheck, ...] = (
    quantity_ids_are_unique,
    records_are_known,
    records_are_used,
    units_are_known,
    values_lie_between_their_bounds,
    spreads_have_a_kind,
    trust_and_place_are_said,
    unread_texts_are_not_primary,
)


def lint(records: Sequence[Record], quantities: Sequence[Quantity]) -> list[Issue]:
    """Findings of every check, in the order of the checks; empty when all is well."""
    issues: list[Issue] = []
    for record_check in RECORD_CHECKS:
        issues.extend(record_check(records))
    for quantity_check in QUANTITY_CHECKS:
        issues.extend(quantity_check(quantities, records))
    return issues


def lint_shipped() -> list[Issue]:
    """Findings on the shipped library, cells that cannot be read included.

    Raises
    ------
    InputError
        If ``records.json`` cannot be read at all.
    """
    records = read_csl_json(read_text(shipped(RECORDS_FILE)), name=RECORDS_FILE, native=True)
    quantities, issues = parse_rows(read_text(shipped(QUANTITIES_FILE)), Quantity, name=QUANTITIES_FILE)
    return [*issues, *lint(records, quantities)]
