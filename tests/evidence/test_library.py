"""The shipped library: what it holds, that it cannot be changed, that it is read once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vivocart.evidence import library
from vivocart.evidence.records import is_doi, is_pmid
from vivocart.ground import units
from vivocart.ground.errors import InputError, UnknownNameError


def test_the_library_is_read_once():
    assert library.records() is library.records()
    assert library.quantities() is library.quantities()


def test_loading_the_library_imports_no_heavy_package():
    script = (
        "import sys; from vivocart.evidence.library import records, quantities; records(); quantities();"
        "print([name for name in ('pint', 'numpy', 'pandas', 'sympy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_mappings_are_frozen():
    with pytest.raises(TypeError):
        library.records()["x"] = None
    with pytest.raises(TypeError):
        library.quantities()["x"] = None


def test_the_letter_stands_as_its_page_says():
    letter = library.record("wang2025")
    assert letter.pmid == "40961420"
    assert letter.doi == "10.1056/NEJMc2509522"
    assert letter.title == "In Vivo CD19 CAR T-Cell Therapy for Refractory Systemic Lupus Erythematosus"
    assert [author.family for author in letter.authors] == [
        "Wang", "Xiao", "Zheng", "Wang", "Yang", "Shi", "Xiang", "Wang", "Zha", "Schett", "Chen",
    ]  # fmt: skip
    assert letter.authors[8].given == "Gao-Feng"
    assert letter.authors[8].affiliations == ("Shenzhen MagicRNA Biotechnology, Shenzhen, China.",)
    assert [grant.number for grant in letter.grants] == [
        "2408085J046", "KJZD20230923115705011", "82471819", "2023AH040403",
    ]  # fmt: skip
    assert letter.abstract == ()
    assert letter.held == "none"


def test_no_statement_of_the_letter_claims_to_be_read_in_it():
    facts = [row for row in library.quantities().values() if row.record_id == "wang2025"]
    assert len(facts) >= 20
    assert {row.trust for row in facts} == {"secondary", "tertiary"}
    assert all(row.place.startswith("text not held") for row in facts)


def test_every_number_of_the_letter_keeps_the_page_it_was_read_on():
    for row in library.quantities().values():
        if row.record_id == "wang2025":
            assert "read at " in row.place or "personal note" in row.place


@pytest.mark.parametrize(
    ("quantity_id", "value", "lower", "upper", "unit", "n"),
    [
        ("wang2025_n_patients", 5, None, None, "1", 5),
        ("wang2025_dose_low", 2, None, None, "mg", 2),
        ("wang2025_dose_high", 4, None, None, "mg", 3),
        ("wang2025_peak_hours", 6, None, None, "h", 5),
        ("wang2025_return_days", None, 2, 3, "d", 5),
        ("wang2025_car_peak_percent", 60, None, 60, "%", 5),
        ("wang2025_depletion_days", None, 7, 10, "d", 3),
        ("wang2025_b_nadir", 1, None, 1, "1/uL", 5),
        ("wang2025_sledai_fall", 20, None, 20, "score", 5),
        ("wang2025_n_severe_crs", 0, None, None, "1", 5),
        ("gomezmendez2018_depleted_percent", 78, None, None, "%", 68),
        ("mueller2024_aplasia_days", 112, None, None, "d", 15),
        ("apgar2018_kw", 0.0868, None, None, "1/h", None),
        ("yu2022_kout", 0.0124, None, None, "1/d", 1486),
    ],
)
def test_numbers_are_those_of_the_notes(quantity_id, value, lower, upper, unit, n):
    row = library.quantity(quantity_id)
    assert (row.value, row.lower, row.upper, row.unit, row.n) == (value, lower, upper, unit, n)


def test_apgar_rates_are_those_per_second_in_the_paper():
    per_second = {
        "kw": 2.41e-5,
        "k12": 4.79e-5,
        "k21": 2.65e-7,
        "ka": 1.17e-5,
        "ke": 7.70e-5,
        "de": 9.32e-5,
        "kl": 1.93e-5,
    }
    for symbol, rate in per_second.items():
        assert library.quantity(f"apgar2018_{symbol}").value == pytest.approx(
            units.convert(rate, "1/s", "1/h"), rel=5e-3
        )


def test_half_lives_agree_with_the_rates_beside_them():
    pairs = (
        ("yu2022_kout", 56),
        ("liang2024_kaab", 21),
        ("valenzuela2025_kigg", 19.4),
        ("stein2019_alpha", 4.3),
    )
    for quantity_id, days in pairs:
        assert 0.693147 / library.quantity(quantity_id).value == pytest.approx(days, rel=0.02)


def test_memory_and_hand_set_numbers_say_so():
    rows = library.quantities().values()
    assert {row.trust for row in rows if row.id.startswith("memory_")} == {"memory"}
    assert {row.trust for row in rows if row.id.startswith(("prototype_", "assumed_"))} == {"hand_set"}
    assert library.quantity("mueller2024_peak_days").trust == "memory"


def test_identifiers_of_every_record_have_their_form():
    for record in library.records().values():
        assert not record.pmid or is_pmid(record.pmid)
        assert not record.doi or is_doi(record.doi)


def test_unknown_ids_name_the_nearest():
    with pytest.raises(UnknownNameError, match="wang2025"):
        library.record("wang2026")
    with pytest.raises(UnknownNameError, match="apgar2018_kw"):
        library.quantity("apgar2018_kv")


def test_two_records_with_one_id_are_refused(monkeypatch, tmp_path):
    (tmp_path / "records.json").write_text(
        '[{"id": "a", "type": "web"}, {"id": "a", "type": "web"}]', encoding="utf-8"
    )
    monkeypatch.setattr(library, "shipped", lambda file: tmp_path / file)
    with pytest.raises(InputError, match=r"records\.json: two records have the id 'a'"):
        library.records.__wrapped__()


def test_two_quantities_with_one_id_are_refused(monkeypatch, tmp_path):
    text = "id,record_id,place,quantity\na,b,c,d\na,b,c,d\n"
    (tmp_path / "quantities.csv").write_text(text, encoding="utf-8")
    monkeypatch.setattr(library, "shipped", lambda file: tmp_path / file)
    with pytest.raises(InputError, match=r"quantities\.csv: two rows have the id 'a'"):
        library.quantities.__wrapped__()
