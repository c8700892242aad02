"""Lint: the shipped model is clean, and every seeded fault is found with file, row, column, value and mend."""

from __future__ import annotations

import pytest

from vivocart.evidence.library import quantities, records
from vivocart.ground.errors import InputError
from vivocart.model.flatten import Sources, read_sources
from vivocart.model.lint import TEXT_CHECKS, lint_folder, lint_shipped, lint_sources
from vivocart.model.lint_tables import TABLE_CHECKS
from vivocart.model.load import build_model


def _with(table: str = "", old: str = "", new: str = "", *, fragment: str = "") -> Sources:
    sources = read_sources()
    tables, fragments = dict(sources.tables), dict(sources.fragments)
    texts, key = (fragments, fragment) if fragment else (tables, table)
    assert texts[key].count(old) >= 1, old
    texts[key] = texts[key].replace(old, new, 1)
    return Sources(fragments=fragments, tables=tables)


def _found(sources: Sources) -> list[str]:
    return [
        str(issue)
        for issue in lint_sources(sources, quantity_ids=quantities(), record_ids=records())
        if issue.level == "error"
    ]


def test_the_shipped_model_is_clean():
    assert [str(issue) for issue in lint_shipped()] == []


P, OBS, ITEMS = "parameters.csv", "observables.csv", "sledai_items.csv"
FAULTS = {
    "unit missing": (P, "\nlnp_loss,13,1/d,", "\nlnp_loss,13,,", ["parameters.csv, row 8, column unit: the cell is empty"]),
    "unit unknown": (P, "\nlnp_loss,13,1/d,", "\nlnp_loss,13,1/w,", ["row 8, column unit", "found '1/w'", "use one of: "]),
    "unit other": (P, "\nlnp_loss,13,1/d,", "\nlnp_loss,13,L,", ["text_is_sound", "lnp_loss"]),
    "not a number": (P, "\nlnp_loss,13,", "\nlnp_loss,fast,", ["row 8, column value", "found 'fast'", "valid number"]),
    "infinite": (P, "\nlnp_loss,13,", "\nlnp_loss,inf,", ["row 8, column value", "finite"]),
    "column missing": (P, ",note\n", "\n", ["row 1, column note: column is missing", "the header needs: id, value"]),
    "required column missing": (P, "id,value,unit", "id,value,units", ["row 1, column unit: column is missing"]),
    "too many cells": (P, "\nlnp_loss,13,1/d,", "\nlnp_loss,13,1/d,,", ["row 8", "cells where the header has"]),
    "kind unknown": (P, "\nlnp_return,0.22,1/d,lnp,lognormal,55,cv_percent,30,cv_percent,0,,measured,",
                     "\nlnp_return,0.22,1/d,lnp,lognormal,55,cv_percent,30,cv_percent,0,,known,",
                     ["column kind", "found 'known'", "measured"]),
    "measured on nothing": (P, "measured,zhang2020_t12b,", "measured,,",
                            ["column quantity_ids: lnp_return: measured without"]),
    "assumed without a note": (P, "Hand-set: a four-hour exposure primes to about 0.8", "",
                               ["column note", "without a note"]),
    "no such quantity": (P, "zhang2020_t12b", "zhang2020_t13b", ["found 'zhang2020_t13b'", "add it to quantities.csv"]),
    "spread missing": (P, "\nlnp_return,0.22,1/d,lnp,lognormal,55,", "\nlnp_return,0.22,1/d,lnp,lognormal,,",
                       ["column spread", "distribution 'lognormal'"]),
    "value outside limits": (P, "\nlnp_loss,13,", "\nlnp_loss,130,", ["column value", "outside its limits"]),
    "fraction above one": (P, "\ncar_dim_killing,0.5,", "\ncar_dim_killing,1,", ["cannot be logit-normal"]),
    "id twice": (P, "\nlnp_exit,", "\nlnp_loss,", ["the id stands twice"]),
    "unused": (P, "\nlnp_exit,", "\nlnp_exits,", ["lnp_exits: no fragment names it"]),
    "undefined": (P, "\nlnp_exit,", "\nlnp_exits,", ["lnp.ant, row", "found 'lnp_exit'", "an id that has no value"]),
    "module unknown": (P, "1/d,lnp,lognormal,30", "1/d,lmp,lognormal,30", ["column module", "no such module"]),
    "observable of nothing": (OBS, ",lnp_concentration,", ",lnp_level,", ["column expression", "unknown id 'lnp_level'"]),
    "observable in another unit": (OBS, "\nigg,g/L,", "\nigg,mg/L,", ["scales_agree", "observable igg", "factor 0.001"]),
    "weight of no item": (ITEMS, "\narthritis,4,", "\narthritis,3,", ["row 10, column weight", "found '3'"]),
    "weights that do not add up": (ITEMS, "\narthritis,4,", "\narthritis,2,", ["a total weight of 103"]),
    "driver of nothing": (ITEMS, "upcr,above", "upcrs,above", ["column driver", "found 'upcrs'"]),
    "limits that do not match": (ITEMS, "below,0.9;0.16,", "below,0.9,", ["takes 2 limit(s)"]),
    "prevalence above one": (ITEMS, "threshold,,1,0.35,", "threshold,,1,1.35,", ["column prevalence", "found '1.35'"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_seeded_faults_are_found(name):
    table, old, new, expected = FAULTS[name]
    issues = lint_sources(_with(table, old, new), quantity_ids=quantities(), record_ids=records())
    errors = [f"{issue.check}: {issue}" for issue in issues if issue.level == "error"]
    assert any(all(part in text for part in expected) for text in errors), errors


def test_numbers_in_the_text_are_found():
    sources = _with(fragment="lnp", old="lnp_loss * (1 +", new="lnp_loss * (3.5 +")
    assert any("lnp.ant" in text and "found '3.5'" in text for text in _found(sources))


def test_a_record_that_does_not_exist_is_found_in_the_header():
    sources = _with(fragment="lnp", old="zhang2020 (patisiran)", new="zhang2021 (patisiran)")
    assert any("lnp.ant" in text and "found 'zhang2021'" in text for text in _found(sources))
    sources = _with(fragment="lnp", old="Records:", new="From:")
    assert any("the header names no records" in text for text in _found(sources))


def test_a_broken_statement_is_found_in_its_fragment():
    sources = _with(fragment="lnp", old="lnp_plasma_amount = 0 milligram;", new="lnp_plasma_amount = = 0;")
    assert any(text.startswith("lnp.ant") and "line" in text for text in _found(sources))


def test_a_wrong_dimension_in_a_fragment_is_found():
    sources = _with(fragment="antibody", old="igg_loss * (igg_baseline *", new="igg_loss * (body_weight *")
    assert any("igg" in text and "units" in text for text in _found(sources))


def test_a_wrong_size_of_a_unit_is_found():
    sources = _with(P, "\nlnp_loss,13,1/d,", "\nlnp_loss,13,1/h,")
    hours = sources.tables["units.csv"] + "1/h,per_hour,1 / (3600 second)\n"
    sources = Sources(fragments=sources.fragments, tables={**sources.tables, "units.csv": hours})
    assert any("lnp_loss_now" in text and "factor 0.0416667" in text for text in _found(sources))
    sources = _with(
        fragment="t_cell_engager", old="engager_amount = 0 microgram;", new="engager_amount = 0 milligram;"
    )
    assert any("engager_concentration" in text and "factor 0.001;" in text for text in _found(sources))


def test_a_faulty_table_stops_loading_with_one_line():
    with pytest.raises(InputError, match=r"parameters\.csv, row 8, column value: .*found 'fast'") as caught:
        build_model(_with(P, "\nlnp_loss,13,", "\nlnp_loss,fast,"))
    assert "\n" not in str(caught.value)


def test_a_folder_is_checked_like_the_shipped_model(tmp_path):
    sources = read_sources()
    for name, text in sources.fragments.items():
        (tmp_path / f"{name}.ant").write_text(text)
    for name, text in sources.tables.items():
        (tmp_path / name).write_text(text)
    assert lint_folder(tmp_path) == []


def test_every_check_says_what_it_finds():
    for check in (*TABLE_CHECKS, *TEXT_CHECKS):
        assert check.__doc__
