"""How a card of NVIDIA is spoken to, with a driver that has no card in place of the real one."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vivocart.engine import nvidia
from vivocart.ground.errors import InputError

HERE = Path(__file__).parent
SOLVED = """
import json, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
import systems
import llvmlite.binding as llvm
from vivocart.engine import device_code, nvidia
from vivocart.engine.solve import compile_system, same_doses, solve
from vivocart.ground.errors import VivocartError

compiled = compile_system(systems.decay(), dosed=["x"])
if len(sys.argv) > 2:  # the shared object that stands for what a card is given
    _, module = device_code.write_device_module(compiled.program(), is_single=False)
    kind = {"features": llvm.get_host_cpu_features().flatten(), "reloc": "pic", "codemodel": "default"}
    target = llvm.Target.from_default_triple()
    machine = target.create_target_machine(cpu=llvm.get_host_cpu_name(), **kind)
    open(sys.argv[2], "wb").write(machine.emit_object(llvm.parse_assembly(module)))
    sys.exit()
try:
    device = nvidia.find_gpu()
except VivocartError as error:
    print(json.dumps({"error": str(error)}))
    sys.exit()
patients = np.linspace(0.1, 2, 300)[:, None] * [1.0, 0.2]
doses = same_doses(300, [(0.0, 0.0, 0, 4.0), (2.0, 0.5, 0, 1.0)])
times = np.linspace(0, 9, 7)
one, other = (solve(compiled, patients, times, doses=doses, device=d) for d in (None, device))
print(json.dumps({
    "name": device.name, "threads": device.threads,
    "same": bool(np.array_equal(one.values, other.values) and np.isfinite(one.values).all()),
}))
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A folder with a driver that pretends, and how to run a script with it."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("no C compiler on a Linux machine to build a driver with")
    if importlib.util.find_spec("cuda") is None:
        pytest.skip("cuda-bindings is not installed")
    folder = tmp_path_factory.mktemp("driver")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", folder / "libcuda.so.1", HERE / "pretend_driver.c", "-ldl"],
        check=True,
    )

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", SOLVED, str(HERE), *arguments],
            env=os.environ
            | {"LD_LIBRARY_PATH": str(folder), "PRETEND_CODE": str(folder / "code.so")}
            | environment,
            capture_output=True,
            text=True,
            check=True,
        )

    run(str(folder / "code.o"))
    # kernels call each other and not what else bears such names, as accept(2) does
    link = [compiler, "-shared", "-Wl,-Bsymbolic", "-o", folder / "code.so", folder / "code.o"]
    subprocess.run(link, check=True)
    return run


def test_a_card_is_found_filled_started_and_read(driver):
    """300 patients on one multiprocessor of 256 threads: two parts, each with memory of its own."""
    done = driver()
    assert json.loads(done.stdout) == {"name": "Pretender 7", "threads": 256, "same": True}
    assert done.stderr.count("all memory was given back") == 2


def test_no_card_and_an_old_one_are_refused_in_words(driver):
    assert "no graphics card" in json.loads(driver(PRETEND_NO_CARD="1").stdout)["error"]
    assert "compute capability 6.1" in json.loads(driver(PRETEND_OLD="1").stdout)["error"]


def test_code_that_the_driver_does_not_take_ends_in_words(driver):
    with pytest.raises(subprocess.CalledProcessError) as caught:
        driver(PRETEND_CODE="/nowhere.so")
    assert "the graphics card does not go on: CUDA_ERROR" in caught.value.stderr


def test_without_the_bindings_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.bindings.driver", None)
    with pytest.raises(InputError, match=r"vivocart\[gpu\]"):
        nvidia.find_gpu.__wrapped__()
