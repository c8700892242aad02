"""The kernels of one system and the loop around them as one module for a graphics card.

The text is that of a processor's kernels with one patient a lane and thread. Numbers of the 32 patients of a warp lie side
by side in memory, so that its threads read one stretch of it at a time.
"""

from __future__ import annotations

from pathlib import Path

import llvmlite.binding as llvm

from vivocart.engine import loops
from vivocart.engine.assembly import FENCE, LIBM, SYMBOL_PREFIX
from vivocart.engine.control import ROWS
from vivocart.engine.layout import Layout
from vivocart.engine.machine import improve
from vivocart.engine.program import Program
from vivocart.ground.errors import UnsupportedError

WARP = 32
"""Threads of a graphics card that run in step."""
BLOCKS = ("run_block", "truth_block")
"""Loops that a card runs."""
_TRIPLE = "nvptx64-nvidia-cuda"
# of 2018; drivers of later cards take it too, and nothing newer would be used
_CARD, _LANGUAGE = "sm_75", "+ptx70"


def write_device_module(program: Program, *, is_single: bool) -> tuple[Layout, str]:
    """Layout of a workspace, and the text of a module whose ``thread_of_...`` does the work of one thread of a card.

    It asks nothing of a card: a processor runs it thread by thread, to the same bits.

    Raises
    ------
    UnsupportedError
        A function that a processor takes from its system's library, such as ``tanh``.
    """
    from vivocart.engine.kernels import plan, write_module  # late: most processes have no card

    layout = plan(program, 1, is_single=is_single, stride=WARP)
    kernels = write_module(program, layout).replace(FENCE, "")  # for a processor's compiler only
    for name, symbol in LIBM.items():
        if f"call double @{SYMBOL_PREFIX}{symbol}(" in kernels:
            raise UnsupportedError("function on a graphics card", name)
    folder = Path(__file__).parent
    text = (folder / "control.py").read_text(encoding="utf-8")
    control = loops.translate(text, loops.record_fields(), WARP, BLOCKS, beside_kernels=True)
    return layout, "\n".join([kernels, control, *(_thread(name, layout) for name in BLOCKS)])


def _thread(name: str, layout: Layout) -> str:
    """What thread number ``%t`` does: the patient of that number, in its own column of the workspaces."""
    return f"""
define void @thread_of_{name}(i64 %m, i64 %w, i64 %v, i64 %given, i64 %n, i64 %t) nounwind {{
entry:
  %some = icmp slt i64 %t, %n
  br i1 %some, label %work, label %done
work:
  %last = add i64 %t, 1
  %warp = lshr i64 %t, {WARP.bit_length() - 1}
  %lane = and i64 %t, {WARP - 1}
  %rows = mul i64 %warp, {layout.rows * WARP}
  %column = add i64 %rows, %lane
  %bytes = shl i64 %column, 3
  %workspace = add i64 %w, %bytes
  %wholes = mul i64 %warp, {ROWS * WARP}
  %own = add i64 %wholes, %lane
  %counts = shl i64 %own, 3
  %whole = add i64 %v, %counts
  %pm = inttoptr i64 %m to ptr
  %pw = inttoptr i64 %workspace to ptr
  %pv = inttoptr i64 %whole to ptr
  call void @{name}(ptr %pm, ptr %pw, ptr %pv, i64 %given, i64 %t, i64 %last)
  br label %done
done:
  ret void
}}
"""


def target() -> str:
    """What :func:`assemble` writes for, and by which version of LLVM."""
    return f"{_CARD} {_LANGUAGE} llvm {'.'.join(map(str, llvm.llvm_version_info))}"


def assemble(module: str) -> bytes:
    """The module as the driver of any card of NVIDIA takes it (PTX), with functions that all threads start at once."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(_TRIPLE).create_target_machine(cpu=_CARD, features=_LANGUAGE, opt=3)
    parsed = llvm.parse_assembly("\n".join([module, *_entries()]))
    parsed.triple, parsed.data_layout = _TRIPLE, str(machine.target_data)
    parsed.verify()
    improve(parsed, machine)
    return machine.emit_assembly(parsed).encode()


def _entries() -> list[str]:
    """The functions that a card starts in every thread at once."""
    parts = [f"declare i32 @llvm.nvvm.read.ptx.sreg.{name}.x()" for name in ("ctaid", "ntid", "tid")]
    for name in BLOCKS:
        parts.append(f"""
define ptx_kernel void @all_{name}(i64 %m, i64 %w, i64 %v, i64 %given, i64 %n) {{
  %block = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %size = call i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
  %place = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %before = mul i32 %block, %size
  %thread = add i32 %before, %place
  %t = zext i32 %thread to i64
  call void @thread_of_{name}(i64 %m, i64 %w, i64 %v, i64 %given, i64 %n, i64 %t)
  ret void
}}
""")
    return parts
