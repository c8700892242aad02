"""Every shipped parameter and observation follows from what it rests on; a changed number or quantity is found."""

from __future__ import annotations

import csv
import re
from importlib.resources import files

import pytest

from vivocart.calibration.observations import observations
from vivocart.evidence.library import quantities, records
from vivocart.evidence.uses import OWNERS, check_uses
from vivocart.ground.errors import InputError
from vivocart.scenarios.support import check_support, shipped_support
from vivocart.therapies.product import load_products

PARAMETERS = files("vivocart.model") / "parameters.csv"
OBSERVATIONS = files("vivocart.calibration") / "observations.csv"


def test_every_shipped_number_follows():
    assert shipped_support().issues == ()


def test_every_parameter_and_observation_is_covered():
    support = shipped_support()
    ids = [line.split(",")[0] for line in PARAMETERS.read_text(encoding="utf-8").splitlines()[1:]]
    assert sorted(i for found in support.coverage("parameter").ids.values() for i in found) == sorted(ids)
    seen = sorted(i for found in support.coverage("observation").ids.values() for i in found)
    assert seen == sorted(row.id for row in observations())
    assert support.coverage().total == sum(support.coverage(owner).total for owner in OWNERS)


def test_covariates_items_and_what_products_set_are_covered_too():
    support = shipped_support()
    assert support.coverage("item").total == 24
    assert support.coverage("covariate").ids["checked"] == ("disease_duration",)
    covered = support.coverage("product").ids
    assumed, read = set[str](), set[str]()
    for product in load_products().values():
        for name in product.parameters:
            (read if name in product.quantities else assumed).add(f"{product.id} {name}")
    assert set(covered["assumption"]) == assumed
    assert set(covered["place given, text not held"]) == read != set()


def test_the_letter_is_a_secondary_source_only():
    support = shipped_support()
    of_letter = {row.id for row in observations("HN2301")}
    covered = support.coverage("observation").ids
    assert of_letter.isdisjoint(covered["checked"])
    assert len(of_letter & set(covered["secondary source only"])) >= 15


def _changed(table, column, change):
    """The table as text, once for each row whose cell in ``column`` is a number, that cell changed."""
    lines = table.read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    for position, row in enumerate(rows):
        if row[column]:
            altered = [dict(other) for other in rows]
            altered[position][column] = change(row[column])
            yield row["id"], comments, altered


def _more(cell):
    """The number with 3 % more, or one step more where it is 0."""
    return repr(float(cell) * 1.03 or 1.0)


def _written(path, comments, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{line}\n" for line in comments)
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_each_changed_parameter_is_found_and_no_other(tmp_path):
    recomputed = {
        use.number.id
        for use in shipped_support().uses
        if use.number.owner == "parameter" and use.rule in ("copied", "converted", "pooled")
    }
    assert len(recomputed) >= 25
    for name, comments, rows in _changed(PARAMETERS, "value", _more):
        if name in recomputed:
            _written(tmp_path / "p.csv", comments, rows)
            found = check_support(parameters=tmp_path / "p.csv").issues
            assert [issue.message.split(":")[0] for issue in found] == [name]
            assert found[0].row is not None


def test_each_changed_bound_of_an_observation_is_found(tmp_path):
    stated = {
        use.number.id
        for use in shipped_support().uses
        if use.number.owner == "observation" and use.number.part == "upper" and use.rule != "assumed"
    }
    assert len(stated) >= 5
    for name, comments, rows in _changed(OBSERVATIONS, "upper", _more):
        if name in stated:
            _written(tmp_path / "o.csv", comments, rows)
            (issue,) = check_support(observations=tmp_path / "o.csv").issues
            assert issue.message.startswith(f"{name}:")


def test_each_changed_quantity_is_found_where_it_is_used_and_nowhere_else():
    uses = [use for use in shipped_support().uses if use.rule in ("copied", "converted", "pooled")]
    for name in sorted({name for use in uses for name in use.quantity_ids}):
        row = quantities()[name]
        if row.value is None or row.value == 0:
            continue
        altered = dict(quantities()) | {name: row.model_copy(update={"value": row.value * 1.2})}
        found = {re.split("[:,]", issue.message)[0] for issue in check_uses(uses, altered, records())}
        other_columns = re.compile(rf"(lower|upper|spread|n)\({name}\)")
        used = {
            use.number.id for use in uses if name in re.findall(r"\w+", other_columns.sub("", use.formula))
        }
        assert found == used, name


def test_a_number_that_lost_its_source_is_found(tmp_path):
    text = PARAMETERS.read_text(encoding="utf-8").replace(",estimated,yu2022_kout,", ",estimated,,")
    (tmp_path / "p.csv").write_text(text, encoding="utf-8")
    (issue,) = check_support(parameters=tmp_path / "p.csv").issues
    assert "naive_b_loss_blood" in issue.message
    assert "assumed" in issue.message


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        check_support(parameters=tmp_path / "none.csv")
