"""Object code on disk: found again, ignored when broken, done without when it cannot be written."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import sympy

sys.path.insert(0, str(Path(__file__).parent))
import systems

from vivocart.engine.batch import Kernels
from vivocart.engine.kernels import KERNELS
from vivocart.engine.solve import compile_system, solve
from vivocart.equations.system import Assignment, Parameter, State, System, symbol


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVOCART_CACHE_DIR", str(tmp_path / "kernels"))
    return tmp_path / "kernels"


def result(compiled):
    return solve(compiled, systems.typical(systems.robertson()), [0.0, 10.0]).values


def test_code_is_compiled_once_and_says_so(folder):
    told = []
    first = compile_system(systems.robertson(), on_compile=told.append)
    again = compile_system(systems.robertson(), on_compile=told.append)
    assert (first.from_cache, again.from_cache) == (False, True)
    assert len(told) == 1 and "robertson" in told[0]
    assert len(list(folder.iterdir())) == 1
    np.testing.assert_array_equal(result(first), result(again))


def test_another_model_has_other_code(folder):
    compile_system(systems.robertson())
    assert not compile_system(systems.hires()).from_cache
    assert not compile_system(systems.robertson(), dosed=["a"]).from_cache
    assert not compile_system(systems.robertson(), lanes=2).from_cache
    assert len(list(folder.iterdir())) == 4


def test_addresses_are_named_as_the_kernels_are():
    assert Kernels._fields == KERNELS


def test_the_order_of_terms_and_every_number_count(folder):
    x, k = symbol("x"), symbol("k")
    keys = {
        compile_system(
            System(
                id="one",
                parameters=(Parameter(id="k", value=1.0),),
                states=(State(id="x", rate=rate),),
                start=(Assignment(id="x", expression=sympy.Integer(1)),),
            )
        ).key
        for rate in (
            sympy.Add(x, k, evaluate=False),
            sympy.Add(k, x, evaluate=False),
            x + k * sympy.Float(0.1),
            x + k * sympy.Float(0.1 + 2**-56),
            x + k * 2,
            x + k * sympy.Float(2.0),
        )
    }
    assert len(keys) == 6


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"{}\nrest", None])
def test_a_broken_file_is_ignored_and_written_anew(folder, damage):
    expected = result(compile_system(systems.robertson()))
    (path,) = folder.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[:-7] if damage is None else damage)
    again = compile_system(systems.robertson())
    assert not again.from_cache
    np.testing.assert_array_equal(result(again), expected)
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("VIVOCART_CACHE_DIR", str(blocked / "kernels"))
    compiled = compile_system(systems.robertson())
    assert not compiled.from_cache
    assert np.isfinite(result(compiled)).all()


def test_what_is_worked_out_once_has_other_code_than_what_is_worked_out_always(folder):
    """``c = 2*S`` at the start and ``c := 2*S`` at all times are the same expression under the same name."""
    s, c = symbol("S"), symbol("c")
    states = (State(id="S", rate=-s), State(id="X", rate=c))
    start = (Assignment(id="S", expression=sympy.Integer(1)), Assignment(id="X", expression=sympy.Integer(0)))
    twice = Assignment(id="c", expression=2 * s)
    once = compile_system(System(id="m", parameters=(), states=states, start=(*start, twice)))
    always = compile_system(System(id="m", parameters=(), states=states, start=start, rules=(twice,)))
    assert once.key != always.key
    found = [solve(made, np.zeros((1, 0)), [1.0]).values[0, 0, 1] for made in (once, always)]
    np.testing.assert_allclose(found, [2.0, 2 - 2 * np.exp(-1.0)], rtol=1e-5)
