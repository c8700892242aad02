"""Patients on a graphics card, played by the processor: the module, the order of memory, the rounds and the transfers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy

sys.path.insert(0, str(Path(__file__).parent))
import systems
from stand_in import StandIn
from synthetic import synthetic_patients, synthetic_system

from vivocart.engine import device_code, nvidia
from vivocart.engine.solve import compile_system, same_doses, solve
from vivocart.equations.system import TIME, symbol
from vivocart.equations.triggers import Trigger
from vivocart.ground.errors import InputError, UnsupportedError

N = 70  # more than two warps and than the stand-in runs at once


def same(found, expected) -> None:
    for name in ("values", "status", "steps", "doses_given", "dose_times"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.failures == expected.failures


@pytest.mark.parametrize(("precision", "tolerance"), [("double", 1e-6), ("single", 1e-4)])
def test_results_are_the_same_bits_as_on_the_processor(precision, tolerance):
    """Doses, output times, triggered doses in rounds; 70 patients go in two parts of different size."""
    system = synthetic_system()
    trigger = Trigger(
        id="rescue",
        condition=symbol("il6") > 4,
        state="antibody",
        amount=symbol("volume") * 2,
        duration=0.1,
        max_count=2,
        min_spacing=3.0,
    )
    compiled = compile_system(
        system, dosed=["drug", "antibody"], triggers=[trigger], precision=precision, lanes=None
    )
    place = system.state_ids.index("drug")
    doses = same_doses(N, [(0.0, 0.05, place, 6.0), (3.0, 0.0, place, 4.0)])
    given = synthetic_patients(N), np.linspace(0, 30, 41)
    expected = solve(compiled, *given, doses=doses, rtol=tolerance)
    assert expected.doses_given.any()
    device, told = StandIn(), list[tuple[int, int]]()
    found = solve(
        compiled, *given, doses=doses, rtol=tolerance, device=device, on_progress=lambda *a: told.append(a)
    )
    same(found, expected)
    assert {patients for patients, _ in device.launches} == {40, 30}
    assert told == [(40, N), (N, N)]
    assert not device.kept


def test_relations_in_rates_and_bits_of_time():
    """Modes held over a step, crossings, and ends of steps at relations of time, each patient in a thread of its own."""
    x, a = symbol("x"), symbol("a")
    rate = sympy.Piecewise((1, x < a), (sympy.Rational(1, 10), True)) * sympy.Piecewise(
        (0, TIME < 2), (1, True)
    )
    system = systems.make_system({"x": rate}, {"x": 0}, {"a": 1.0})
    patients, times = np.linspace(0.5, 1.5, 33)[:, None], np.linspace(0, 5, 11)
    for precision in ("double", "single"):
        compiled = compile_system(system, precision=precision)
        same(
            solve(compiled, patients, times, rtol=1e-5, device=StandIn()),
            solve(compiled, patients, times, rtol=1e-5),
        )


def test_a_patient_that_fails_is_reported_and_disturbs_nobody():
    system = systems.make_system({"x": "k*x**2", "y": "-y"}, {"x": 1, "y": 1}, {"k": 0.1})
    times, rates = np.linspace(0, 5, 11), np.full((9, 1), 0.1)
    rates[4] = 0.45
    for precision in ("double", "single"):  # in single it is integrated again on the processor, in double
        compiled = compile_system(system, precision=precision)
        found = solve(compiled, rates, times, rtol=1e-4, device=StandIn())
        same(found, solve(compiled, rates, times, rtol=1e-4))
        assert [failure.patient for failure in found.failures] == [4]


def test_little_memory_means_smaller_parts():
    compiled = compile_system(systems.decay(), dosed=["x"])
    patients, times = np.linspace(0.1, 2, 10)[:, None] * [1.0, 0.2], np.linspace(0, 9, 7)
    doses = same_doses(10, [(0.0, 0.0, 0, 4.0)])
    expected = solve(compiled, patients, times, doses=doses)
    for memory, launches in ((0, [1] * 10), (8_000, None)):
        device = StandIn(memory=memory)
        same(solve(compiled, patients, times, doses=doses, device=device), expected)
        sizes = [n for n, _ in device.launches]
        assert sum(sizes) == 10
        assert sizes == launches if launches else 1 < max(sizes) < 10


def test_memory_goes_back_when_a_launch_goes_wrong():
    class Broken(StandIn):
        def launch(self, function, threads, arguments):
            raise InputError("no")

    device = Broken()
    with pytest.raises(InputError):
        solve(compile_system(systems.decay()), [[1.0, 0.2]], [0.0, 1.0], device=device)
    assert not device.kept


def test_a_function_that_a_card_does_not_have_is_named():
    system = systems.make_system({"x": "tanh(x) - x"}, {"x": 1}, {"unused": 0.0})
    compiled = compile_system(system)
    with pytest.raises(UnsupportedError, match="tanh"):
        solve(compiled, [[0.0]], [0.0, 1.0], device=StandIn())


def test_code_for_a_card_is_made_once_a_machine(monkeypatch):
    compiled = compile_system(systems.make_system({"x": "-3*k*x"}, {"x": 1}, {"k": 1.0}))
    solve(compiled, [[1.0]], [0.0, 1.0], device=StandIn())
    monkeypatch.setattr(StandIn, "assemble", None)
    found = solve(compiled, [[1.0]], [0.0, 1.0], rtol=1e-9, device=StandIn())
    assert found.values[0, 1, 0] == pytest.approx(np.exp(-3.0), rel=1e-7)


def test_assembly_for_cards_rounds_every_operation_to_nearest():
    """So that a card gives the bits of a processor: nothing fused that is not written so, nothing approximate."""
    compiled = compile_system(synthetic_system(), dosed=["drug"], precision="single")
    _, module = device_code.write_device_module(compiled.program(), is_single=True)
    text = device_code.assemble(module).decode()
    assert ".entry all_run_block" in text
    assert ".entry all_truth_block" in text
    arithmetic = [
        word
        for line in text.splitlines()
        for word in line.split()[:1]
        if word.split(".")[0] in {"add", "sub", "mul", "div", "fma", "mad", "rcp", "sqrt", "ex2", "lg2"}
        and word.endswith(("f32", "f64"))
    ]
    assert len(arithmetic) > 500
    assert {word.split(".")[1] for word in arithmetic} == {"rn"}
    assert not any("ftz" in word or "approx" in word for word in arithmetic)


def test_the_assembler_of_cards_takes_it(tmp_path):
    if shutil.which("ptxas") is None:
        pytest.skip("ptxas, NVIDIA's assembler, is not on this machine")
    compiled = compile_system(systems.decay(), dosed=["x"])
    _, module = device_code.write_device_module(compiled.program(), is_single=False)
    (tmp_path / "code.ptx").write_bytes(device_code.assemble(module))
    for card in ("sm_75", "sm_90"):
        subprocess.run(
            ["ptxas", f"-arch={card}", "code.ptx", "-o", f"{card}.cubin"],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )


def test_on_a_card():
    """The same bits on the graphics card of this machine, where there is one."""
    try:
        device = nvidia.find_gpu()
    except InputError as reason:
        pytest.skip(f"no graphics card: {reason}")
    compiled = compile_system(synthetic_system(), dosed=["drug", "antibody"])
    doses = same_doses(N, [(0.0, 0.05, 0, 6.0)])
    given = synthetic_patients(N), np.linspace(0, 30, 41)
    expected = solve(compiled, *given, doses=doses)
    found = solve(compiled, *given, doses=doses, device=device)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-6, atol=1e-12)
