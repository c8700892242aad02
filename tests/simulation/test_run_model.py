from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sympy

from vivocart.equations.system import Assignment, Parameter, State, System, symbol
from vivocart.formats.antimony import to_sbml
from vivocart.formats.sbml import read_sbml
from vivocart.ground.errors import InputError, SimulationError, UnknownNameError, UnsupportedError
from vivocart.simulation.run_model import run_model, run_suite_case, write_suite_case

SETTINGS = "start: 0\nduration: 2\nsteps: 4\nvariables: S, T\nabsolute: 1e-7\nrelative: 1e-6\namount: S\nconcentration: T\n"
TEXT = "compartment c = 2; species S in c = 3, T in c = 0; J: S -> T; k*S*c; k = 0.5;"


@pytest.fixture
def case(tmp_path: Path) -> tuple[Path, Path]:
    model, settings = tmp_path / "model.xml", tmp_path / "settings.txt"
    model.write_text(to_sbml(TEXT), encoding="utf-8")
    settings.write_text(SETTINGS, encoding="utf-8")
    return model, settings


def test_states_over_time_have_the_closed_form() -> None:
    table = run_model(read_sbml(to_sbml(TEXT)), [0.0, 1.0, 4.0])
    assert table.index.name == "time"
    assert table.columns.tolist() == ["S", "T"]
    np.testing.assert_allclose(table["S"], 3 * np.exp(-0.5 * np.array([0.0, 1.0, 4.0])), rtol=1e-7)
    np.testing.assert_allclose(table["S"] + table["T"], 3, rtol=1e-12)


def test_parameters_and_observables_may_be_given() -> None:
    system = read_sbml(to_sbml(TEXT))
    table = run_model(system, [1.0], observables={"double": 2 * symbol("S")}, parameters={"k": 1.0})
    assert table["double"].tolist() == pytest.approx([6 * np.exp(-1.0)], rel=1e-7)
    with pytest.raises(UnknownNameError, match="unknown parameter 'q'"):
        run_model(system, [1.0], parameters={"q": 1.0})


def test_times_rise_from_the_start() -> None:
    system = read_sbml(to_sbml(TEXT))
    for times in ([2.0, 1.0], [-1.0]):
        with pytest.raises(InputError, match="times"):
            run_model(system, times)
    with pytest.raises(InputError, match="times"):
        run_model(system, [float("nan")])


def test_a_case_of_the_suite_is_run_from_its_files(case: tuple[Path, Path]) -> None:
    table = run_suite_case(*case)
    assert table.index.tolist() == [0, 0.5, 1, 1.5, 2]
    left = np.exp(-0.5 * table.index.to_numpy())
    np.testing.assert_allclose(table["S"], 6 * left, rtol=1e-6)  # an amount
    np.testing.assert_allclose(table["T"], 3 * (1 - left), rtol=1e-6, atol=1e-12)  # a concentration
    assert write_suite_case(*case).startswith("time,S,T\n0.0,6.0,0.0\n0.5,")


def test_an_antimony_file_is_run_as_well(case: tuple[Path, Path]) -> None:
    expected = write_suite_case(*case)
    case[0].write_text(TEXT, encoding="utf-8")
    assert write_suite_case(*case) == expected


def test_a_missing_file_and_a_model_that_cannot_go_on_are_named(
    case: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no such file"):
        run_suite_case(tmp_path / "none.xml", case[1])
    case[0].write_text(to_sbml("S = 1; S' = S^2; T = 1;"), encoding="utf-8")
    with pytest.raises(SimulationError, match="state 'S'"):
        run_suite_case(*case)


def test_what_is_not_supported_reaches_the_caller(case: tuple[Path, Path]) -> None:
    case[0].write_text(
        '<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"><model id="m"><listOfRules>'
        '<algebraicRule metaid="balance"><math xmlns="http://www.w3.org/1998/Math/MathML"><cn>0</cn></math></algebraicRule>'
        "</listOfRules></model></sbml>",
        encoding="utf-8",
    )
    with pytest.raises(UnsupportedError, match="not supported: algebraicRule 'balance'"):
        run_suite_case(*case)


def test_a_name_that_is_code_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "__import__ = 3; exec = 2; lambda := __import__*exec; eval' = lambda; eval = 0;"
    assert run_model(read_sbml(to_sbml(text)), [1.0])["eval"].tolist() == pytest.approx([6.0])
    assert list(tmp_path.iterdir()) == []


def _chain(length: int, link: Callable[[sympy.Symbol], sympy.Expr]) -> System:
    """Rules ``x0`` to ``x<length>``, each made from the next, and a state ``y`` that moves with the first."""
    names = [f"x{i}" for i in range(length + 1)]
    rules = [Assignment(id=name, expression=link(symbol(after))) for name, after in itertools.pairwise(names)]
    return System(
        id="chain",
        parameters=(Parameter(id=names[-1], value=1.0),),
        states=(State(id="y", rate=symbol("x0")),),
        start=(Assignment(id="y", expression=sympy.S.Zero),),
        rules=tuple(reversed(rules)),
    )


def test_a_long_chain_of_rules_runs() -> None:
    assert run_model(_chain(2000, lambda x: x + 1), [1.0])["y"].tolist() == pytest.approx([2001.0])


def test_rules_that_would_grow_exponentially_do_not() -> None:
    found = run_model(_chain(80, lambda x: x * sympy.cos(x)), [1.0])["y"].tolist()[0]
    expected = 1.0
    for _ in range(80):
        expected *= math.cos(expected)
    assert found == pytest.approx(expected, rel=1e-9)


def test_events_that_follow_each_other_ever_faster_end_in_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivocart.engine.events.MOST_IN_ALL", 100)
    system = read_sbml(to_sbml("x = 0; x' = 1; n = 0; restart: at (x > 1e-3): x = 0, n = n + 1;"))
    assert run_model(system, [0.05])["n"].tolist() == [49.0]
    with pytest.raises(SimulationError, match=r"event 'restart' at time 0\.1.*more than 100 events"):
        run_model(system, [1.0])
