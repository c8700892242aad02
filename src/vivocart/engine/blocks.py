"""Parts that all kernels are written with: functions, loops over rows, and nodes of a program read from a workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from vivocart.engine.assembly import Code, Emitter
from vivocart.engine.graph import MODE, STATE, TIME_NODE
from vivocart.engine.layout import Layout
from vivocart.engine.program import Program

LENGTH_OF_DOUBLE = 8


def function(name: str, arguments: str, code: Code, linkage: str = "") -> str:
    """The definition of a function that gives nothing back."""
    body = "\n".join(code.lines)
    return (
        f"define {linkage} void @{name}({arguments}) nounwind noinline {{\nentry:\n{body}\n  ret void\n}}\n"
    )


def loop(code: Code, count: int, body: Callable[[str], None]) -> None:
    """Runs a body for row numbers 0 to count - 1."""

    def without_sums(row: str, _: list[str]) -> list[str]:
        body(row)
        return []

    summing_loop(code, count, 0, without_sums)


def summing_loop(code: Code, count: int, sums: int, body: Callable[[str, list[str]], list[str]]) -> list[str]:
    """Runs a body for row numbers 0 to count - 1 with sums that it carries on; gives the sums."""
    zero = code.number(0.0)
    if count == 0:
        return [zero] * sums
    code.count += 1
    tag, before = code.count, code.block
    label = f"loop{tag}"
    carried = [f"%sum{tag}x{s}" for s in range(sums)]
    place = len(code.lines)
    results = body(f"%row{tag}", carried)
    head = [
        f"  br label %{label}",
        f"{label}:",
        f"  %row{tag} = phi i64 [ 0, %{before} ], [ %next{tag}, %{label} ]",
    ]
    head += [
        f"  {name} = phi {code.vector} [ {zero}, %{before} ], [ {result}, %{label} ]"
        for name, result in zip(carried, results, strict=True)
    ]
    code.lines[place:place] = head
    code.do(f"%next{tag} = add i64 %row{tag}, 1")
    code.do(f"%go{tag} = icmp ult i64 %next{tag}, {count}")
    code.do(f"br i1 %go{tag}, label %{label}, label %after{tag}")
    code.lines.append(f"after{tag}:")
    code.block = f"after{tag}"
    return results


def single_rows(code: Code, layout: Layout) -> str:
    """Where the step's own rows are counted from, ``%w`` being the workspace."""
    if not layout.is_single:
        return "%w"
    length = layout.stride * LENGTH_OF_DOUBLE
    rows = code.emit(f"getelementptr inbounds i8, ptr %w, i64 {layout.singles * length}")
    if layout.stride == layout.lanes:
        return rows
    # one patient's numbers of 32 bits lie half as far into their rows as its doubles; workspaces start at whole rows
    place = code.emit("ptrtoint ptr %w to i64")
    place = code.emit(f"and i64 {place}, {length - 1}")
    back = code.emit(f"sub i64 0, {code.emit(f'lshr i64 {place}, 1')}")
    return code.emit(f"getelementptr inbounds i8, ptr {rows}, i64 {back}")


def emitter(
    program: Program,
    code: Code,
    roots: Sequence[int],
    constants: Callable[[int], str],
    state: Callable[[int], str],
    mode: Callable[[int], str],
    time: str,
    *,
    forgiving: bool,
) -> Emitter:
    """An emitter whose leaves are loaded from the workspace as they are needed, by row of each kind."""
    graph = program.graph
    leaves: dict[int, str] = {}
    sources: dict[int, Callable[[], str]] = {}
    constant_row = {node: i for i, node in enumerate(program.constants)}
    stack, seen = list(roots), set[int]()
    needed: list[int] = []
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in constant_row or graph.nodes[node].operation in (STATE, TIME_NODE, MODE):
            needed.append(node)
        else:
            stack.extend(graph.nodes[node].inputs)
    for node in sorted(needed):
        entry = graph.nodes[node]
        if node in constant_row:
            sources[node] = partial(constants, constant_row[node])
        elif entry.operation == STATE:
            sources[node] = partial(state, int(entry.value))
        elif entry.operation == TIME_NODE:
            leaves[node] = time
        else:
            leaves[node] = mode(int(entry.value))
    return Emitter(graph, code, list(roots), leaves, forgiving=forgiving, sources=sources)
