"""The commands that walk from a number to its record, and back."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from vivocart.cli.main import run


@pytest.fixture(autouse=True)
def _own_library(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVOCART_LIBRARY", str(tmp_path / "none.sqlite"))


def test_check_prints_the_coverage_and_leaves_with_0(capsys):
    assert run(("evidence", "check", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["errors"] == 0
    assert sum(found["coverage"]["parameter"].values()) > 100
    assert run(("evidence", "check")) == 0
    assert "observations: " in capsys.readouterr().out


def test_check_leaves_with_1_on_a_broken_number(tmp_path, capsys):
    text = (files("vivocart.model") / "parameters.csv").read_text(encoding="utf-8")
    (tmp_path / "p.csv").write_text(text.replace("igg_loss,0.0357", "igg_loss,0.0375"), encoding="utf-8")
    assert run(("evidence", "check", "--parameters", str(tmp_path / "p.csv"))) == 1
    said = capsys.readouterr()
    assert "igg_loss: 'valenzuela2025_kigg' gives 0.0357 1/d (found '0.0375')" in said.out
    assert said.err == "error: 1 errors in the evidence; mend the places named above\n"


def test_a_file_that_is_not_there_is_another_matter(capsys):
    assert run(("evidence", "check", "--parameters", "none.csv")) == 2
    assert "no such file" in capsys.readouterr().err


def test_uses_of_one_number(capsys):
    assert run(("evidence", "uses", "lnp_return")) == 0
    assert "log(2) / zhang2020_t12b[d]" in capsys.readouterr().out
    assert run(("evidence", "uses", "mueller2024_depletion_days", "--json")) == 0
    parts = {use["part"]: use for use in json.loads(capsys.readouterr().out)["uses"]}
    assert parts["lower"]["recomputed"] == [65.0]
    assert run(("evidence", "uses", "lnp_retrun")) == 2
    assert "did you mean lnp_return" in capsys.readouterr().err


def test_show_prints_a_bound_of_zero(capsys):
    assert run(("evidence", "show", "wang2025")) == 0
    assert "no number d (2 to 3), trust: tertiary" in capsys.readouterr().out
    from vivocart.cli.evidence_support import _number_text
    from vivocart.evidence.quantities import Quantity

    row = Quantity(id="x", quantity="x", unit="d", lower=0)
    assert _number_text(row) == "no number d (0 to ...)"


@pytest.mark.parametrize("name", ["40961420", "wang2025"])
def test_what_if_gone_without_simulation(name, capsys):
    assert run(("evidence", "what-if-gone", name, "--no-simulation")) == 0
    out = capsys.readouterr().out
    assert "hn2301_car_percent_peak" in out
    assert "product HN2301" in out
    assert "transfection_max" in out


def test_what_if_gone_as_json_with_sensitivity(capsys):
    assert run(("evidence", "what-if-gone", "liang2024", "--patients", "4", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert [entry["id"] for entry in found["parameters"]] == ["autoantibody_loss"]
    assert found["sensitivity"]["autoantibody_loss"]["autoantibody_d90"] > 0
    assert found["predictions"][0]["most_with"] == "autoantibody_loss"


def test_retractions_break_and_errata_do_not(tmp_path, capsys):
    head = "OriginalPaperPubMedID,OriginalPaperDOI,RetractionNature,RetractionDate,RetractionDOI,Reason\n"
    row = "40961420,10.1056/NEJMc2509522,{},11/1/2025 0:00,10.1056/x,+Error;\n"
    table = tmp_path / "rw.csv"
    table.write_text(head + row.format("Correction"), encoding="utf-8")
    assert run(("evidence", "retractions", "--file", str(table))) == 0
    assert "read again: wang2025" in capsys.readouterr().out
    assert run(("evidence", "retractions", "--file", str(table), "--since", "2025-12-01", "--json")) == 0
    assert json.loads(capsys.readouterr().out)["notices"] == []
    table.write_text(head + row.format("Retraction"), encoding="utf-8")
    assert run(("evidence", "retractions", "--file", str(table))) == 1
    said = capsys.readouterr()
    assert "wang2025 was retracted" in said.err
    assert "1 notices, 1 records retracted; 1 rows of the table read" in said.out
    assert run(("evidence", "retractions")) == 0


def test_the_page_of_a_record_goes_to_a_file_or_to_stdout(tmp_path, capsys):
    page = tmp_path / "letter.html"
    assert run(("evidence", "show", "40961420", "--html", "--no-simulation", "--out", str(page))) == 0
    assert capsys.readouterr().out == f"Page: {page}\n"
    assert "Ze Xiu Xiao" in page.read_text(encoding="utf-8")
    assert run(("evidence", "show", "liang2024", "--html", "--no-simulation")) == 0
    assert capsys.readouterr().out.startswith("<!DOCTYPE html>")


def test_a_page_cannot_be_of_nothing_nor_go_nowhere(tmp_path, capsys):
    assert run(("evidence", "show", "wang2026", "--html")) == 2
    assert "did you mean wang2025" in capsys.readouterr().err
    assert run(("evidence", "show", "wang2025", "--out", str(tmp_path / "x.html"))) == 2
    assert "--out needs --html" in capsys.readouterr().err
    blocked = tmp_path / "file"
    blocked.touch()
    asked = ("evidence", "show", "wang2025", "--html", "--no-simulation", "--out", str(blocked / "x.html"))
    assert run(asked) == 2
    assert "error: " in capsys.readouterr().err


def test_a_record_of_the_users_own_library_has_a_page(tmp_path, monkeypatch, capsys):
    import datetime

    from vivocart.evidence.importers.detect import read_records
    from vivocart.evidence.store import add, open_library

    monkeypatch.setenv("VIVOCART_LIBRARY", str(tmp_path / "library.sqlite"))
    text = "PMID- 12345\nTI  - A record of my own.\nAID - 10.1000/own [doi]\nTA  - J\nDP  - 2026\n"
    with open_library() as library:
        add(library, read_records(text), source="own.nbib", seen_on=datetime.date(2026, 11, 24))
    for name in ("12345", "PMID 12345", "10.1000/OWN", "pmid12345"):
        assert run(("evidence", "show", name, "--html")) == 0
        assert "A record of my own" in capsys.readouterr().out
    assert run(("evidence", "show", "12345")) == 0
    assert capsys.readouterr().out == "A record of my own. J. 2026. doi:10.1000/own\n"


def test_a_quantity_without_record_is_shown_and_an_unknown_id_is_not(capsys):
    assert run(("evidence", "show", "assumed_cd8_sle")) == 0
    assert "300 1/uL (100 to 600), trust: hand_set" in capsys.readouterr().out
    assert run(("evidence", "show", "wang2025_peak_hour")) == 2
    assert "did you mean wang2025_peak_hours" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("tag", "code", "words"),
    [("RIN - J. 2026 Jan;1:1. PMID: 5", 1, "retraction"), ("EIN - J. 2026 Jan;1:1. PMID: 5", 0, "erratum")],
)
def test_a_newer_text_in_the_users_library_tells_of_a_retraction(
    tmp_path, monkeypatch, capsys, tag, code, words
):
    import datetime

    from vivocart.evidence.importers.detect import read_records
    from vivocart.evidence.store import add, open_library

    monkeypatch.setenv("VIVOCART_LIBRARY", str(tmp_path / "library.sqlite"))
    text = f"PMID- 40961420\nTI  - In Vivo CD19 CAR T-Cell Therapy.\nTA  - N Engl J Med\nDP  - 2025\n{tag}\n"
    with open_library() as library:
        add(library, read_records(text), source="new.nbib", seen_on=datetime.date(2026, 11, 24))
    assert run(("evidence", "retractions")) == code
    out = capsys.readouterr().out
    assert f"wang2025: {words}" in out
    assert "from your library" in out


def test_a_copy_in_the_users_library_does_not_hide_a_shipped_record(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VIVOCART_LIBRARY", str(tmp_path / "library.sqlite"))
    assert run(("evidence", "clipboard", "add", "hosseini2020")) == 0
    table = tmp_path / "rw.csv"
    table.write_text(
        "OriginalPaperPubMedID,OriginalPaperDOI,RetractionNature,RetractionDate,RetractionDOI,Reason\n"
        "0,10.1038/s41540-020-00145-7,Retraction,11/1/2025 0:00,10.1038/x,+Error;\n",
        encoding="utf-8",
    )
    assert run(("evidence", "retractions", "--file", str(table))) == 1
    assert "hosseini2020 was retracted" in capsys.readouterr().err
    assert run(("evidence", "show", "hosseini2020")) == 0
