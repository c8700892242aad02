from __future__ import annotations

from pathlib import Path

import pytest
import sympy

from vivocart.equations.system import TIME, symbol
from vivocart.formats.antimony import to_sbml
from vivocart.formats.sbml import read_sbml, read_sbml_model
from vivocart.ground.errors import InputError, UnsupportedError

MATH = 'xmlns="http://www.w3.org/1998/Math/MathML"'


def model(body: str) -> str:
    return (
        '<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2">'
        f'<model id="m">{body}</model></sbml>'
    )


def parameters(*ids: str, constant: bool = False) -> str:
    flag = "true" if constant else "false"
    rows = "".join(f'<parameter id="{name}" value="1" constant="{flag}"/>' for name in ids)
    return f"<listOfParameters>{rows}</listOfParameters>"


def rule(variable: str, math: str, kind: str = "assignment") -> str:
    return f'<{kind}Rule variable="{variable}"><math {MATH}>{math}</math></{kind}Rule>'


def read(text: str):
    return read_sbml(to_sbml(text))


S, T, c, k = (symbol(name) for name in ("S", "T", "c", "k"))


def expression(system, name: str) -> sympy.Expr:
    return next(entry.expression for entry in (*system.rules, *system.start) if entry.id == name)


def rate(system, name: str) -> sympy.Expr:
    return system.expand(next(state.rate for state in system.states if state.id == name))


def test_a_concentration_divides_by_its_compartment() -> None:
    system = read("compartment c = 2; species S in c = 6, T in c; T = 0; J: S -> 2 T; k*S*c; k = 0.5;")
    assert rate(system, "S") == -k * S
    assert rate(system, "T") == 2 * k * S
    assert expression(system, "S") == 6
    assert system.parameter_ids == ("c", "k")


def test_an_amount_does_not() -> None:
    system = read("compartment c = 2; substanceOnly species S in c = 6; J: S -> ; k*S; k = 0.5;")
    assert rate(system, "S") == -k * S


def test_in_a_changing_compartment_the_amount_is_the_state() -> None:
    loaded = read_sbml_model(
        to_sbml("compartment c = 2; c' = 0.1; species S in c = 6; J: S -> ; k*S; k = 0.5;")
    )
    system = loaded.system
    assert set(system.state_ids) == {"c", "amount(S)"}
    amount = symbol("amount(S)")
    assert rate(system, "amount(S)") == -k * amount / c
    assert expression(system, "amount(S)") == 6 * c
    assert expression(system, "S") == amount / c
    assert loaded.amounts["S"] == amount
    assert loaded.concentrations["S"] == S


def test_a_local_parameter_hides_a_global_one() -> None:
    text = to_sbml("S = 1; k = 3; J: S -> ; k*S;").replace(
        "</math>\n        </kineticLaw>",
        '</math><listOfLocalParameters><localParameter id="k" value="7"/></listOfLocalParameters></kineticLaw>',
    )
    system = read_sbml(text)
    assert [(p.id, p.value) for p in system.parameters if p.id.endswith("k")] == [("k", 3.0), ("J.k", 7.0)]
    assert symbol("J.k") in rate(system, "S").free_symbols


def test_rules_and_initial_assignments_are_put_in_order() -> None:
    system = read("z := y + 1; y := x * 2; x = w + 1; w = v; v = 4;")
    assert [entry.id for entry in system.rules] == ["y", "z"]
    assert system.constant_ids.index("w") < system.constant_ids.index("x")


def test_a_rule_used_at_the_start_has_a_starting_value() -> None:
    system = read("S = y; S' = -S; y := 2*k + time; k = 3;")
    assert expression(system, "start(y)") == 2 * k
    assert expression(system, "S") == symbol("start(y)")


def test_the_rate_of_a_rule_follows_by_the_chain_rule() -> None:
    system = read("compartment c = 2; c' = 0.1; species S in c = 6; J: S -> ; k*S; k = 0.5; z := rateOf(S);")
    amount = symbol("amount(S)")
    expected = -k * amount / c / c - amount / c**2 * 0.1
    assert sympy.simplify(system.expand(symbol("z")) - expected) == 0


def test_the_rate_of_a_rule_at_the_start_is_not_taken_for_zero() -> None:
    text = "compartment c = 2; c' = 0.1*c; species S in c = 3; J: S -> ; k*S*c; k = 0.3; w = rateOf(S);"
    system = read(text)
    known = {"k": 0.3}
    for entry in system.start:
        known[entry.id] = float(entry.expression.subs({symbol(name): value for name, value in known.items()}))
    assert known["w"] == pytest.approx(
        -0.3 * 3 - 3 * 0.1
    )  # what reacts, and what the growing compartment dilutes


def test_functions_are_written_out() -> None:
    system = read("function f(a, b) a*b + 1 end; function g(a) f(a, a) end; y := g(S); S = 1; S' = 0;")
    assert expression(system, "y") == S**2 + 1


def test_an_event_keeps_all_it_says() -> None:
    system = read(
        "S = 1; S' = -S; k = 0; at 2 after S < 0.5, t0=false, persistent=false, priority=3, fromTrigger=false:"
        " S = 2*S, k = 1;"
    )
    (event,) = system.events
    assert event.trigger == sympy.Lt(S, 0.5)
    assert (event.delay, event.priority) == (2, 3)
    assert (event.initial_value, event.persistent, event.use_values_from_trigger_time) == (
        False,
        False,
        False,
    )
    assert {a.id: a.expression for a in event.assignments} == {"S": 2 * S, "k": 1}
    assert "k" in system.state_ids


@pytest.mark.parametrize("other", ["x", "y"])
def test_a_rule_that_rests_on_its_own_rate_is_refused(other: str) -> None:
    symbol_ = (
        '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/rateOf">rateOf</csymbol>'
    )
    rules = rule("x", f"<apply>{symbol_}<ci>{other}</ci></apply>") + rule("y", "<ci>x</ci>")
    with pytest.raises(InputError, match=r"the rate of change of '\w' rests on itself"):
        read_sbml(model(f"{parameters('x', 'y')}<listOfRules>{rules}</listOfRules>"))


def test_empty_math_says_nothing() -> None:
    empty = f"<math {MATH}/>"
    body = (
        parameters("x", "y")
        + f'<listOfRules><assignmentRule variable="x">{empty}</assignmentRule></listOfRules><listOfEvents>'
        + f'<event id="E" useValuesFromTriggerTime="true"><trigger initialValue="true" persistent="true">{empty}</trigger>'
        + "</event></listOfEvents>"
    )
    system = read_sbml(model(body))
    assert (system.parameter_ids, system.rules, system.events) == (("x", "y"), (), ())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            f"{parameters('x')}<listOfRules><algebraicRule id='r'><math {MATH}><ci>x</ci></math></algebraicRule>"
            "</listOfRules>",
            "not supported: algebraicRule 'r'",
        ),
        (
            parameters("x", "y")
            + "<listOfRules>"
            + rule(
                "x",
                '<apply><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/delay">d</csymbol>'
                "<ci>y</ci><cn>1</cn></apply>",
            )
            + "</listOfRules>",
            "not supported: csymbol delay 'assignment rule of x'",
        ),
    ],
)
def test_what_is_not_done_is_named(body: str, message: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        read_sbml(model(body))
    assert str(caught.value) == message


def test_fast_reactions_are_named() -> None:
    text = (
        to_sbml("S = 1; J: S -> ; S")
        .replace("level3/version2", "level3/version1")
        .replace('version="2"', 'version="1"')
    )
    text = text.replace('reversible="true"', 'reversible="true" fast="true"')
    with pytest.raises(UnsupportedError, match="not supported: fast reaction 'J'"):
        read_sbml(text)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            parameters("x", "y")
            + f"<listOfRules>{rule('x', '<ci>y</ci>')}{rule('y', '<ci>x</ci>')}</listOfRules>",
            "in a circle: x -> y -> x",
        ),
        (parameters("x") + f"<listOfRules>{rule('x', '<ci>x</ci>')}</listOfRules>", "in a circle: x -> x"),
        (parameters("x", "x"), "the id 'x' is used twice"),
        (
            parameters("x") + f"<listOfRules>{rule('y', '<cn>1</cn>')}</listOfRules>",
            "sets 'y', which the model does not have",
        ),
        (
            parameters("x") + f"<listOfRules>{rule('x', '<ci>q</ci>')}</listOfRules>",
            "'q' is used in math and defined nowhere",
        ),
        (
            parameters("x")
            + f"<listOfRules>{rule('x', '<apply><ci>f</ci><cn>1</cn></apply>')}</listOfRules>",
            "function 'f' is called and defined nowhere",
        ),
        (
            parameters("x")
            + f"<listOfRules>{rule('x', '<cn>1</cn>')}{rule('x', '<cn>2</cn>', 'rate')}</listOfRules>",
            "another rule too",
        ),
        (
            '<listOfSpecies><species id="s" compartment="none" hasOnlySubstanceUnits="true" boundaryCondition="false" '
            'constant="false"/></listOfSpecies>',
            "the compartment 'none' of species 's' is missing",
        ),
    ],
)
def test_a_model_that_contradicts_itself_is_refused_in_one_line(body: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_sbml(model(body), name="mine.xml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def function(name: str, body: str) -> str:
    return (
        f'<functionDefinition id="{name}"><math {MATH}><lambda><bvar><ci>x</ci></bvar>{body}</lambda></math>'
        "</functionDefinition>"
    )


def call(name: str, argument: str) -> str:
    return f"<apply><ci>{name}</ci>{argument}</apply>"


def test_functions_that_call_each_other_in_a_circle_are_refused() -> None:
    functions = function("f", call("g", "<ci>x</ci>")) + function("g", call("f", "<ci>x</ci>"))
    body = f"<listOfFunctionDefinitions>{functions}</listOfFunctionDefinitions>{parameters('y')}"
    body += f"<listOfRules>{rule('y', call('f', '<cn>1</cn>'))}</listOfRules>"
    with pytest.raises(InputError, match="nested deeper than"):
        read_sbml(model(body))


def test_functions_that_grow_exponentially_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivocart.formats.mathml.MAXIMUM_NODES", 50_000)
    chain = function("f0", "<ci>x</ci>")
    for level in range(1, 60):
        twice = call(f"f{level - 1}", "<ci>x</ci>") + call(f"f{level - 1}", "<apply><sin/><ci>x</ci></apply>")
        chain += function(f"f{level}", f"<apply><times/>{twice}</apply>")
    body = f"<listOfFunctionDefinitions>{chain}</listOfFunctionDefinitions>{parameters('y', 'z')}"
    body += f"<listOfRules>{rule('y', call('f59', '<ci>z</ci>'))}</listOfRules>"
    with pytest.raises(InputError, match="more than 50000 parts"):
        read_sbml(model(body))


@pytest.mark.parametrize("operation", ["<sin/>", "<minus/>", "<plus/>", "<not/>"])
def test_no_depth_of_math_ends_in_a_recursion_error(operation: str) -> None:
    for depth in (100, 200, 400, 600, 5000):
        math = f"<apply>{operation}" * depth + "<ci>z</ci>" + "</apply>" * depth
        body = parameters("y", "z") + f"<listOfRules>{rule('y', math)}</listOfRules>"
        try:
            read_sbml(model(body))
        except InputError as error:
            assert "deeper" in str(error)
            assert "\n" not in str(error)


def test_a_long_chain_of_rules_is_read() -> None:
    n = 3000
    rules = "".join(rule(f"x{i}", f"<apply><plus/><ci>x{i + 1}</ci><cn>1</cn></apply>") for i in range(n))
    system = read_sbml(
        model(parameters(*(f"x{i}" for i in range(n + 1))) + f"<listOfRules>{rules}</listOfRules>")
    )
    assert [entry.id for entry in system.rules] == [f"x{i}" for i in reversed(range(n))]


@pytest.mark.parametrize(
    "name", ["__import__('os').mkdir('hit')", "os.system", "a b", "1x", "lambda:0", "", "x;y", "é"]
)
def test_a_name_that_is_not_an_identifier_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        read_sbml(model(parameters("x").replace('id="x"', f'id="{name}"')))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "__import__",
        "exec",
        "lambda",
        "None",
        "E",
        "I",
        "S",
        "N",
        "O",
        "pi",
        "beta",
        "sin",
        "time",
        "nan",
        "oo",
        "t",
    ],
)
def test_a_name_that_means_something_elsewhere_is_only_a_name(name: str) -> None:
    body = parameters(name, "y")
    body += f"<listOfRules>{rule('y', f'<apply><times/><cn>2</cn><ci>{name}</ci></apply>')}</listOfRules>"
    system = read_sbml(model(body))
    assert expression(system, "y") == 2 * symbol(name)
    assert symbol(name) != TIME


def test_names_are_kept_for_people() -> None:
    text = to_sbml("k = 3; k is \"exec(open('hit', 'w'))\";")
    assert read_sbml(text).names["k"] == "exec(open('hit', 'w'))"


def test_an_older_level_is_converted() -> None:
    text = (
        '<sbml xmlns="http://www.sbml.org/sbml/level2/version4" level="2" version="4"><model id="m"><listOfCompartments>'
        '<compartment id="c" size="2"/></listOfCompartments><listOfSpecies><species id="S" compartment="c" '
        'initialConcentration="3"/></listOfSpecies><listOfReactions><reaction id="J" reversible="false"><listOfReactants>'
        f'<speciesReference species="S"/></listOfReactants><kineticLaw><math {MATH}><apply><times/><ci>k</ci><ci>S</ci>'
        '</apply></math><listOfParameters><parameter id="k" value="0.5"/></listOfParameters></kineticLaw></reaction>'
        "</listOfReactions></model></sbml>"
    )
    assert rate(read_sbml(text), "S") == -symbol("J.k") * S / c
