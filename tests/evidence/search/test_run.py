"""Searches find what a plain walk over the records finds: each query beside a filter that shares no code with the index."""

from __future__ import annotations

import datetime
import functools
import itertools
import re
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivocart.evidence.citations import source_line
from vivocart.evidence.importers.detect import read_records
from vivocart.evidence.search.run import SORTS, matching, search
from vivocart.evidence.store import add, open_library
from vivocart.ground.errors import InputError, UnknownNameError

NOW = datetime.datetime(2026, 11, 24, 9, 0)

# -- a filter of its own ----------------------------------------------------------------------------------------------

GREEK = {
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "κ": "kappa",
    "δ": "delta",
    "μ": "mu",
    "ε": "epsilon",
    "λ": "lambda",
}
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
SEASONS = {"winter": 1, "spring": 4, "summer": 7, "fall": 10}


@functools.cache
def split(text):
    """Words, letter by letter; nobody changes the list."""
    found, word = [], ""
    for letter in unicodedata.normalize("NFKD", text.lower()):
        if unicodedata.combining(letter):
            continue
        if letter.isalnum():
            word += GREEK.get(letter, letter).replace("ß", "ss")
        elif word:
            found, word = [*found, word], ""
    return [*found, word] if word else found


def stands_in(value, asked, star=False):
    text = split(value)
    for at in range(len(text) - len(asked) + 1):
        window = text[at : at + len(asked)]
        if window == asked or (star and window[:-1] == asked[:-1] and window[-1].startswith(asked[-1])):
            return True
    return False


def short(author):
    return f"{author.family} {author.initials} {author.suffix}"


def abstract(record):
    return [" ".join(f"{part.label} {part.text}" for part in record.abstract)]


def full(people):
    names = [(p.family, p.given or p.initials) for p in people if not p.literal]
    return [f"{a} {b}" for a, b in names] + [f"{b} {a}" for a, b in names]


WORDS = {
    "ti": lambda r: [r.title],
    "tiab": lambda r: [r.title, *abstract(r), *r.keywords],
    "ad": lambda r: [place for author in r.authors for place in author.affiliations],
    "ot": lambda r: r.keywords,
    "cn": lambda r: [author.literal for author in r.authors if author.literal],
    "gr": lambda r: [f"{g.number} {g.acronym} {g.agency} {g.country}" for g in r.grants],
    "si": lambda r: r.registrations,
    "tt": lambda r: [r.vernacular_title],
    "nm": lambda r: r.substances,
    "cois": lambda r: [r.conflict],
}
LANGUAGES = {
    "eng": "english",
    "ger": "german",
    "chi": "chinese",
    "fre": "french",
    "por": "portuguese",
    "spa": "spanish",
}
WHOLE = {
    "pt": lambda r: r.publication_types,
    "la": lambda r: [*r.languages, *(LANGUAGES[code] for code in r.languages if code in LANGUAGES)],
    "vi": lambda r: [r.volume],
    "ip": lambda r: [r.issue],
    "pmid": lambda r: [r.pmid],
    "doi": lambda r: [r.doi],
    "lid": lambda r: [r.doi, r.pii],
    "jid": lambda r: [r.nlm_id],
    "pl": lambda r: [r.country],
    "mh": lambda r: [heading.split("/")[0] for heading in r.mesh],
    "majr": lambda r: [heading.split("/")[0] for heading in r.mesh if "*" in heading],
    "sh": lambda r: [part for heading in r.mesh for part in heading.split("/")[1:]],
    "ta": lambda r: [r.journal_short, r.journal, *r.issn],
    "pg": lambda r: [r.pages.split("-")[0]],
    "auid": lambda r: [author.orcid for author in r.authors],
    "fau": lambda r: full(r.authors),
}


def first_day(text):
    found = re.search(r"(1[5-9]|2[01])\d\d", text)
    if not found:
        return None
    rest = text[found.end() :].split()
    month = 1
    if rest:
        name = rest[0].lower()
        month = MONTHS.index(name[:3]) + 1 if name[:3] in MONTHS else SEASONS.get(name, 1)
    day = int(rest[1]) if len(rest) > 1 and rest[1].isdigit() else 1
    return datetime.date(int(found[0]), month, day)


DAYS = {
    "dp": lambda r: [first_day(r.date), r.electronic_date],
    "ppdat": lambda r: [first_day(r.date)],
    "epdat": lambda r: [r.electronic_date],
    "crdt": lambda r: [r.created],
    "edat": lambda r: [r.entered],
    "mhda": lambda r: [r.indexed_on],
    "lr": lambda r: [r.revised],
    "dcom": lambda r: [r.completed],
}


def flagged(record):
    yield from (["hasabstract"] if record.abstract else [])
    yield from (f"has{correction.kind.lower()}" for correction in record.corrections)
    yield from ([f"pubstatus{record.status}"] if record.status else [])
    yield "".join(split(record.indexing))
    yield from (["preprint"] if record.kind == "preprint" else [])
    yield from (["pubmedpmc"] if record.pmcid else [])
    yield from record.subsets


def everything(record):
    people = [author for author in record.authors if not author.literal]
    return [
        *(value for accessor in WORDS.values() for value in accessor(record)),
        *map(short, people), *full(people), *full(record.investigators),
        record.journal, record.journal_short, *record.mesh, *record.publication_types, *record.subjects, record.pmid,
        record.doi, record.pii, record.pmcid, record.nihms_id, record.nlm_id, *record.issn, record.volume, record.issue,
        record.pages, record.country, *WHOLE["la"](record), *flagged(record),
    ]  # fmt: skip


def near_by(value, asked, between):
    """All choices of one place for each word, one after the other."""
    text = split(value)
    places = [[at for at, word in enumerate(text) if word == one] for one in asked]
    for choice in itertools.product(*places):
        ordered = sorted(choice)
        if len(set(choice)) == len(choice) and all(
            b - a - 1 <= between for a, b in itertools.pairwise(ordered)
        ):
            return True
    return False


def has_author(author, asked, quoted=False):
    name = split(short(author))
    if author.literal or not name:
        return False
    if quoted:
        return name == asked
    if len(asked) > 1 and len(asked[-1]) <= 2:
        return "_".join(name).startswith("_".join(asked))
    return name[: len(asked)] == asked


def words_in(tag, text, star=False):
    return lambda r: any(stands_in(value, split(text), star) for value in WORDS[tag](r))


def whole(tag, text):
    return lambda r: any(split(value) == split(text) for value in WHOLE[tag](r))


def anywhere(text, star=False):
    return lambda r: any(stands_in(value, split(text), star) for value in everything(r))


def dated(tag, first, last):
    return lambda r: any(day is not None and first <= day <= last for day in DAYS[tag](r))


def near_in(tag, text, between):
    return lambda r: any(near_by(value, split(text), between) for value in WORDS[tag](r))


def by(text, quoted=False):
    return lambda r: any(has_author(author, split(text), quoted) for author in r.authors)


YEAR = datetime.date
QUERIES = [
    ("lupus[ti]", words_in("ti", "lupus")),
    ("LUPUS [ TI ]", words_in("ti", "lupus")),
    ("lupus[Title]", words_in("ti", "lupus")),
    ("lupus nephritis[tiab]", words_in("tiab", "lupus nephritis")),
    ('"stroke patients"[Title/Abstract]', words_in("tiab", "stroke patients")),
    ("balloon guid*[ti]", words_in("ti", "balloon guid", star=True)),
    ("thromb*[tiab]", words_in("tiab", "thromb", star=True)),
    ('"mechanical thromb*"', anywhere("mechanical thromb", star=True)),
    ("car-t[tiab]", words_in("tiab", "car t")),
    ("Sjögren*[all]", anywhere("sjogren", star=True)),
    ("university[ad]", words_in("ad", "university")),
    ("germany[ad] OR china[ad]", lambda r: words_in("ad", "germany")(r) or words_in("ad", "china")(r)),
    ("letter[pt]", whole("pt", "letter")),
    ('"Retracted Publication"[pt]', whole("pt", "retracted publication")),
    ("Randomized Controlled Trial[Publication Type]", whole("pt", "randomized controlled trial")),
    ("preprint[pt]", whole("pt", "preprint")),
    ("humans[mh]", whole("mh", "humans")),
    ("humans[mh:noexp]", whole("mh", "humans")),
    ("stroke[majr]", whole("majr", "stroke")),
    ("therapy[sh]", whole("sh", "therapy")),
    ("eng[la]", whole("la", "eng")),
    ("german[la]", whole("la", "german")),
    ("n engl j med[ta]", whole("ta", "n engl j med")),
    ("NEJM[ta]", whole("ta", "n engl j med")),
    ("0028-4793[ta]", whole("ta", "0028-4793")),
    ("34096680[pmid]", whole("pmid", "34096680")),
    ("34096680", whole("pmid", "34096680")),
    ("34096680 33760223", lambda r: r.pmid in ("34096680", "33760223")),
    ("10.1007/s12975-020-00784-2[doi]", whole("doi", "10.1007/s12975-020-00784-2")),
    ("10.1007/s12975-020-00784-2", whole("doi", "10.1007/s12975-020-00784-2")),
    ("GM007618[gr]", words_in("gr", "GM007618")),
    ("NIH[gr]", words_in("gr", "nih")),
    ("wang[au]", by("wang")),
    ("wang y[au]", by("wang y")),
    ('"wang y"[au]', by("wang y", quoted=True)),
    ("wang y[1au]", lambda r: bool(r.authors) and has_author(r.authors[0], ["wang", "y"])),
    ("wang[lastau]", lambda r: bool(r.authors) and has_author(r.authors[-1], ["wang"])),
    ("2020[dp]", dated("dp", YEAR(2020, 1, 1), YEAR(2020, 12, 31))),
    ("2019:2020[dp]", dated("dp", YEAR(2019, 1, 1), YEAR(2020, 12, 31))),
    ("2019/06:2019/09[dp]", dated("dp", YEAR(2019, 6, 1), YEAR(2019, 9, 30))),
    ("2021/06/02[epdat]", dated("epdat", YEAR(2021, 6, 2), YEAR(2021, 6, 2))),
    ("2019[ppdat]", dated("ppdat", YEAR(2019, 1, 1), YEAR(2019, 12, 31))),
    ('"2019/01/01"[Date - Publication] : "3000"[dp]', dated("dp", YEAR(2019, 1, 1), YEAR(3000, 12, 31))),
    ("2019/01/01[dp]:2020/01/01[dp]", dated("dp", YEAR(2019, 1, 1), YEAR(2020, 1, 1))),
    ("2021/06[crdt]", dated("crdt", YEAR(2021, 6, 1), YEAR(2021, 6, 30))),
    ('"last 7 years"[dp]', dated("dp", YEAR(2019, 11, 24), YEAR(2026, 11, 24))),
    ('"last 2400 days"[crdt]', dated("crdt", YEAR(2026, 11, 24) - datetime.timedelta(2400), YEAR(2026, 11, 24))),
    ('"last 66 months"[edat]', dated("edat", YEAR(2021, 5, 24), YEAR(2026, 11, 24))),
    ('"balloon catheter"[ti:~2]', near_in("ti", "balloon catheter", 2)),
    ('"catheter balloon"[Title:~0]', near_in("ti", "catheter balloon", 0)),
    ('"thrombectomy stroke acute"[tiab:~4]', near_in("tiab", "thrombectomy stroke acute", 4)),
    ('"university medicine"[ad:~3]', near_in("ad", "university medicine", 3)),
    ("hasabstract", lambda r: bool(r.abstract)),
    ("hasretractionin", lambda r: "hasretractionin" in flagged(r)),
    ("haserratumin[filter]", lambda r: "haserratumin" in flagged(r)),
    ("hasexpressionofconcernin[sb]", lambda r: "hasexpressionofconcernin" in flagged(r)),
    ("pubstatusaheadofprint", lambda r: r.status == "aheadofprint"),
    ("medline[sb]", lambda r: r.indexing == "MEDLINE"),
    ("publisher[sb]", lambda r: r.indexing == "Publisher"),
    ("lupus[ti] NOT hasabstract[sb]", lambda r: words_in("ti", "lupus")(r) and not r.abstract),
    # from left to right: (a OR b) AND c, and (a AND b) OR c, and (a NOT b) OR c
    ("lupus[ti] OR stroke[ti] AND letter[pt]",
     lambda r: (words_in("ti", "lupus")(r) or words_in("ti", "stroke")(r)) and whole("pt", "letter")(r)),
    ("lupus[ti] OR (stroke[ti] AND letter[pt])",
     lambda r: words_in("ti", "lupus")(r) or (words_in("ti", "stroke")(r) and whole("pt", "letter")(r))),
    ("letter[pt] AND stroke[ti] OR lupus[ti]",
     lambda r: (words_in("ti", "stroke")(r) and whole("pt", "letter")(r)) or words_in("ti", "lupus")(r)),
    ("humans[mh] NOT stroke[ti] OR stroke[ti]", lambda r: whole("mh", "humans")(r) or words_in("ti", "stroke")(r)),
    ("humans[mh] NOT stroke[ti] NOT lupus[ti]",
     lambda r: whole("mh", "humans")(r) and not words_in("ti", "stroke")(r) and not words_in("ti", "lupus")(r)),
    ("humans[mh] NOT (stroke[ti] NOT acute[ti])",
     lambda r: whole("mh", "humans")(r) and not (words_in("ti", "stroke")(r) and not words_in("ti", "acute")(r))),
    ("stroke[ti] & acute[ti] | lupus[ti]",
     lambda r: (words_in("ti", "stroke")(r) and words_in("ti", "acute")(r)) or words_in("ti", "lupus")(r)),
    ("acute[ti] stroke[ti]", lambda r: words_in("ti", "acute")(r) and words_in("ti", "stroke")(r)),
    ("catheter aspiration", lambda r: anywhere("catheter")(r) and anywhere("aspiration")(r)),
    ("the catheter of aspiration", lambda r: anywhere("catheter")(r) and anywhere("aspiration")(r)),
]  # fmt: skip


def naive(records, wanted):
    return {record_id for record_id, record in records.items() if wanted(record)}


@pytest.mark.parametrize(("query", "wanted"), QUERIES, ids=[query for query, _ in QUERIES])
def test_the_set_is_that_of_a_plain_walk(suite_library, query, wanted):
    library, records = suite_library
    found = search(library, query, now=NOW)
    assert set(found.record_ids) == naive(records, wanted)
    assert found.count == len(found.record_ids)
    assert matching(library, query, now=NOW) == set(found.record_ids)


def test_most_queries_find_something(suite_library):
    library, records = suite_library
    assert len(records) > 120
    counts = [search(library, query, now=NOW).count for query, _ in QUERIES]
    assert sum(count > 0 for count in counts) > 0.8 * len(counts)


@pytest.mark.parametrize("query", [query for query, _ in QUERIES])
def test_the_translation_finds_the_same(suite_library, query):
    library, _ = suite_library
    found = search(library, query, now=NOW)
    again = search(library, found.translation, now=NOW)
    assert again.record_ids == found.record_ids
    assert again.translation == found.translation


@st.composite
def leaves(draw, records):
    """A term taken from a record, and the filter that it means."""
    record = records[draw(st.sampled_from(list(records)))]
    kind = draw(st.sampled_from(["words", "words", "all", "whole", "days", "near", "author"]))
    if kind == "author":
        people = [author for author in record.authors if not author.literal]
        if people:
            name, quoted = " ".join(split(short(draw(st.sampled_from(people))))), draw(st.booleans())
            return (f'"{name}"[au]' if quoted else f"{name}[au]"), by(name, quoted)
    if kind == "days":
        tag = draw(st.sampled_from(list(DAYS)))
        first, last = sorted(draw(st.tuples(*[st.dates(YEAR(2000, 1, 1), YEAR(2024, 12, 31))] * 2)))
        return f"{first:%Y/%m/%d}:{last:%Y/%m/%d}[{tag}]", dated(tag, first, last)
    if kind == "whole":
        tag = draw(st.sampled_from([tag for tag in WHOLE if any(map(split, WHOLE[tag](record)))]))
        value = draw(st.sampled_from([value for value in WHOLE[tag](record) if split(value)]))
        return f'"{value.replace("*", "")}"[{tag}]', whole(tag, value)
    tag = draw(st.sampled_from([tag for tag in WORDS if any(map(split, WORDS[tag](record)))]))
    text = split(draw(st.sampled_from([value for value in WORDS[tag](record) if split(value)])))
    start = draw(st.integers(0, len(text) - 1))
    asked = text[start : start + draw(st.integers(1, 3))]
    if kind == "near" and len(asked) > 1:
        tag = tag if tag in ("ti", "tiab", "ad") else "tiab"
        between = draw(st.integers(0, 6))
        shuffled = " ".join(draw(st.permutations(asked)))
        return f'"{shuffled}"[{tag}:~{between}]', near_in(tag, shuffled, between)
    star = len(asked[-1]) >= 4 and draw(st.booleans())
    if star:
        asked[-1] = asked[-1][: draw(st.integers(4, len(asked[-1])))]
    phrase = " ".join(asked)
    if kind == "all":
        return f'"{phrase}{"*" if star else ""}"[all]', anywhere(phrase, star)
    return f"{phrase}{'*' if star else ''}[{tag}]", words_in(tag, phrase, star)


def joined(inner):
    def one(parts):
        (text, wanted), *rest = parts[0]
        for operator, (more, also) in zip(parts[1], rest, strict=False):
            text, wanted = f"{text} {operator} {more}", combined(operator, wanted, also)
        return f"({text})", wanted

    operators = st.lists(st.sampled_from(["AND", "OR", "NOT"]), min_size=3, max_size=3)
    return st.tuples(st.lists(inner, min_size=2, max_size=4), operators).map(one)


def combined(operator, one, other):
    if operator == "AND":
        return lambda r: one(r) and other(r)
    return (lambda r: one(r) or other(r)) if operator == "OR" else (lambda r: one(r) and not other(r))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_tree_of_terms_finds_what_a_plain_walk_finds(suite_library, data):
    library, records = suite_library
    tree = st.recursive(leaves(records), joined, max_leaves=8)
    query, wanted = data.draw(tree)
    found = search(library, query, now=NOW)
    assert set(found.record_ids) == naive(records, wanted)
    assert set(search(library, found.translation, now=NOW).record_ids) == set(found.record_ids)


# -- order, and what is odd ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", list(SORTS))
def test_every_order_holds_every_record_once(suite_library, sort):
    library, records = suite_library
    found = search(library, "stroke", now=NOW, sort=sort)
    assert sorted(found.record_ids) == sorted(matching(library, "stroke", now=NOW))
    pages = [
        search(library, "stroke", now=NOW, sort=sort, limit=7, offset=at).record_ids
        for at in range(0, 150, 7)
    ]
    assert tuple(itertools.chain(*pages)) == found.record_ids
    if sort == "date":
        days = [first_day(records[name].date) or records[name].electronic_date for name in found.record_ids]
        assert days == sorted(days, reverse=True)
    if sort == "author":
        names = [split(short(records[name].authors[0])) for name in found.record_ids if records[name].authors]
        assert names == sorted(names)


def test_an_order_can_be_turned_around_but_not_best_match(suite_library):
    library, _ = suite_library
    ahead = search(library, "stroke", now=NOW, sort="date").record_ids
    assert search(library, "stroke", now=NOW, sort="date", reverse=True).record_ids == ahead[::-1]
    with pytest.raises(InputError, match="best match has no reverse"):
        search(library, "stroke", now=NOW, sort="match", reverse=True)
    with pytest.raises(UnknownNameError, match="unknown sort 'dates'; did you mean date"):
        search(library, "stroke", now=NOW, sort="dates")


def test_best_match_begins_with_the_record_that_says_it_most(tmp_path):
    text = "\n".join(
        f"PMID- {pmid}\nTI  - {title}\n"
        for pmid, title in ((1, "Lupus."), (2, "Lupus and lupus and lupus."), (3, "A mouse."))
    )
    with open_library(tmp_path / "l.sqlite") as library:
        add(library, read_records(text), source="x", seen_on=NOW.date())
        assert search(library, "lupus[ti] OR 3[pmid]", now=NOW, sort="match").record_ids == (
            "pmid2",
            "pmid1",
            "pmid3",
        )


def test_a_long_list_of_pmids_and_a_deep_query_are_read(suite_library):
    library, records = suite_library
    pmids = (
        " ".join(record.pmid for record in records.values() if record.pmid)
        + " "
        + " ".join(map(str, range(1, 900)))
    )
    assert search(library, pmids, now=NOW).count == sum(bool(record.pmid) for record in records.values())
    deep = "(" * 30 + "stroke[ti]" + ")" * 30
    assert search(library, deep, now=NOW).count == search(library, "stroke[ti]", now=NOW).count
    mixed = "stroke[ti]"
    for number in range(35):
        mixed = f"(lupus[ti] {'OR' if number % 2 else 'AND'} {mixed})"
    wanted = naive(records, words_in("ti", "lupus"))
    assert set(search(library, mixed, now=NOW).record_ids) == wanted


def test_the_citation_of_what_was_found_can_be_printed(suite_library):
    library, records = suite_library
    (found,) = search(library, "34096680", now=NOW).record_ids
    assert source_line(records[found])
