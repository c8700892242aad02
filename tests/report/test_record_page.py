"""The page of a record holds what PubMed's page of it holds, and what rests on it; one file, for eyes, keys and readers."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pandas as pd
import pytest

from vivocart.evidence.citations import cite
from vivocart.evidence.importers.csl_json import read_csl_json
from vivocart.evidence.importers.medline import read_medline
from vivocart.evidence.importers.pubmed_xml import read_pubmed_xml
from vivocart.evidence.library import record, records
from vivocart.evidence.records import AbstractSection, Author, Correction, Record
from vivocart.report.html import render_report
from vivocart.report.record_page import coverage_rows, record_view, render_record
from vivocart.scenarios.result import Reference
from vivocart.scenarios.weights import HEADLINE
from vivocart.scenarios.what_if import without_record

VOID = {"meta", "br", "input", "wbr"}


class Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.inside: list[str] = []
        self.outside: list[str] = []
        self.loads: list[str] = []
        self.named: list[str] = []
        self.unlabelled: list[str] = []
        self.buttons: list[dict[str, str | None]] = []
        self.options: dict[str, list[str]] = {}
        self.select = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in {"select", "input", "textarea"} and "label" not in self.open:
            self.unlabelled.append(str(attrs))
        if tag not in VOID:
            self.open.append(tag)
        if "id" in found:
            self.ids.append(str(found["id"]))
        if "src" in found or tag in {"link", "img", "iframe", "object", "embed"}:
            self.loads.append(tag)
        self.named += [
            name
            for key in ("aria-labelledby", "data-open", "data-copy", "data-save")
            for name in [found.get(key)]
            if name
        ]
        if tag == "a":
            address = str(found.get("href"))
            (self.inside if address.startswith("#") else self.outside).append(address.removeprefix("#"))
        if tag == "button":
            self.buttons.append(found)
        if tag == "select":
            self.select = str(found.get("data-choose", found.get("data-flag")))
        if tag == "option":
            self.options.setdefault(self.select, []).append(str(found["value"]))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def text_of(page: str) -> str:
    body = re.sub(r"<(script|style)>.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture(scope="module")
def letter() -> str:
    used = without_record("wang2025")
    shifts = pd.DataFrame([[0.5] * len(HEADLINE)], index=["transfection_max"], columns=list(HEADLINE))
    return render_record(used.record, used, shifts)


@pytest.fixture(scope="module")
def seed(suites):
    """The record as the saved page has it: ahead of print."""
    data = json.loads((suites / "pubmed/seed/seed_40961420.json").read_text(encoding="utf-8"))
    facts = data["record"]
    places = list(dict.fromkeys(place for author in facts["authors"] for place in author["affiliations"]))
    entry = {
        "id": "seed", "type": "article", "title": facts["title"], "PMID": facts["pmid"], "DOI": facts["doi"],
        "container-title-short": facts["journal_abbrev"], "status": facts["publication_status"],
        "issued": {"date-parts": [[2025, 9, 17]]}, "epub-date": {"date-parts": [[2025, 9, 17]]},
        "publication-types": facts["publication_types"], "grants": facts["grants"], "affiliations": places,
        "author": [
            {"family": author["family"], "given": author["given"], "initials": initials,
             "affiliations": [places.index(place) + 1 for place in author["affiliations"]]}
            for author, initials in zip(facts["authors"], data["derived"]["initials"], strict=True)
        ],
    }  # fmt: skip
    (found,) = read_csl_json(json.dumps([entry]), name="seed", native=True)
    return found


@pytest.fixture(scope="module")
def lines(suites) -> list[str]:
    return (suites / "pubmed/seed/page.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", [*sorted(records())[::7], "wang2025", "hosseini2020"])
def test_the_page_is_one_whole_accessible_file(name):
    used = without_record(name)
    page = render_record(used.record, used)
    read = Reader(page)
    assert not read.open
    assert not read.loads
    assert not re.search(r"@import|url\(|fetch\(|XMLHttp", page)
    assert len(read.ids) == len(set(read.ids))
    assert set(read.inside) <= set(read.ids)
    assert set(read.named) <= set(read.ids)
    assert not read.unlabelled
    assert all(button.get("type") == "button" for button in read.buttons)
    assert all(address.startswith("https://") or address.startswith("http://") for address in read.outside)
    assert '<html lang="en">' in page
    assert 'name="viewport"' in page
    assert "prefers-color-scheme:dark" in page


def test_everything_that_the_saved_page_says_of_the_record_stands_on_ours(seed, lines):
    text = text_of(render_record(seed))
    start = lines.index("N Engl J Med")
    said = " ".join(" ".join(lines[start : lines.index("Item in Clipboard", start)]).split())
    for word in (
        "Actions",
        "Search in PubMed",
        "Search in NLM Catalog",
        "Add to Search",
        "Affiliations Expand",
    ):
        said = said.replace(word, " ")
    for fact in ("2025 Sep 17.", "doi: 10.1056/NEJMc2509522.", "Online ahead of print."):
        assert fact in said
        assert fact in text
    authors = re.search(r"Refractory Systemic Lupus Erythematosus (Qian Wang.*?Zhu Chen 1)", said)
    assert authors is not None
    ours = re.sub(r" +,", ",", text)
    assert re.sub(r" +,", ",", authors[1]) in ours
    for number in range(1, 6):
        place = next(line for line in lines[start:] if line.startswith(f"{number} ")).split(" ", 1)[1]
        assert place in text
    assert "No abstract available" in text
    grants = lines[lines.index("Grants and funding", start) + 1 :][:4]
    assert all(grant in text for grant in grants)
    assert "Publication types" in text
    assert "Letter" in text


def test_the_choices_are_those_of_the_saved_page(seed, lines):
    read = Reader(render_record(seed))
    display = lines.index("Format", lines.index("Display options"))
    assert [word.lower() for word in lines[display + 1 : display + 4]] == read.options["record-seed-view"]
    save = lines.index("Format:", lines.index("Save citation to file"))
    assert sorted(lines[save + 1 : save + 6]) == sorted(read.options["record-seed-format"])
    cited = lines.index("AMA")
    assert lines[cited : cited + 4] == read.options["record-seed-style"]
    page = text_of(render_record(seed))
    for words in (
        "Search in PubMed",
        "Search in NLM Catalog",
        "Search in MeSH",
        "Download .nbib",
        "Permalink",
        "Collections",
    ):
        assert words in page
    assert "Name must be less than 100 characters" in lines
    assert 'maxlength="99"' in render_record(seed)


def test_the_page_navigation_lists_what_has_content(seed):
    titles = [section.title for section in record_view(seed)["sections"]]
    assert titles == ["Title & authors", "Publication types", "Grants and funding"]
    with_more = Record(id="x", title="T", abstract=(AbstractSection(text="A"),), mesh=("Lupus",))
    assert [section.title for section in record_view(with_more)["sections"]] == [
        "Title & authors",
        "Abstract",
        "MeSH terms",
    ]


def test_citations_are_those_of_the_citation_styles(letter):
    text = text_of(letter)
    for style in ("ama", "apa", "mla", "nlm"):
        assert " ".join(cite(["wang2025"], style)[0].split()) in text


def test_the_pubmed_format_on_the_page_reads_back():
    for name in ("wang2025", "hosseini2020", "apgar2018"):
        view = record_view(record(name))
        page = render_record(record(name))
        shown = re.search(rf'<pre id="{view["anchor"]}-nbib"[^>]*>(.*?)</pre>', page, flags=re.DOTALL)
        assert shown is not None
        back = read_medline(html.unescape(shown[1]).replace("PMID- ", "PMID- ", 1))
        for found in back.records:
            assert (found.title, found.doi) == (record(name).title, record(name).doi)
        assert html.unescape(shown[1]) == view["formats"]["PubMed"]


def test_used_by_names_every_number_with_quantity_place_and_trust(letter):
    used, text = without_record("wang2025"), text_of(letter).replace("_ ", "_")
    for entry in used.lost:
        assert entry.use.number.id in text
        assert entry.state in text
    for row in used.quantities:
        assert row.place in text
        assert row.quantity in text
    for measure in used.measures:
        assert measure in text
    assert "trust: secondary" in text
    assert "0.50 SD" in text
    assert "product HN2301" in text


def test_a_record_of_which_nothing_was_read_names_no_use():
    page = render_record(Record(id="pmid1", title="A title", pmid="1"))
    assert "Used by" not in text_of(page)
    assert "https://pubmed.ncbi.nlm.nih.gov/1/" in page


def test_notices_stand_on_the_page_and_an_erratum_is_none_of_retraction():
    erratum = Record(id="x", title="T", corrections=(Correction(kind="ErratumIn", reference="J. 2025;1:2"),))
    text = text_of(render_record(erratum))
    assert "Erratum : J. 2025;1:2" in text
    assert "Retracted" not in text
    assert "Retracted" in text_of(
        render_record(Record(id="x", title="T", publication_types=("Retracted Publication",)))
    )


def test_what_a_record_says_is_text_and_never_page():
    hostile = Record(
        id='x"><script>', title="<script>alert(1)</script>", url="javascript:alert(1)", read_at="data:text/html,x",
        doi='10.1/"onclick="alert(1)', authors=(Author(literal="<b>Group</b>", affiliations=("</pre><script>",)),),
        journal='"J"', abstract=(AbstractSection(text="</pre></dialog><img src=x>"),), publication_types=('"><svg>',),
    )  # fmt: skip
    page = render_record(hostile)
    assert page.count("<script") == 1
    assert 'href="javascript:' not in page
    assert "<svg" not in page
    read = Reader(page)
    assert not read.loads
    assert not read.open


def test_real_records_all_have_a_page(suites):
    batch = read_pubmed_xml((suites / "pubmed/xml/cases.xml").read_text(encoding="utf-8"))
    for found in batch.records:
        read = Reader(render_record(found))
        assert not read.open
        assert len(read.ids) == len(set(read.ids))


# -- inside a report --------------------------------------------------------------------------------------------------


def test_a_report_shows_the_card_of_each_of_its_records(trial_result):
    ids = ("wang2025", "hosseini2020", "zhang2020")
    references = tuple(Reference(record_id=name, text=cite([name])[0]) for name in ids)
    page = render_report(_with(trial_result, references=references))
    read = Reader(re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL))
    assert {f"record-{name}" for name in ids} <= set(read.ids)
    assert len(read.ids) == len(set(read.ids))
    assert {name for name in read.named if name.startswith("record-")} <= set(read.ids)
    assert page.count("<script>") == 1
    assert "engager_<wbr>volume" in page


def test_a_report_prints_the_coverage_of_shipped_numbers_by_state(trial_result):
    table = trial_result.assumptions.head(4).assign(
        parameter_id=["lnp_return", "naive_b_loss_blood", "transfection_max", "not_shipped"]
    )
    result = _with(trial_result, assumptions=table)
    rows = coverage_rows(result)
    assert {row["state"]: row["parameters"] for row in rows} == {
        "checked": 1, "place given, text not held": 1, "secondary source only": 0, "assumption": 1,
    }  # fmt: skip
    text = text_of(render_report(result))
    assert "What was read of the sources" in text
    assert "secondary source only 0 of 3" in text


def _with(result, **changes):
    import dataclasses

    return dataclasses.replace(result, **changes)


# -- in a browser -----------------------------------------------------------------------------------------------------

PROBE = """<script>
const out = [], id = "record-wang2025", $ = (s) => document.querySelector(s);
const shown = (what) => out.push(what + " " + [...document.querySelectorAll(`[data-choice-of="${id}-${what}"]`)]
  .filter((e) => !e.hidden).map((e) => e.dataset.choice).join());
const choose = (what, value) => { const e = $(`select[data-choose="${id}-${what}"]`); e.value = value;
  e.dispatchEvent(new Event("change", {bubbles: true})); };
shown("view"); choose("view", "pubmed"); shown("view");
$(`[data-open="${id}-cite"]`).click(); out.push("cite " + $(`#${id}-cite`).open);
out.push("focus " + $(`#${id}-cite`).contains(document.activeElement));
choose("style", "MLA"); shown("style");
$(`#${id}-cite [data-close]`).click(); out.push("cite " + $(`#${id}-cite`).open);
const name = $("[data-name-for]"); name.value = "it's mine"; name.dispatchEvent(new Event("input", {bubbles: true}));
out.push("name " + $(`#${id}-collect [data-name]`).textContent);
const to = $(`#${id}-email [data-flag="--to"]`), box = $(`#${id}-email [data-flag="--mesh"]`);
to.value = "a b@c.org; rm"; to.dispatchEvent(new Event("input", {bubbles: true})); box.click();
out.push("mail " + $(`#${id}-email-command`).textContent);
out.push("wide " + (document.documentElement.scrollWidth > innerWidth));
document.body.innerHTML = ""; document.body.append("PROBE " + out.join("|") + " END");
</script></body>"""


def test_buttons_and_choices_work_in_a_browser(letter, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium here: the script of the page is not run")
    page = tmp_path / "page.html"
    page.write_text(letter.replace("</body>", PROBE), encoding="utf-8")
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    done = subprocess.run(
        [*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, check=False, timeout=60
    )
    found = re.search(r"PROBE (.*?) END", html.unescape(done.stdout))
    if found is None:
        pytest.skip(f"the browser did not run: {done.stderr[-200:]}")
    assert found[1].split("|") == [
        "view abstract", "view pubmed", "cite true", "focus true", "style MLA", "cite false",
        r"name 'it'\''s mine'",
        "mail vivocart evidence email 40961420 --to 'a b@c.org; rm' --format summary --mesh", "wide false",
    ]  # fmt: skip
