"""LLVM assembly for straight-line arithmetic on vectors of patients.

No fast-math flag is ever set and a fused multiply-add is only there where it is written, so that a lane's result does not
depend on how many lanes there are.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import final

from vivocart.engine.graph import Graph
from vivocart.ground.errors import UnsupportedError

_FRESH = 12  # instructions after which loaded numbers are loaded again
LIBM = {  # functions that run lane by lane in the system's mathematics library
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "asin": "asin",
    "acos": "acos",
    "atan": "atan",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "asinh": "asinh",
    "acosh": "acosh",
    "atanh": "atanh",
    "gamma": "tgamma",
    "log_gamma": "lgamma",
    "erf": "erf",
    "atan2": "atan2",
}
SYMBOL_PREFIX = "vivocart_libm_"
FENCE = 'fence syncscope("singlethread") acq_rel'
MOST_ALIGNED = 64  # bytes at whose multiples a workspace starts
SMALLEST_SINGLE, LARGEST_SINGLE = 2.0**-126, 2.0**128 - 2.0**104  # with all 24 bits


def double(value: float) -> str:
    """A number as LLVM writes it without loss."""
    return f"0x{struct.unpack('>Q', struct.pack('>d', float(value)))[0]:016X}"


def representable(value: float) -> float:
    """The nearest number of 32 bits; not a number where there is none of that size with all 24 digits."""
    if value == 0.0 or not math.isfinite(value):
        return value
    if not SMALLEST_SINGLE <= abs(value) <= LARGEST_SINGLE:
        return math.nan
    return struct.unpack("<f", struct.pack("<f", value))[0]


@final
@dataclass(slots=True)
class Code:
    """The body of one function under construction, on vectors of ``lanes`` numbers.

    ``element`` is ``double`` or ``float``. A row in memory has ``stride`` numbers, of which ``lanes`` are read or written.
    ``wide`` shares the body and works on doubles; of a body in double it is the body itself.
    """

    lanes: int
    element: str = "double"
    stride: int = 0  # as many as lanes if not given
    lines: list[str] = field(default_factory=list[str])
    count: int = 0
    block: str = "entry"
    prefix: str = "v"
    wide: Code = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Makes the part that works on doubles."""
        self.stride = self.stride or self.lanes
        self.wide = self
        if self.is_single:
            self.wide = Code(self.lanes, "double", self.stride, self.lines, prefix="w")

    @property
    def is_single(self) -> bool:
        """Whether numbers have 32 bits."""
        return self.element == "float"

    @property
    def vector(self) -> str:
        """Name of the vector type."""
        return f"<{self.lanes} x {self.element}>"

    @property
    def row(self) -> str:
        """Name of the type of a row in memory."""
        return f"<{self.stride} x {self.element}>"

    @property
    def bits(self) -> str:
        """Name of the type of a vector of truth values."""
        return f"<{self.lanes} x i1>"

    @property
    def integer_type(self) -> str:
        """Name of the integer type of an element's size."""
        return "i32" if self.is_single else "i64"

    @property
    def integers(self) -> str:
        """Name of the type of a vector of such integers."""
        return f"<{self.lanes} x {self.integer_type}>"

    @property
    def size(self) -> int:
        """Bytes of an element."""
        return 4 if self.is_single else 8

    @property
    def alignment(self) -> int:
        """Bytes at whose multiples vectors lie in memory."""
        return min(self.size * self.lanes, MOST_ALIGNED)

    def name(self) -> str:
        """A fresh name."""
        self.count += 1
        return f"%{self.prefix}{self.count}"

    def emit(self, text: str) -> str:
        """One instruction with a result."""
        name = self.name()
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """One instruction without a result."""
        self.lines.append(f"  {text}")

    def number(self, value: float) -> str:
        """A constant in every lane; one that a single cannot hold is not a number there."""
        held = representable(value) if self.is_single else value
        return "<" + ", ".join([f"{self.element} {double(held)}"] * self.lanes) + ">"

    def integer(self, value: int) -> str:
        """A whole constant in every lane."""
        return "<" + ", ".join([f"{self.integer_type} {value}"] * self.lanes) + ">"

    def binary(self, operation: str, a: str, b: str) -> str:
        """``fadd``, ``fsub``, ``fmul`` or ``fdiv``."""
        return self.emit(f"{operation} {self.vector} {a}, {b}")

    def add(self, a: str, b: str) -> str:
        """Sum."""
        return self.binary("fadd", a, b)

    def sub(self, a: str, b: str) -> str:
        """Difference."""
        return self.binary("fsub", a, b)

    def mul(self, a: str, b: str) -> str:
        """Product."""
        return self.binary("fmul", a, b)

    def div(self, a: str, b: str) -> str:
        """Quotient."""
        return self.binary("fdiv", a, b)

    def guarded_div(self, a: str, b: str) -> str:
        """Quotient; in single precision not a number where b is infinite: there it is only too large to be held."""
        quotient = self.div(a, b)
        return self.fma(b, self.number(0.0), quotient) if self.is_single else quotient

    def neg(self, a: str) -> str:
        """Minus."""
        return self.emit(f"fneg {self.vector} {a}")

    def intrinsic(self, name: str, *values: str) -> str:
        """A vector function that LLVM knows: ``fma``, ``sqrt``, ``floor``, ``ceil``, ``roundeven``, ``fabs``."""
        inputs = ", ".join(f"{self.vector} {v}" for v in values)
        return self.emit(f"call {self.vector} @llvm.{name}.v{self.lanes}f{8 * self.size}({inputs})")

    def fma(self, a: str, b: str, c: str) -> str:
        """The sum a·b + c, rounded once."""
        return self.intrinsic("fma", a, b, c)

    def compare(self, predicate: str, a: str, b: str) -> str:
        """Truth of a relation, lane by lane."""
        return self.emit(f"fcmp {predicate} {self.vector} {a}, {b}")

    def choose(self, condition: str, a: str, b: str) -> str:
        """The value a where the condition holds, else b."""
        return self.emit(f"select {self.bits} {condition}, {self.vector} {a}, {self.vector} {b}")

    def larger(self, a: str, b: str) -> str:
        """The value a where it is larger, else b."""
        return self.choose(self.compare("ogt", a, b), a, b)

    def smaller(self, a: str, b: str) -> str:
        """The value a where it is smaller, else b."""
        return self.choose(self.compare("olt", a, b), a, b)

    def logic(self, operation: str, a: str, b: str) -> str:
        """``and``, ``or`` or ``xor`` of truth values."""
        return self.emit(f"{operation} {self.bits} {a}, {b}")

    def whole(self, operation: str, a: str, b: str) -> str:
        """Integer arithmetic."""
        return self.emit(f"{operation} {self.integers} {a}, {b}")

    def as_integers(self, a: str) -> str:
        """The same bits as integers."""
        return self.emit(f"bitcast {self.vector} {a} to {self.integers}")

    def as_numbers(self, a: str) -> str:
        """The same bits as numbers."""
        return self.emit(f"bitcast {self.integers} {a} to {self.vector}")

    def narrowed(self, a: str) -> str:
        """A vector of doubles in the precision of this body."""
        return self.emit(f"fptrunc {self.wide.vector} {a} to {self.vector}") if self.is_single else a

    def widened(self, a: str) -> str:
        """A vector of this body's precision in double."""
        return self.wide.emit(f"fpext {self.vector} {a} to {self.wide.vector}") if self.is_single else a

    def address(self, base: str, row: int | str) -> str:
        """Where a row of the workspace starts."""
        return self.emit(f"getelementptr inbounds {self.row}, ptr {base}, i64 {row}")

    def load(self, base: str, row: int | str) -> str:
        """A row of the workspace."""
        return self.emit(f"load {self.vector}, ptr {self.address(base, row)}, align {self.alignment}")

    def store(self, base: str, row: int | str, value: str) -> None:
        """Writes a row of the workspace."""
        self.do(f"store {self.vector} {value}, ptr {self.address(base, row)}, align {self.alignment}")

    def store_bits(self, base: str, row: int | str, truth: str) -> str:
        """Writes truth values as the lowest bits of a row's first 64, and gives them."""
        kind = f"i{self.lanes}"
        bits = self.emit(f"bitcast {self.bits} {truth} to {kind}")
        bits = self.emit(f"zext {kind} {bits} to i64")
        self.do(f"store i64 {bits}, ptr {self.address(base, row)}, align 8")
        return bits

    def part(self) -> None:
        """No instruction, but LLVM joins no reads and writes on its two sides."""
        self.do(FENCE)

    def call(self, name: str, *values: str) -> str:
        """One of our own vector functions."""
        inputs = ", ".join(f"{self.vector} {v}" for v in values)
        return self.emit(f"call {self.vector} @{name}({inputs})")

    def each_lane(self, name: str, *values: str) -> str:
        """A function of the mathematics library, lane by lane and in double."""
        result, wide = "poison", self.wide
        inputs = [self.widened(v) for v in values]
        for lane in range(self.lanes):
            parts = [wide.emit(f"extractelement {wide.vector} {v}, i32 {lane}") for v in inputs]
            given = ", ".join(f"double {p}" for p in parts)
            value = wide.emit(f"call double @{SYMBOL_PREFIX}{LIBM[name]}({given})")
            result = wide.emit(f"insertelement {wide.vector} {result}, double {value}, i32 {lane}")
        return self.narrowed(result)


_COMPARE = {"lt": "olt", "le": "ole", "eq": "oeq", "ne": "une"}
_INTRINSICS = {"sqrt": "sqrt", "abs": "fabs", "floor": "floor", "ceiling": "ceil"}


@final
@dataclass(slots=True)
class Emitter:
    """Writes nodes of a graph into a function, each once.

    ``leaves`` gives the values of nodes that are at hand, ``sources`` loads those that lie in memory. ``forgiving`` powers
    take a negative base with a broken exponent as zero: inside the solver a state may undershoot zero by the tolerance.
    """

    graph: Graph
    code: Code
    roots: list[int]
    leaves: dict[int, str]
    forgiving: bool = False
    sources: dict[int, Callable[[], str]] = field(default_factory=dict[int, Callable[[], str]])
    written: int = 0  # instructions since memory was last looked at afresh
    uses: dict[int, int] = field(default_factory=dict[int, int])

    def __post_init__(self) -> None:
        """Counts uses, for deciding where a product may be fused into a sum."""
        stack = list(self.roots)
        for root in self.roots:
            self.uses[root] = self.uses.get(root, 0) + 1
        seen: set[int] = set()
        while stack:
            node = stack.pop()
            if node in seen or self._is_given(node):
                continue
            seen.add(node)
            for source in self.graph.nodes[node].inputs:
                self.uses[source] = self.uses.get(source, 0) + 1
                stack.append(source)

    def value(self, root: int) -> str:
        """The name that holds a node's value, after the instructions it needs."""
        stack = [root]
        while stack:
            node = stack[-1]
            if node in self.leaves:
                stack.pop()
                continue
            if node in self.sources:
                self.leaves[node] = self.sources[node]()
                stack.pop()
                continue
            missing = [i for i in self._needed(node) if i not in self.leaves]
            if missing:
                stack.extend(reversed(missing))
                continue
            self.leaves[node] = self._write(node)
            stack.pop()
            self.written += 1
        name = self.leaves[root]
        if self.written >= _FRESH and self.sources:
            self._look_afresh()
        return name

    def values(self, roots: Iterable[int]) -> None:
        """Works out several nodes."""
        for root in roots:
            self.value(root)

    def _is_given(self, node: int) -> bool:
        return node in self.leaves or node in self.sources

    def _look_afresh(self) -> None:
        """Forgets what was loaded: to load a number again costs nothing, to keep it in one of few registers does."""
        self.code.part()
        for node in self.sources:
            self.leaves.pop(node, None)
        self.written = 0

    def accumulate(self, root: int, total: str) -> str:
        """A node's value added to a total; its products that nobody else uses are fused into the sum one by one."""
        code = self.code
        for term in self._terms(root):
            product = self._product(term)
            if product is not None:
                a, b = (self.value(factor) for factor in product[:2])
                total = code.fma(code.neg(a) if product[2] else a, b, total)
            elif self._unnegated(term) != term:
                total = code.sub(total, self.value(self._unnegated(term)))
            else:
                total = code.add(total, self.value(term))
        return total

    def _terms(self, root: int) -> list[int]:
        """The terms of a sum, those of sums in it that nobody else uses included."""
        found, stack = list[int](), [root]
        while stack:
            node = stack.pop()
            entry = self.graph.nodes[node]
            if self._is_given(node) or entry.operation != "add" or self.uses.get(node, 0) > 1:
                found.append(node)
            else:
                stack.extend(reversed(entry.inputs))
        return found

    def _product(self, node: int) -> tuple[int, int, bool] | None:
        """Factors (and whether negated) if a node is a product that nobody else uses."""
        if self._is_given(node) or self.uses.get(node, 0) > 1:
            return None
        entry, negated = self.graph.nodes[node], False
        if entry.operation == "neg":
            inner = entry.inputs[0]
            if self._is_given(inner) or self.uses.get(inner, 0) > 1:
                return None
            entry, negated = self.graph.nodes[inner], True
        if entry.operation != "mul":
            return None
        a, b = entry.inputs
        if self._quotient(a, b) is not None:
            return None
        return a, b, negated

    def _quotient(self, a: int, b: int) -> tuple[int, int] | None:
        """Dividend and divisor if one factor is a reciprocal that nobody else uses."""
        for x, y in ((a, b), (b, a)):
            if (
                not self._is_given(y)
                and self.graph.nodes[y].operation == "reciprocal"
                and self.uses.get(y, 0) == 1
            ):
                return x, self.graph.nodes[y].inputs[0]
        return None

    def _needed(self, node: int) -> tuple[int, ...]:
        entry = self.graph.nodes[node]
        if entry.operation == "add":
            a, b = entry.inputs
            for x, y in ((b, a), (a, b)):
                product = self._product(x)
                if product is not None:
                    return (y, *product[:2])
            return tuple(self._unnegated(x) for x in entry.inputs)
        if entry.operation == "mul":
            return self._quotient(*entry.inputs) or entry.inputs
        return entry.inputs

    def _unnegated(self, node: int) -> int:
        entry = self.graph.nodes[node]
        if not self._is_given(node) and entry.operation == "neg":
            return entry.inputs[0]
        return node

    def _write(self, node: int) -> str:  # noqa: PLR0911 - one case an operation
        entry, code, at = self.graph.nodes[node], self.code, self.leaves
        match entry.operation:
            case "number":
                return code.number(entry.value)
            case "add":
                return self._write_sum(node)
            case "neg":
                return code.neg(at[entry.inputs[0]])
            case "mul":
                quotient = self._quotient(*entry.inputs)
                if quotient is not None:
                    return code.guarded_div(at[quotient[0]], at[quotient[1]])
                return code.mul(at[entry.inputs[0]], at[entry.inputs[1]])
            case "reciprocal":
                return code.guarded_div(code.number(1.0), at[entry.inputs[0]])
            case "true" | "false":
                return "<" + ", ".join([f"i1 {entry.operation}"] * code.lanes) + ">"
            case _:
                return self._write_function(entry.operation, [at[i] for i in entry.inputs])

    def _write_sum(self, node: int) -> str:
        code, at = self.code, self.leaves
        a, b = self.graph.nodes[node].inputs
        for x, y in ((b, a), (a, b)):
            product = self._product(x)
            if product is not None:
                first = code.neg(at[product[0]]) if product[2] else at[product[0]]
                return code.fma(first, at[product[1]], at[y])
        if self._unnegated(b) != b:
            return code.sub(at[a] if a in at else code.neg(at[self._unnegated(a)]), at[self._unnegated(b)])
        if self._unnegated(a) != a:
            return code.sub(at[b], at[self._unnegated(a)])
        return code.add(at[a], at[b])

    def _write_function(self, name: str, values: list[str]) -> str:  # noqa: C901, PLR0911, PLR0912 - one line a function
        code = self.code
        if name in _COMPARE:
            return code.compare(_COMPARE[name], *values)
        if name in ("and", "or"):
            return code.logic(name, *values)
        if name in _INTRINSICS:
            return code.intrinsic(_INTRINSICS[name], *values)
        if name in ("exp", "log"):
            return code.call(f"single_{name}" if code.is_single else f"vector_{name}", *values)
        if name in LIBM:
            return code.each_lane(name, *values)
        match name:
            case "not":
                return code.logic("xor", values[0], "<" + ", ".join(["i1 true"] * code.lanes) + ">")
            case "select":
                return code.choose(*values)
            case "max":
                return code.larger(*values)
            case "min":
                return code.smaller(*values)
            case "pow":
                quick = "single_pow" if code.is_single else "forgiving_pow"
                return code.call(quick if self.forgiving else "vector_pow", *values)
            case "sign":
                zero = code.number(0.0)
                negative = code.choose(code.compare("olt", values[0], zero), code.number(-1.0), values[0])
                return code.choose(code.compare("ogt", values[0], zero), code.number(1.0), negative)
            case "digamma":
                wide, x = code.wide, code.widened(values[0])
                step = wide.number(1e-5)
                above = wide.each_lane("log_gamma", wide.add(x, step))
                below = wide.each_lane("log_gamma", wide.sub(x, step))
                return code.narrowed(wide.mul(wide.sub(above, below), wide.number(0.5e5)))
            case _:
                raise UnsupportedError("function", name)
