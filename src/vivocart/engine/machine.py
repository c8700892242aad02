"""From LLVM assembly to addresses of functions in this process."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any, final

import llvmlite
import llvmlite.binding as llvm

from vivocart.engine.assembly import LIBM, SYMBOL_PREFIX


@cache
def _target() -> Any:
    """The machine this process runs on, ready to compile for."""
    with contextlib.suppress(RuntimeError, AttributeError):  # newer versions start by themselves and say so
        llvm.initialize()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    library = ctypes.util.find_library("m")
    functions = (
        ctypes.CDLL(library)
        if library
        else ctypes.cdll.msvcrt
        if sys.platform == "win32"
        else ctypes.CDLL(None)
    )
    for name in LIBM.values():
        address = ctypes.cast(getattr(functions, name), ctypes.c_void_p).value
        llvm.add_symbol(SYMBOL_PREFIX + name, address)
    return llvm.Target.from_default_triple()


def _machine(effort: int = 3) -> Any:
    features = llvm.get_host_cpu_features().flatten()
    return _target().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=effort, jit=True
    )


def describe_machine() -> str:
    """What object code depends on besides the model: processor, its features, LLVM and llvmlite."""
    features = ",".join(sorted(llvm.get_host_cpu_features().flatten().split(",")))
    version = ".".join(str(part) for part in llvm.llvm_version_info)
    return f"{llvm.get_host_cpu_name()} {features} llvm {version} llvmlite {llvmlite.__version__}"


def vector_lanes() -> int:
    """Patients a register of this machine holds, at least 2."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 8
    return 4 if features.get("avx2") or features.get("avx") else 2


def compile_object(text: str, *, optimize: bool = True) -> bytes:
    """Object code of a module; not optimized, it is there in a third of the time, with the same results."""
    machine = _machine(3 if optimize else 0)
    module = llvm.parse_assembly(text)
    module.verify()
    if optimize:
        improve(module, machine)
    return machine.emit_object(module)


def improve(module: Any, machine: Any) -> None:
    """Runs LLVM's optimizations on a parsed module, for the machine it is to run on."""
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    # lanes are vectors already; what LLVM's vectorizer and unroller would add is compile time
    options.loop_vectorization = False
    options.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Functions of one object file; alive as long as this is."""

    addresses: tuple[int, ...]
    owner: tuple[Any, ...]


def load_object(code: bytes, names: tuple[str, ...]) -> Loaded:
    """Addresses of functions in object code."""
    machine = _machine()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return Loaded(
        addresses=tuple(engine.get_function_address(name) for name in names), owner=(engine, machine)
    )
