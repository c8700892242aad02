"""Citations: the strings PubMed printed, the letter's, and records with holes in them."""

from __future__ import annotations

import datetime
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivocart.evidence import library
from vivocart.evidence.citations import STYLES, ama, apa, cite, mla, nlm, short, source_line
from vivocart.evidence.records import Author, Correction, Record
from vivocart.ground.errors import UnknownNameError


def people(text):
    """Authors from ``Wang/Qian/Q; Xiao/Ze Xiu/ZX`` or from NLM names (``Wang Q, Xiao ZX``)."""
    if "/" in text:
        parts = [name.split("/") for name in text.split("; ")]
        return tuple(Author(family=part[0], given=part[1], initials=part[2]) for part in parts)
    names = [name.rsplit(" ", 1) for name in text.split(", ")]
    return tuple(Author(family=family, initials=initials) for family, initials in names)


def day(year, month, date):
    return datetime.date(year, month, date)


@pytest.fixture(scope="session")
def seed(suites):
    return json.loads((suites / "pubmed" / "seed" / "seed_40961420.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def letter_ahead_of_print(seed):
    """The letter as its saved page shows it: ahead of print, found by its DOI alone."""
    given_names = [author["given"] for author in seed["record"]["authors"]]
    authors = tuple(
        Author(family=author["family"], given=given_name, initials=initials)
        for author, given_name, initials in zip(
            seed["record"]["authors"], given_names, seed["derived"]["initials"], strict=True
        )
    )
    return Record(
        id="wang2025",
        title=seed["record"]["title"],
        authors=authors,
        journal=seed["derived"]["journal_title"],
        journal_short=seed["record"]["journal_abbrev"],
        date="2025 Sep 17",
        electronic_date=day(2025, 9, 17),
        status="aheadofprint",
        doi=seed["record"]["doi"],
        pmid=seed["record"]["pmid"],
    )


@pytest.mark.parametrize("style", ["AMA", "APA", "MLA", "NLM"])
def test_the_saved_page_gives_the_four_strings(seed, letter_ahead_of_print, style):
    assert STYLES[style.lower()](letter_ahead_of_print) == seed["expected"][style]["string"]


def test_the_saved_page_gives_the_source_line(seed, letter_ahead_of_print):
    assert source_line(letter_ahead_of_print) == seed["expected"]["SO"]


# Records rebuilt by hand from strings that PubMed printed; the string itself is the suite's.
PRINTED = {
    "10.1002/hbm.25204": Record(
        id="wierenga2020", authors=people("Wierenga LM, Doucet GE, Dima D, A A, B B, C C, D D"),
        journal_short="Hum Brain Mapp",
        title="Greater male than female variability in regional brain structure across the lifespan.", date="2020 Oct 12",
        electronic_date=day(2020, 10, 12), status="aheadofprint", doi="10.1002/hbm.25204"),
    "10.1002/jimd.12358": Record(
        id="wawro2021", authors=people("Wawro AM, Gajera CR, Baker SA, Nirschl JJ, Vogel H, Montine TJ"),
        title="Creatine transport and pathological changes in creatine transporter deficient mice.", date="2021 Jan 2",
        electronic_date=day(2021, 1, 2), status="aheadofprint", journal_short="J Inherit Metab Dis",
        doi="10.1002/jimd.12358"),
    "10.1042/BCJ20210708": Record(
        id="kimanius2021", authors=people("Kimanius D, Dong L, Sharov G, Nakane T, Scheres SHW"), journal_short="Biochem J",
        title="New tools for automated cryo-EM single-particle analysis in RELION-4.0.", date="2021 Nov 16",
        electronic_date=day(2021, 11, 16), status="aheadofprint", pii="BCJ20210708", doi="10.1042/BCJ20210708"),
    "10.1016/j.ijmedinf.2022.104755": Record(
        id="caruso2022", authors=people("Caruso PF, Angelotti G, Greco M, A A, B B, C C, D D"),
        title="Early prediction of SARS-CoV-2 reproductive number from environmental, atmospheric and mobility data: A "
        "supervised machine learning approach.", date="2022 Apr 1", electronic_date=day(2022, 4, 1), status="aheadofprint",
        journal_short="Int J Med Inform", volume="162", pages="104755", doi="10.1016/j.ijmedinf.2022.104755"),
    "10.1186/s12859-024-05821-7": Record(
        id="feng2024", authors=people("Feng Y, Gao F"), journal_short="BMC Bioinformatics",
        title="bsgenova: an accurate, robust, and fast genotype caller for bisulfite-sequencing data.", date="2024 Jun 5",
        electronic_date=day(2024, 6, 5), status="epublish", volume="25", issue="1", pages="206",
        doi="10.1186/s12859-024-05821-7"),
    "10.1038/s41467-025-65679-y": Record(
        id="chen2025", authors=people("Chen J, Li Y, Tang S, Jin W, Yan R"), journal_short="Nat Commun", date="2025 Nov 27",
        title="Gut microbial β-glucuronidases and their role in the microbiome-metabolite axis in colorectal cancer.",
        electronic_date=day(2025, 11, 27), status="epublish", volume="16", issue="1", pages="10660",
        doi="10.1038/s41467-025-65679-y"),
    "10.1016/j.ajhg.2021.06.014": Record(
        id="danis2021", authors=people("Danis D, Jacobsen JOB, Carmody LC, A A, B B, C C, D D"), date="2021 Sep 2",
        title="Interpretable prioritization of splice variants in diagnostic next-generation sequencing.", status="ppublish",
        journal_short="Am J Hum Genet", volume="108", issue="9", pages="1564-1577", doi="10.1016/j.ajhg.2021.06.014",
        corrections=(Correction(kind="ErratumIn", reference="Am J Hum Genet. 2021 Nov 4;108(11):2205"),)),
    "10.1016/j.annonc.2019.10.027": Record(
        id="bjelic2020", authors=people("Bjelic-Radisic V, Cardoso F, Cameron D, A A, B B, C C, D D"), date="2020 Feb",
        title="An international update of the EORTC questionnaire for assessing quality of life in breast cancer patients: "
        "EORTC QLQ-BR45.", status="ppublish", journal_short="Ann Oncol", volume="31", issue="2", pages="283-288",
        doi="10.1016/j.annonc.2019.10.027",
        corrections=(Correction(kind="ErratumIn", reference="Ann Oncol. 2020 Apr;31(4):552"),)),
    "10.1101/2025.08.03.668359": Record(
        id="julian2025", authors=people("Julian LA, Crozier L, Lukow D, A A, B B, C C, D D"), date="2025 Aug 3",
        title="On-target toxicity limits the efficacy of CDK11 inhibition against cancers with 1p36 deletions.",
        electronic_date=day(2025, 8, 3), status="epublish", journal_short="bioRxiv", pii="2025.08.03.668359",
        doi="10.1101/2025.08.03.668359", publication_types=("Preprint",)),
    "10.1002/mrm.30376": Record(
        id="hu2024",
        authors=people("Hu J, Craig MS, Knight SP, De Looze C, Meaney JF, Kenny RA, Chen X, Chappell MA"),
        title="Regional changes in cerebral perfusion with age when accounting for changes in gray-matter volume.",
        journal="Magnetic resonance in medicine", date="2024 Nov 1", electronic_date=day(2024, 11, 1), status="aheadofprint",
        doi="10.1002/mrm.30376"),
    "10.1089/jpm.2023.0087": Record(
        id="matt2023", authors=people("Matt/Jeremy E/JE; A/A/A; B/B/B"), journal="Journal of palliative medicine",
        title="An Acoustical and Lexical Machine-Learning Pipeline to Identify Connectional Silences.", date="2023 Jul 13",
        electronic_date=day(2023, 7, 13), status="aheadofprint", doi="10.1089/jpm.2023.0087"),
    "10.1056/NEJMoa1406498": Record(
        id="snyder2014", authors=people("Snyder/Alexandra/A; A/A/A; B/B/B"), journal="The New England journal of medicine",
        title="Genetic basis for clinical response to CTLA-4 blockade in melanoma.", date="2014 Dec 4", status="ppublish",
        volume="371", issue="23", pages="2189-2199", doi="10.1056/NEJMoa1406498"),
    "10.1111/epi.18077": Record(
        id="larsen2024", authors=people("Larsen SA, Johansen DH, Beniczky S"), journal_short="Epilepsia", date="2024 Jul 30",
        title="Automated detection of tonic seizures using wearable movement sensor and artificial neural network.",
        electronic_date=day(2024, 7, 30), status="aheadofprint", doi="10.1111/epi.18077", pmid="39076045"),
    "10.1111/jsr.14037": Record(
        id="tisdale2023", authors=people("Tisdale RK, Sun Y, Park S, Ma SC, Haire M, Allocca G, Bruchas MR, Morairty SR, "
        "Kilduff TS"), title="Biological sex influences sleep phenotype in mice experiencing spontaneous opioid withdrawal.",
        journal_short="J Sleep Res", date="2023 Sep 20", electronic_date=day(2023, 9, 20), status="aheadofprint",
        pages="e14037", doi="10.1111/jsr.14037", pmid="37731248"),
    "10.1093/nar/gkaf1223": Record(
        id="ragueneau2025", authors=people("Ragueneau E, Gong C, Sinquin P, Sevilla C, Beavers D, Grentner A, Griss J, "
        "Hogue GFJ, Li NT, Matthews L, May B, Milacic M, Mohammadi H, Petryszak R, Rothfels K, Shamovsky V, Stephan R, "
        "Tiwari K, Weiser J, Wright A, Gillespie M, Wu G, Stein L, Hermjakob H, D'Eustachio P"),
        journal_short="Nucleic Acids Res",
        title="The Reactome Knowledgebase 2026.", date="2025 Nov 18", electronic_date=day(2025, 11, 18),
        status="aheadofprint", pii="gkaf1223", doi="10.1093/nar/gkaf1223", pmid="41251150"),
    "10.1212/WNL.0000000000201670": Record(
        id="neurology2022", journal_short="Neurology", date="2022 Dec 2", electronic_date=day(2022, 12, 2),
        status="aheadofprint", pages="10.1212/WNL.0000000000201670", doi="10.1212/WNL.0000000000201670", pmid="36460472"),
    "10.1093/jamia/ocy064": Record(
        id="jamia2018", journal_short="J Am Med Inform Assoc", date="2018 Oct 1", status="ppublish", volume="25", issue="10",
        pages="1351-1358", doi="10.1093/jamia/ocy064", pmid="29860441", pmcid="PMC6188513"),
    "10.1016/j.celrep.2023.112906": Record(
        id="han2023", authors=people("Tseng HA, Han X"), journal="Cell reports", date="2023 Aug 29", status="aheadofprint",
        title="Theta and gamma rhythmic coding through two spike output modes in the hippocampus during spatial navigation.",
        electronic_date=day(2023, 8, 2), volume="42", issue="8", pages="112906", doi="10.1016/j.celrep.2023.112906"),
}  # fmt: skip
PAGE_LINE = "10.1128/mbio.02243-25"  # the line under a title on the page, which is no citation


def printed_strings(suites):
    text = (suites / "pubmed" / "citations" / "printed_strings.json").read_text(encoding="utf-8")
    return json.loads(text)["strings"]


def test_every_string_that_pubmed_printed_comes_out(suites):
    checked = 0
    for entry in printed_strings(suites):
        if PAGE_LINE in entry["printed"]:
            continue
        (doi,) = [doi for doi in PRINTED if doi in entry["printed"]]
        ours = STYLES[entry["style"].lower()](PRINTED[doi])
        if "tail" in entry["note"] or "cut" in entry["note"]:
            tail = entry["printed"].split(" ... ")[-1]
            assert ours.endswith(tail), doi
        else:
            assert ours == entry["printed"]
        checked += 1
    assert checked == 18


def test_the_shipped_letter_is_cited_with_its_volume():
    assert cite(["wang2025"]) == (
        "Wang Q, Xiao ZX, Zheng X, et al. In Vivo CD19 CAR T-Cell Therapy for Refractory Systemic Lupus Erythematosus. "
        "N Engl J Med. 2025;393:1542-1544. doi:10.1056/NEJMc2509522",
    )
    assert cite(["wang2025"], "nlm")[0].endswith(
        "N Engl J Med. 2025;393:1542-1544. doi: 10.1056/NEJMc2509522. Epub 2025 Sep 17. PMID: 40961420."
    )
    assert cite(["wang2025", "nct06801119", "wang2025"], "short") == ("Wang 2025", "NCT06801119")


def test_a_list_of_authors_known_in_part_says_et_al():
    record = library.record("apgar2018")
    assert (
        ama(record) == "Apgar, et al. CPT Pharmacometrics Syst Pharmacol. 2018;7:404. doi:10.1002/psp4.12301"
    )
    assert apa(record).startswith("Apgar, et al. (2018). ")
    assert mla(record).startswith("Apgar et al. ")
    assert nlm(record).startswith("Apgar, et al. ")


def test_our_own_words_for_an_unknown_title_stand_in_brackets():
    assert cite(["packgene_orbital2025"])[0].startswith(
        "[Orbital RNA-LNP in vivo CD19 CAR-T, company data]. PackGene. 2025."
    )


def test_a_group_is_parted_by_a_semicolon_in_nlm():
    record = Record(
        id="a",
        title="T.",
        authors=(Author(family="Chen", initials="DM"), Author(literal="PEMPHIX Study Group")),
    )
    assert nlm(record) == "Chen DM; PEMPHIX Study Group. T."
    assert apa(record) == "Chen, D. M., & PEMPHIX Study Group (n.d.). T."
    assert mla(record) == "Chen, DM, and PEMPHIX Study Group. “T.”"


def test_twenty_one_authors_become_nineteen_and_the_last_in_apa():
    names = ", ".join(f"A{chr(97 + index)} B" for index in range(21))
    text = apa(Record(id="a", title="T", authors=people(names), date="2020"))
    assert text.startswith("Aa, B., ")
    assert "As, B., … Au, B. (2020). T." in text
    assert "At, B." not in text


def test_a_retraction_and_an_erratum_are_told_apart():
    base = {"id": "a", "title": "T.", "journal_short": "J", "date": "2020", "volume": "1", "pages": "2"}
    erratum = Record(**base, corrections=(Correction(kind="ErratumIn", reference="J. 2021;2:3"),))
    retracted = Record(**base, corrections=(Correction(kind="RetractionIn", reference="J. 2021;2:3"),))
    assert not erratum.is_retracted
    assert retracted.is_retracted
    assert ama(erratum) == "T [published correction appears in J. 2021;2:3]. J. 2020;1:2."
    assert ama(retracted) == "T [retracted in: J. 2021;2:3]. J. 2020;1:2."
    assert nlm(retracted) == "T. J. 2020;1:2. Retraction in: J. 2021;2:3."


def test_titles_keep_their_own_marks():
    assert (
        nlm(Record(id="a", title="Does it work?", journal_short="J", date="2020")) == "Does it work? J. 2020."
    )
    assert nlm(Record(id="a", title="[Lupus today].", journal_short="J", date="2020", volume="1", pages="2", doi="10.1000/x",
                      languages=("fre",))) == "[Lupus today]. J. 2020;1:2. French. doi: 10.1000/x."  # fmt: skip


def test_unknown_styles_and_records_are_named():
    with pytest.raises(UnknownNameError, match="unknown citation style 'chicago'"):
        cite(["wang2025"], "chicago")
    with pytest.raises(UnknownNameError, match="unknown record 'wang2052'; did you mean wang2025"):
        cite(["wang2052"])
    assert cite([], "ama") == ()


words = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)
maybe = st.one_of(st.just(""), words)
authors = st.builds(
    Author,
    family=words,
    given=maybe,
    initials=st.text(st.characters(categories=("Lu",)), max_size=2),
    suffix=maybe,
) | st.builds(Author, literal=words)
odd_records = st.builds(
    Record,
    id=words,
    title=maybe,
    described_as=maybe,
    authors=st.lists(authors, max_size=24).map(tuple),
    more_authors=st.booleans(),
    journal=maybe,
    journal_short=maybe,
    date=st.sampled_from(["", "2020", "2020 Mar", "2020 Mar 9", "2011 Jul-Aug", "2020 Spring"]),
    electronic_date=st.none() | st.dates(day(1900, 1, 1)),
    status=st.sampled_from(["", "ppublish", "epublish", "aheadofprint"]),
    volume=maybe,
    issue=maybe,
    pages=st.sampled_from(["", "1-5", "e0224325", "S1-S9"]),
    pii=maybe,
    doi=st.sampled_from(["", "10.1000/x.y(1)"]),
    pmid=st.sampled_from(["", "123"]),
    url=st.sampled_from(["", "https://example.org/a"]),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(odd_records, st.sampled_from(sorted(STYLES)))
def test_any_record_gives_a_clean_line(record, style):
    text = STYLES[style](record)
    assert text == text.strip()
    for flaw in ("  ", "..", " .", " ,", ",,", ";.", ":.", "()", "( ", "[]", "“”", ";;", ", ,"):
        assert flaw not in text, (flaw, text)
    assert not text.startswith((".", ",", ":", ";")), text
    if style != "short" and record.doi:
        assert record.doi in text
    if style in ("ama", "nlm") and record.authors:
        first = record.authors[0]
        assert text.startswith(first.literal or first.family)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(odd_records)
def test_the_short_form_is_never_empty(record):
    assert short(record)
