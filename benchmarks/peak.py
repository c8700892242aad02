"""Share of the vector units' peak that the kernels reach: operations counted in the generated program over measured time."""

from __future__ import annotations

import ctypes
import json
import re
import time
from collections import Counter

import numpy as np
from problems import Problem, load_problems, output_times

from vivocart.engine.kernels import plan, write_module
from vivocart.engine.machine import compile_object, load_object, vector_lanes
from vivocart.engine.program import build_program, states_that_stay_zero
from vivocart.engine.solve import compile_system, same_doses, solve

_COSTS = {"fadd": 1, "fsub": 1, "fmul": 1, "fdiv": 1, "llvm.fma": 2, "llvm.sqrt": 1}
_KINDS = (*_COSTS, "load", "store")
_CHAINS = 12
_TURNS = 200_000


_OFTEN = """
define void @often(i64 %address, i64 %place, i64 %count) {
entry:
  %kernel = inttoptr i64 %address to ptr
  %w = inttoptr i64 %place to ptr
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  call void %kernel(ptr %w)
  %next = add i64 %i, 1
  %go = icmp ult i64 %next, %count
  br i1 %go, label %loop, label %end
end:
  ret void
}
"""
_LOADED = load_object(compile_object(_OFTEN), ("often",))
_call_often = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(_LOADED.addresses[0])


def peak_gigaflops(lanes: int, element: str = "double") -> float:
    """Operations a second of fused multiply-adds on independent registers, in 10*9."""
    vector, bits = f"<{lanes} x {element}>", 64 if element == "double" else 32
    half = f"{vector} <{', '.join([f'{element} 5.000000e-01'] * lanes)}>"
    lines = [
        f"declare {vector} @llvm.fma.v{lanes}f{bits}({vector}, {vector}, {vector})",
        "define void @peak(ptr %w) {",
        "entry:",
    ]
    lines += [f"  %start = load {vector}, ptr %w, align 8", "  br label %loop", "loop:"]
    lines += ["  %i = phi i64 [ 0, %entry ], [ %next, %loop ]"]
    lines += [f"  %a{k} = phi {vector} [ %start, %entry ], [ %b{k}, %loop ]" for k in range(_CHAINS)]
    call = f"call {vector} @llvm.fma.v{lanes}f{bits}"
    lines += [f"  %b{k} = {call}({vector} %a{k}, {half}, {vector} %start)" for k in range(_CHAINS)]
    lines += [
        "  %next = add i64 %i, 1",
        f"  %go = icmp ult i64 %next, {_TURNS}",
        "  br i1 %go, label %loop, label %end",
        "end:",
    ]
    total = "%b0"
    for k in range(1, _CHAINS):
        lines.append(f"  %s{k} = fadd {vector} {total}, %b{k}")
        total = f"%s{k}"
    lines += [f"  store {vector} {total}, ptr %w, align 8", "  ret void", "}"]
    loaded = load_object(compile_object("\n".join(lines)), ("peak",))
    w = np.ones(lanes)
    return _CHAINS * _TURNS * 2 * lanes / _least(loaded.addresses[0], w.ctypes.data, 1) / 1e9


def _least(address: int, place: int, count: int) -> float:
    """Seconds of one call, least of several runs."""
    _call_often(address, place, 1)
    best = np.inf
    for _ in range(15):
        began = time.process_time()
        _call_often(address, place, count)
        best = min(best, time.process_time() - began)
    return best / count


def operations(text: str) -> dict[str, Counter[str]]:
    """Instructions by kind in a call of each function, loops and calls multiplied out."""
    bodies = {}
    for part in re.split(r"(?=^define )", text, flags=re.M):
        found = re.match(r"define [^@]*@(\w+)\(", part)
        if found:
            bodies[found[1]] = part
    counted: dict[str, Counter[str]] = {}

    def count(name: str) -> Counter[str]:
        if name not in counted:
            counted[name] = total = Counter()
            for block in re.split(r"(?=^\w+:$)", bodies[name], flags=re.M):
                turns = re.search(r"icmp ult i64 %next\w*, (\d+)", block)
                own = Counter({op: len(re.findall(rf"[ @]{re.escape(op)}\b", block)) for op in _KINDS})
                for callee in re.findall(r"call [^@]*@(\w+)\(", block):
                    own += count(callee) if callee in bodies else Counter()
                times = int(turns[1]) if turns else 1
                total.update({op: times * number for op, number in own.items()})
        return counted[name]

    for name in bodies:
        count(name)
    return counted


def of_problem(problem: Problem, peak: float, precision: str) -> dict:
    """Operations a step, seconds a step in the kernel and in all, and the shares of the peak in that precision."""
    is_single, system = precision == "single", problem.system
    lanes = vector_lanes() * (2 if is_single else 1)
    absent = states_that_stay_zero(system, (problem.dosed,))
    program = build_program(system, tuple(problem.observables.values()), (problem.dosed,), (), (), absent)
    counts = operations(write_module(program, plan(program, lanes, is_single=is_single)))["step"]
    flops = sum(cost * counts[op] for op, cost in _COSTS.items())
    instructions = sum(counts[op] for op in _COSTS)
    compiled = compile_system(
        system, observables=problem.observables, dosed=(problem.dosed,), precision=precision
    )
    n, place = 1000, system.state_ids.index(problem.dosed)
    doses = same_doses(n, [(start, length, place, amount) for start, length, amount in problem.doses])
    best = np.inf
    for _ in range(4):
        began = time.process_time()
        found = solve(
            compiled, problem.patients[:n], output_times(), doses=doses, rtol=1e-5, atol=1e-8, threads=1
        )
        best = min(best, time.process_time() - began)
    in_kernel = _least(compiled.kernels.step, _workspace(compiled, problem).ctypes.data, 2000)
    whole = best / (found.steps.sum() / lanes)
    return {
        "precision": precision,
        "lanes": lanes,
        "states_integrated": compiled.layout.n_states,
        "steps_per_patient": float(found.steps.mean()),
        "operations_per_step": flops,
        "arithmetic_instructions_per_step": instructions,
        "divisions_per_step": counts["fdiv"],
        "loads_per_step": counts["load"],
        "share_of_peak_if_every_instruction_were_free_to_start": flops / (2 * instructions),
        "microseconds_step_kernel": in_kernel * 1e6,
        "microseconds_step_in_all": whole * 1e6,
        "kernel_gigaflops": flops * lanes / in_kernel / 1e9,
        "kernel_share_of_peak": flops * lanes / in_kernel / 1e9 / peak,
        "whole_share_of_peak": flops * lanes / whole / 1e9 / peak,
        "share_outside_step_kernel": 1.0 - in_kernel / whole,
    }


def _workspace(compiled: object, problem: Problem) -> np.ndarray:
    """A workspace in which every lane has a patient at its start."""
    at = compiled.layout
    raw = np.zeros((at.rows + 8) * at.lanes)
    skip = (-raw.ctypes.data % 64) // 8
    w = raw[skip : skip + at.rows * at.lanes].reshape(at.rows, at.lanes)
    given = problem.patients.shape[1]
    w[at.parameters : at.parameters + given] = problem.patients[: at.lanes].T
    w[at.absolute : at.absolute + at.n_states] = 1e-8
    _call_often(compiled.kernels.start, w.ctypes.data, 1)
    w[at.y : at.y + at.n_states] = w[at.u : at.u + at.n_states]
    w[at.step], w[at.relative] = 0.01, 1e-5
    return w


def main() -> None:
    lanes = vector_lanes()
    peaks = {"double": peak_gigaflops(lanes), "single": peak_gigaflops(2 * lanes, "float")}
    found = {
        f"{problem.id}, {precision}": of_problem(problem, peak, precision)
        for problem in load_problems()
        for precision, peak in peaks.items()
    }
    print(
        json.dumps(
            {
                "peak_gigaflops_one_core": peaks["double"],
                "peak_gigaflops_one_core_single": peaks["single"],
                "problems": found,
            }
        )
    )


if __name__ == "__main__":
    main()
