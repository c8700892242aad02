from __future__ import annotations

import pytest

from vivocart.formats import sbml_document
from vivocart.formats.sbml import check_sbml, read_sbml
from vivocart.formats.sbml_document import MAXIMUM_DEPTH, MAXIMUM_OPERANDS, guard_xml
from vivocart.ground.errors import InputError, UnsupportedError

HEAD = '<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"'

BILLION = (
    '<?xml version="1.0"?>\n<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>\n<sbml>&c;</sbml>'
)
OUTSIDE = '<!DOCTYPE sbml [<!ENTITY x SYSTEM "file:///etc/passwd">]><sbml>&x;</sbml>'


@pytest.mark.parametrize("read", [read_sbml, check_sbml, guard_xml])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BILLION, "line 2: a DOCTYPE"),
        (OUTSIDE, "a DOCTYPE"),
        ("<!DOCTYPE sbml><sbml/>", "a DOCTYPE"),
        ("<a>" * (MAXIMUM_DEPTH + 1), "nested deeper"),
        ("<a>" * 1_000_000, "nested deeper"),
        ("", "not well-formed"),
        ("not xml", "not well-formed"),
        (HEAD + "><model>", "not well-formed"),
        ("<sbml>&undefined;</sbml>", "not well-formed"),
        ("<a>\0</a>", "not well-formed"),
        ("<a>\ud800</a>", "not well-formed"),
        ("<a></b>", "not well-formed"),
    ],
)
def test_hostile_or_broken_xml_is_refused_in_one_line(read: object, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        read(text)  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_a_giant_file_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sbml_document, "MAXIMUM_CHARACTERS", 1000)
    with pytest.raises(InputError, match="at most 1000"):
        guard_xml("<a>" + " " * 1000 + "</a>")


def test_a_sum_of_more_terms_than_can_be_let_go_of_is_refused() -> None:
    text = (
        HEAD
        + '><model id="m">%s<listOfRules><assignmentRule variable="x">%s</assignmentRule></listOfRules></model></sbml>'
    )
    variable = '<listOfParameters><parameter id="x" constant="false"/></listOfParameters>'
    math = '<math xmlns="http://www.w3.org/1998/Math/MathML"><apply><plus/>%s</apply></math>'
    with pytest.raises(InputError, match="an <apply> has more than 10000 operands"):
        guard_xml(text % (variable, math % ("<cn>1</cn>" * (MAXIMUM_OPERANDS + 1))))
    nested = ("<apply><plus/>" * 8) + "".join("<cn>1</cn>" * 2000 + "</apply>" for _ in range(8))
    with pytest.raises(InputError, match="an <apply> has more than 10000 operands"):
        guard_xml(text % (variable, math % nested))
    system = read_sbml(text % (variable, math % ("<cn>1</cn>" * 2000)))
    assert system.rules[0].expression == 2000


def test_every_truncation_of_a_model_is_refused_in_one_line() -> None:
    text = (
        HEAD
        + '><model id="m"><listOfParameters><parameter id="k" value="1" constant="true"/></listOfParameters></model></sbml>'
    )
    assert read_sbml(text).parameter_ids == ("k",)
    for length in range(len(text) - 1):
        with pytest.raises(InputError) as caught:
            read_sbml(text[:length])
        assert "\n" not in str(caught.value)


def test_the_declared_encoding_of_a_decoded_text_is_past() -> None:
    text = '\ufeff<?xml version="1.0" encoding="UTF-16"?>' + HEAD + '><model id="m" name="Füße"/></sbml>'
    assert read_sbml(text).id == "m"


def test_a_required_package_is_not_supported_and_an_optional_one_does_no_harm() -> None:
    comp = 'xmlns:comp="http://www.sbml.org/sbml/level3/version1/comp/version1"'
    level1 = '<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"'
    with pytest.raises(UnsupportedError, match="not supported: package 'comp'"):
        read_sbml(f'{level1} {comp} comp:required="true"><model id="m"/></sbml>')
    fbc = 'xmlns:fbc="http://www.sbml.org/sbml/level3/version1/fbc/version2"'
    text = f'{level1} {fbc} fbc:required="false"><model id="m" fbc:strict="false"/></sbml>'
    assert read_sbml(text).id == "m"


@pytest.mark.parametrize(
    ("space", "named"),
    [
        ("http://www.sbml.org/sbml/level3/version1/arrays/version1", "arrays"),
        ("http://example.org/mine", "http://example.org/mine"),
    ],
)
def test_a_required_package_that_nobody_knows_is_not_supported(space: str, named: str) -> None:
    text = HEAD + f' xmlns:own="{space}" own:required="%s"><model id="m"/></sbml>'
    with pytest.raises(UnsupportedError, match=f"not supported: package '{named}'"):
        read_sbml(text % "true")
    if "example" in space:
        assert read_sbml(text % "false").id == "m"


@pytest.mark.parametrize(("level", "version"), [(2, 1), (2, 3), (2, 4), (2, 5)])
def test_a_fast_reaction_of_level_2_is_not_taken_for_a_slow_one(level: int, version: int) -> None:
    space = "http://www.sbml.org/sbml/level2" + ("" if version == 1 else f"/version{version}")
    text = (
        f'<sbml xmlns="{space}" level="{level}" version="{version}"><model id="m"><listOfCompartments>'
        '<compartment id="c" size="1"/></listOfCompartments><listOfSpecies><species id="S" compartment="c" '
        'initialAmount="1"/></listOfSpecies><listOfReactions><reaction id="J" fast="%s"><listOfReactants>'
        '<speciesReference species="S"/></listOfReactants></reaction></listOfReactions></model></sbml>'
    )
    assert read_sbml(text % "false").state_ids == ("S",)
    with pytest.raises(UnsupportedError, match="not supported: fast reaction 'J'"):
        read_sbml(text % "true")


def test_a_compartment_of_level_1_has_the_volume_1_unless_it_says_more() -> None:
    text = (
        '<sbml xmlns="http://www.sbml.org/sbml/level1" level="1" version="2"><model name="m"><listOfCompartments>'
        '<compartment name="a"/><compartment name="b" volume="3"/></listOfCompartments></model></sbml>'
    )
    assert {p.id: p.value for p in read_sbml(text).parameters} == {"a": 1.0, "b": 3.0}


def test_the_check_reports_units_that_do_not_fit() -> None:
    text = (
        HEAD
        + '><model id="m" timeUnits="second"><listOfParameters><parameter id="a" value="1" units="metre" '
        'constant="false"/><parameter id="b" value="1" units="second" constant="true"/></listOfParameters><listOfRules>'
        '<assignmentRule variable="a"><math xmlns="http://www.w3.org/1998/Math/MathML"><ci>b</ci></math></assignmentRule>'
        "</listOfRules></model></sbml>"
    )
    found = check_sbml(text, name="m.xml")
    assert [issue.check for issue in found] == ["SBML unit consistency 10513"]
    assert found[0].file == "m.xml" and found[0].row and "\n" not in found[0].message
    assert check_sbml(text, units=False) == []


def test_the_check_reports_errors() -> None:
    text = (
        HEAD
        + '><model id="m"><listOfSpecies><species id="s" compartment="none" hasOnlySubstanceUnits="true" '
    )
    text += 'boundaryCondition="false" constant="false"/></listOfSpecies></model></sbml>'
    assert "error" in {issue.level for issue in check_sbml(text)}
