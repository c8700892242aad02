"""The page of one record, and the card that a report shows for each of its records.

Sections and choices are those of a PubMed record page: title and authors with numbered affiliations, abstract, publication
types, grants and funding; display as Abstract, PubMed or PMID; cite, save, collect, permalink. Below them stands what no
such page has: the parameters, observations and predictions that rest on the record.
"""

from __future__ import annotations

import math
import re
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, final

import jinja2
from markupsafe import Markup, escape

from vivocart.endpoints.registry import known_endpoints
from vivocart.evidence.citations import STYLES, short, source_line
from vivocart.evidence.coverage import STATES, quantity_state
from vivocart.evidence.exports import write_abstract, write_csv, write_pmids, write_summary
from vivocart.evidence.importers.medline import write_medline
from vivocart.evidence.library import quantities, records
from vivocart.evidence.names import full_name
from vivocart.evidence.quantities import Quantity
from vivocart.evidence.records import Record, date_text
from vivocart.evidence.retractions import own_notices
from vivocart.evidence.uses import rule_shown
from vivocart.report.palette import theme_css
from vivocart.report.spelling import exact, in_print, number, unit_words
from vivocart.scenarios.result import TrialResult
from vivocart.scenarios.support import coverage_of
from vivocart.scenarios.weights import HEADLINE
from vivocart.scenarios.what_if import Lost, WithoutRecord, endpoints_moved, without_record

if TYPE_CHECKING:
    import pandas as pd

DISCLAIMER = "For research, not for treatment decisions."
PUBMED = "https://pubmed.ncbi.nlm.nih.gov/"
_TEMPLATES = files("vivocart.report") / "templates"
_HELD = {
    "text": "Its text was read.",
    "abstract": "Its abstract was read, its text was not.",
    "coded_copy": "Its text was not read; a coded copy of its model was.",
    "none": "Its text was not read.",
}
_NOTICES = {
    "retraction": "Retracted",
    "concern": "Expression of concern",
    "erratum": "Erratum",
    "update": "Update",
    "reinstatement": "Reinstated",
}
_RULES = {"prior": "prior, in the range of"}
_ROLES = {"number": "read from it", "range": "chosen inside its range", "beside": "set beside it"}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a card that the page navigation names: anchor and title."""

    anchor: str
    title: str


def record_view(
    record: Record, used: WithoutRecord | None = None, shifts: pd.DataFrame | None = None
) -> dict[str, Any]:
    """What the template of a card prints.

    Parameters
    ----------
    record
        A record of the shipped or of the user's library.
    used
        What rests on it; nothing for a record that the shipped numbers do not use.
    shifts
        Headline endpoints by parameter, as :func:`vivocart.scenarios.what_if.sensitivity` returns them.
    """
    anchor = "record-" + re.sub(r"[^a-z0-9]+", "-", record.id.lower()).strip("-")
    places = list(dict.fromkeys(place for author in record.authors for place in author.affiliations))
    view: dict[str, Any] = {
        "record": record,
        "anchor": anchor,
        "title": record.title.strip().removesuffix(".") or f"[{record.described_as or short(record)}]",
        "journal": record.journal_short or record.journal,
        "dated": _dated(record),
        "authors": [
            (full_name(author), [places.index(place) + 1 for place in author.affiliations])
            for author in record.authors
        ],
        "places": places,
        "held": _HELD[record.held],
        "notices": [(_NOTICES[notice.kind], notice.where) for notice in own_notices(record)],
        "links": _links(record),
        "journal_search": _search(f'"{record.journal_short or record.journal}"[ta]'),
        "types": [(name, _search(f'"{name}"[pt]')) for name in record.publication_types],
        "grants": [
            "/".join(part for part in (grant.number, grant.agency) if part) for grant in record.grants
        ],
        "citations": {style.upper(): STYLES[style](record) for style in ("ama", "apa", "mla", "nlm")},
        "formats": _formats(record),
        "file": f"pmid-{record.pmid}" if record.pmid else record.id,
        "permalink": f"{PUBMED}{record.pmid}/" if record.pmid else record.url,
        "local": f"vivocart evidence show {record.id} --html --out {record.id}.html",
        "commands": _commands(record),
        "email": ("vivocart", "evidence", "email", record.pmid or record.id),
        "used": None if used is None else _used(used, shifts),
    }
    view["sections"] = list(_sections(view))
    return view


def render_record(
    record: Record, used: WithoutRecord | None = None, shifts: pd.DataFrame | None = None
) -> str:
    """The HTML text of a record's page; one file, nothing outside it is needed."""
    view = record_view(record, used, shifts)
    return environment().get_template("record_page.html.j2").render(
        view=view, theme=theme_css(), css=read_template("trial.css"), disclaimer=DISCLAIMER, **card_parts()
    )  # fmt: skip


def card_parts() -> dict[str, str]:
    """Styles and script that cards need, each once a page: ``card_css`` and ``card_script``."""
    return {"card_css": read_template("record.css"), "card_script": read_template("record.js")}


def read_template(name: str) -> str:
    """Text of a template, style sheet or script of this room."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def environment(read: Callable[[str], str | None] = read_template) -> jinja2.Environment:
    """Jinja as pages with cards use it: everything escaped, nothing undefined; ``read`` gives a template's text by name."""
    found = jinja2.Environment(
        loader=jinja2.FunctionLoader(read),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    found.filters |= {
        "bold": bold,
        "breakable": breakable,
        "capitalize_first": _capitalized,
        "exact": exact,
        "in_print": in_print,
        "number": number,
        "unit": unit_words,
    }
    return found


def _capitalized(text: str) -> str:
    return (text[:1].upper() + text[1:]).rstrip(".")


def bold(text: str) -> Markup:
    """Escaped text with what stands between two asterisks in bold."""
    parts = str(escape(text)).split("**")
    return Markup("".join(f"<b>{part}</b>" if position % 2 else part for position, part in enumerate(parts)))


def breakable(identifier: str) -> Markup:
    """An identifier that a narrow column breaks after an underscore, not in a word."""
    return Markup("_<wbr>").join(identifier.split("_"))


# -- bibliographic part -----------------------------------------------------------------------------------------------


def _sections(view: Mapping[str, Any]) -> Iterable[Section]:
    """Sections that have something to show, as the page navigation lists them."""
    record: Record = view["record"]
    yield Section(anchor="title", title="Title & authors")
    for anchor, title, has in (
        ("abstract", "Abstract", record.abstract),
        ("notices", "Notices", view["notices"]),
        ("types", "Publication types", record.publication_types),
        ("mesh", "MeSH terms", record.mesh),
        ("grants", "Grants and funding", record.grants),
        ("used", "Used by", view["used"]),
    ):
        if has:
            yield Section(anchor=anchor, title=title)


def _dated(record: Record) -> str:
    """What follows the journal's name: date, issue, pages, DOI, ``Online ahead of print``."""
    journal = record.journal_short or record.journal
    line = source_line(record)
    rest = line.removeprefix(journal).removeprefix(".").strip() if journal else line
    if record.is_ahead_of_print and record.electronic_date and not record.date:
        rest = f"{date_text(record.electronic_date)}. {rest}"
    return f"{rest} Online ahead of print." if record.is_ahead_of_print else rest


def _links(record: Record) -> list[tuple[str, str, str]]:
    """Name, text and address of each identifier."""
    found = [
        ("PMID", record.pmid, f"{PUBMED}{record.pmid}/"),
        ("PMCID", record.pmcid, f"https://pmc.ncbi.nlm.nih.gov/articles/{record.pmcid}/"),
        ("DOI", record.doi, f"https://doi.org/{urllib.parse.quote(record.doi, safe='/:;()')}"),
        ("Address", record.url, record.url),
        ("Read at", record.read_at, record.read_at),
    ]
    return [entry for entry in found if entry[1] and _is_web(entry[2])]


def _is_web(address: str) -> bool:
    """Whether an address may be a link; a record is somebody else's text."""
    return address.startswith(("https://", "http://"))


def _search(query: str) -> dict[str, str]:
    """A search by its text, and its address at PubMed, at the NLM Catalog and at MeSH."""
    quoted = urllib.parse.quote(query)
    name = urllib.parse.quote(query.rsplit("[", 1)[0])
    return {
        "query": query,
        "pubmed": f"{PUBMED}?term={quoted}",
        "catalog": f"https://www.ncbi.nlm.nih.gov/nlmcatalog?term={quoted}",
        "mesh": f"https://www.ncbi.nlm.nih.gov/mesh?term={name}",
    }


def _commands(record: Record) -> list[tuple[str, str, tuple[str, ...]]]:
    """Title, place and words of the commands that put a record where the page's buttons would; NAME is the user's."""
    name, evidence = record.pmid or record.id, ("vivocart", "evidence")
    return [
        ("Create a new collection", "new-collection", (*evidence, "collections", "create", "NAME")),
        ("Add to an existing collection", "in-collection", (*evidence, "collections", "add", "NAME", name)),
        ("My Bibliography", "in-bibliography", (*evidence, "bibliography", "add", name)),
        ("Clipboard", "in-clipboard", (*evidence, "clipboard", "add", name)),
    ]


def _formats(record: Record) -> dict[str, str]:
    """The record in each format of the save dialogue."""
    return {
        "Summary (text)": write_summary([record]),
        "PubMed": write_medline([record]),
        "PMID": write_pmids([record]) or "no PMID\n",
        "Abstract (text)": write_abstract([record]),
        "CSV": write_csv([record]),
    }


# -- what rests on it -------------------------------------------------------------------------------------------------


def _used(used: WithoutRecord, shifts: pd.DataFrame | None) -> dict[str, Any]:
    claimed = {name for entry in used.lost for name in entry.quantity_ids}
    return {
        "parameters": _use_rows(used.of("parameter")),
        "observations": _use_rows(used.of("observation")),
        "predictions": _predictions(used, shifts),
        "is_simulated": shifts is not None,
        "elsewhere": [in_print(name) for name in used.elsewhere],
        "others": [_quantity_row(row) for row in used.quantities if row.id not in claimed],
    }


def _use_rows(entries: Iterable[Lost]) -> list[dict[str, Any]]:
    """A row for each parameter or observation; the ends of a range stand in one."""
    together: dict[str, list[Lost]] = {}
    for entry in entries:
        together.setdefault(entry.use.number.id, []).append(entry)
    return [_use_row(parts) for parts in together.values()]


def _stated(value: float) -> str:
    """A number as its table has it, to six digits."""
    return f"{value:.6g}"


def _use_row(parts: list[Lost]) -> dict[str, Any]:
    first = parts[0].use
    values = {entry.use.number.part: _stated(entry.use.number.value) for entry in parts}
    ends = " to ".join(values[part] for part in ("lower", "upper") if part in values)
    value = f"{values['value']} ({ends})" if "value" in values and ends else values.get("value", ends)
    rule = rule_shown(first, quantities())
    formula = ", ".join(entry.use.formula for entry in parts if entry.use.formula)
    names = dict.fromkeys(name for entry in parts for name in entry.quantity_ids)
    return {
        "id": first.number.id,
        "value": f"{value} {unit_words(first.number.unit)}".strip(),
        "how": f"{_RULES.get(rule, rule)}: {formula}" if formula else f"{rule}; {_ROLES[parts[0].role]}",
        "state": max((entry.state for entry in parts), key=STATES.index),
        "note": first.note,
        "quantities": [_quantity_row(quantities()[name]) for name in names],
    }


def _quantity_row(row: Quantity) -> dict[str, Any]:
    return {
        "id": row.id,
        "words": row.quantity,
        "value": _quantity_value(row),
        "place": row.place,
        "trust": (row.trust or "").replace("_", " "),
        "state": quantity_state(row),
        "note": row.note,
    }


def _quantity_value(row: Quantity) -> str:
    unit = unit_words(row.unit)
    if row.value is not None and row.value == row.upper and row.lower is None:
        text = f"at most {_stated(row.value)}"
    elif row.value is not None:
        text = _stated(row.value)
        if row.lower is not None and row.upper is not None and row.lower < row.upper:
            text += f" ({_stated(row.lower)} to {_stated(row.upper)})"
    elif row.lower is not None and row.upper is not None:
        text = f"{_stated(row.lower)} to {_stated(row.upper)}"
    elif row.lower is not None or row.upper is not None:
        bound = row.upper if row.lower is None else row.lower
        text = f"at {'most' if row.lower is None else 'least'} {_stated(bound or 0.0)}"
    else:
        return "no number"
    return f"{text} {unit}".strip()


def _predictions(used: WithoutRecord, shifts: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Endpoints that move with a parameter of the record, or whose published counterpart it states."""
    rows: dict[str, dict[str, Any]] = {}
    for moved in endpoints_moved(shifts) if shifts is not None and len(shifts) else ():
        if moved.parameter_id and not math.isnan(moved.shift):
            rows[moved.endpoint] = _prediction(moved.endpoint) | {
                "shift": moved.shift,
                "parameter": moved.parameter_id,
            }
    for measure, ids in used.measures.items():
        rows.setdefault(measure, _prediction(measure))["beside"] = list(ids)
    return list(rows.values())


def _prediction(measure: str) -> dict[str, Any]:
    known = known_endpoints()
    label = in_print(known[measure].label) if measure in known else in_print(measure)
    return {"id": measure, "label": label, "shift": None, "parameter": "", "beside": []}


# -- inside a report --------------------------------------------------------------------------------------------------

_STATE_WORDS = {
    "checked": "follows from what was read in the source or its abstract",
    "place given, text not held": "follows from a coded copy of the source's model; the text was not read",
    "secondary source only": "follows from what somebody else wrote about the source",
    "assumption": "chosen by hand, recalled, or set with a source in view that does not state it",
}


def report_parts(result: TrialResult) -> dict[str, Any]:
    """What a report shows of its evidence: ``coverage`` rows, ``cards`` by record id, ``card_css``, ``card_script``.

    Parameters
    ----------
    result
        Its records become cards, whose predictions are those that the result weighed.
    """
    shifts = _weights(result)
    template = environment().from_string(
        "{% from 'record_card.html.j2' import card %}{{ card(view, level=2) }}"
    )
    cards: dict[str, Markup] = {}
    for reference in result.references:
        if reference.record_id in records():
            used = without_record(reference.record_id)
            view = record_view(used.record, used, shifts.loc[shifts.index.isin(used.parameter_ids)])
            cards[reference.record_id] = Markup(template.render(view=view))
    return {"coverage": coverage_rows(result), "cards": cards, **card_parts()}


def coverage_rows(result: TrialResult) -> list[dict[str, Any]]:
    """Parameters and observations by state with what the state means, as the report's table prints them."""
    return [row | {"words": _STATE_WORDS[row["state"]]} for row in coverage_of(result)]


def _weights(result: TrialResult) -> pd.DataFrame:
    """The result's weights as moves of headline endpoints; each parameter has that of the endpoint it moves most."""
    import pandas as pd

    table = result.assumptions
    rows = {
        str(row["parameter_id"]): {str(row["weight_endpoint"]): float(row["weight"])}
        for row in table.to_dict(orient="records")
        if row["weight_endpoint"] and row["weight"] == row["weight"]  # a missing weight is not itself
    }
    return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=list(HEADLINE))
