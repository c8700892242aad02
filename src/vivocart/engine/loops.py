"""From functions in a small part of Python to LLVM assembly.

The loop around the kernels is written in Python for people and compiled once a machine. What it may use: whole numbers,
floating-point numbers and truth values; ``if``, ``while``, ``for ... in range(...)``; calls of functions of the same text;
``min``, ``max``, ``abs``, ``isnan``; reads and writes of numbers at addresses, bits by lane; and three kinds of memory:

- ``Record``: a structure of 64-bit fields, read as ``m.field``;
- ``Reals`` and ``Wholes``: rows of ``stride`` numbers, as ``w[row, lane]``.

Only this package's own source is ever translated, never text from a model. Names have one type throughout a function,
that of the first assignment.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np

from vivocart.engine.assembly import double
from vivocart.engine.batch import RECORD

WHOLE, REAL, TRUTH, NOTHING, POINTER = "i64", "double", "i1", "void", "ptr"
_TYPES = {"int": WHOLE, "float": REAL, "bool": TRUTH, "None": NOTHING}
_MEMORY = {"Record", "Reals", "Wholes"}
_ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("add", "fadd"),
    ast.Sub: ("sub", "fsub"),
    ast.Mult: ("mul", "fmul"),
    ast.Div: ("", "fdiv"),
    ast.FloorDiv: ("sdiv", ""),  # of numbers that are not negative
    ast.Mod: ("srem", ""),
    ast.BitAnd: ("and", ""),
}
_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("slt", "olt"),
    ast.LtE: ("sle", "ole"),
    ast.Gt: ("sgt", "ogt"),
    ast.GtE: ("sge", "oge"),
    ast.Eq: ("eq", "oeq"),
    ast.NotEq: ("ne", "une"),
}
# reads and writes of numbers at addresses: type of the number
_READS = {"get_real": REAL, "get_whole": WHOLE}
_WRITES = {"put_real": REAL, "put_whole": WHOLE}
_KERNEL = "kernel_"  # in names of the record's fields
_DECLARED = (
    "declare double @llvm.fabs.f64(double)",
    "declare i64 @llvm.cttz.i64(i64, i1)",
    "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)",
)


@final
@dataclass(frozen=True, slots=True)
class Value:
    """A name or constant of LLVM, and its type."""

    text: str
    type: str


@final
@dataclass(frozen=True, slots=True)
class Surroundings:
    """What functions of a text can name: its constants, the record's fields, lanes, and each other."""

    constants: Mapping[str, float]
    fields: Mapping[str, tuple[int, str]]  # place in the record, and type
    stride: int
    functions: Mapping[str, ast.FunctionDef]
    beside_kernels: bool  # whether kernels stand in the same module, for a graphics card


def translate(
    text: str,
    fields: Mapping[str, tuple[int, str]],
    stride: int,
    exported: Sequence[str],
    *,
    beside_kernels: bool = False,
) -> str:
    """LLVM assembly of all functions in a text of Python; those exported can be found by name.

    Parameters
    ----------
    text
        Source of a module; all but its functions and whole or broken constants is left aside.
    fields
        Name -> (place, type) of the fields of a record.
    stride
        Numbers in a row.
    exported
        Functions that can be called from outside.
    beside_kernels
        Whether kernels stand in the same module and are called by name rather than by address; nothing is fetched ahead.
    """
    module = ast.parse(text)
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    constants = _constants(module)
    around = Surroundings(
        constants=constants, fields=fields, stride=stride, functions=functions, beside_kernels=beside_kernels
    )
    parts = [_Function(around, node).write(node.name in exported) for node in functions.values()]
    return "\n".join([*parts, *_DECLARED])


def record_fields() -> dict[str, tuple[int, str]]:
    """Places and types of the fields of :data:`vivocart.engine.batch.RECORD`."""
    types = {name: REAL if RECORD[name] == np.float64 else WHOLE for name in RECORD.names or ()}
    return {name: (place, kind) for place, (name, kind) in enumerate(types.items())}


def _constants(module: ast.Module) -> dict[str, float]:
    """Names that stand for numbers; ``A, B, C = range(3)`` numbers them."""
    found: dict[str, float] = {}
    for node in module.body:
        if not isinstance(node, ast.Assign):
            continue
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Call):
            found |= {name.id: i for i, name in enumerate(target.elts) if isinstance(name, ast.Name)}
        elif isinstance(target, ast.Name):
            number = _number(value)
            if number is not None:
                found[target.id] = number
    return found


def _number(node: ast.expr) -> float | None:
    """The number that is written here, with its sign."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value  # type: ignore[return-value]
    if isinstance(node, ast.Attribute) and node.attr in ("inf", "nan"):
        return math.inf if node.attr == "inf" else math.nan
    return None


@final
@dataclass(slots=True)
class _Function:
    """One function under translation."""

    around: Surroundings
    node: ast.FunctionDef
    lines: list[str] = field(default_factory=list[str])
    memory: dict[str, str] = field(default_factory=dict[str, str])  # argument -> kind of memory
    types: dict[str, str] = field(default_factory=dict[str, str])  # variable -> type
    loops: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])  # continue and break
    count: int = 0
    ended: bool = False  # whether the block under construction has its last instruction

    def write(self, exported: bool) -> str:
        """The definition of the function."""
        arguments: list[str] = []
        for argument in self.node.args.args:
            kind = ast.unparse(argument.annotation) if argument.annotation else ""
            name = argument.arg
            if kind in _MEMORY:
                self.memory[name] = kind
                arguments.append(f"ptr noalias %{name}")
            else:
                arguments.append(f"{_TYPES[kind]} %{name}")
                self.types[name] = _TYPES[kind]
                self._do(f"store {_TYPES[kind]} %{name}, ptr %at.{name}")
        self._block(self.node.body)
        result = self._result()
        if not self.ended:
            self._do("ret void" if result == NOTHING else "unreachable")
        places = [f"  %at.{name} = alloca {kind}" for name, kind in self.types.items()]
        linkage = "" if exported else "internal "
        head = f"define {linkage}{result} @{self.node.name}({', '.join(arguments)}) nounwind {{"
        return "\n".join([head, "entry:", *places, *self.lines, "}\n"])

    def _result(self) -> str:
        return _TYPES[ast.unparse(self.node.returns)] if self.node.returns else NOTHING

    # instructions

    def _do(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def _emit(self, text: str, kind: str) -> Value:
        self.count += 1
        self._do(f"%x{self.count} = {text}")
        return Value(f"%x{self.count}", kind)

    def _labels(self, *names: str) -> list[str]:
        self.count += 1
        return [f"{name}.{self.count}" for name in names]

    def _go(self, label: str) -> None:
        if not self.ended:
            self._do(f"br label %{label}")
        self.ended = True

    def _fork(self, condition: Value, yes: str, no: str) -> None:
        self._do(f"br i1 {condition.text}, label %{yes}, label %{no}")
        self.ended = True

    def _start(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.ended = False

    # statements

    def _block(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            if self.ended:
                return
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:  # noqa: C901, PLR0912 - one case a kind of statement
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return
            case ast.Expr(value=ast.Call() as call):
                self._call(call)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                for name, value in zip(names, [self._value(v) for v in values], strict=True):
                    self._assign(name, value)
            case ast.Assign(targets=targets):
                value = self._value(node.value)
                for target in targets:
                    self._assign(target, value)
            case ast.AugAssign(target=target, op=operation, value=more):
                self._assign(target, self._arithmetic(operation, self._value(target), self._value(more)))
            case ast.If():
                self._if(node)
            case ast.While():
                self._while(node)
            case ast.For():
                self._for(node)
            case ast.Return(value=None):
                self._do("ret void")
                self.ended = True
            case ast.Return():
                value = self._as(self._value(node.value), self._result())  # type: ignore[arg-type]
                self._do(f"ret {value.type} {value.text}")
                self.ended = True
            case ast.Continue():
                self._go(self.loops[-1][0])
            case ast.Break():
                self._go(self.loops[-1][1])
            case _:
                raise self._refused(node)

    def _assign(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            kind = self.types.setdefault(target.id, value.type)
            self._do(f"store {kind} {self._as(value, kind).text}, ptr %at.{target.id}")
            return
        place, kind = self._place(target)
        self._do(f"store {kind} {self._as(value, kind).text}, ptr {place}")

    def _if(self, node: ast.If) -> None:
        yes, no, after = self._labels("yes", "no", "after")
        self._fork(self._truth(node.test), yes, no)
        self._start(yes)
        self._block(node.body)
        self._go(after)
        self._start(no)
        self._block(node.orelse)
        self._go(after)
        self._start(after)

    def _while(self, node: ast.While) -> None:
        test, body, after = self._labels("test", "body", "after")
        self._go(test)
        self._start(test)
        self._fork(self._truth(node.test), body, after)
        self._start(body)
        self.loops.append((test, after))
        self._block(node.body)
        self.loops.pop()
        self._go(test)
        self._start(after)

    def _for(self, node: ast.For) -> None:
        if not (isinstance(node.target, ast.Name) and isinstance(node.iter, ast.Call)):
            raise self._refused(node)
        bounds = [self._value(a) for a in node.iter.args]
        first, last = bounds if len(bounds) == 2 else (Value("0", WHOLE), bounds[0])
        test, body, following, after = self._labels("test", "body", "next", "after")
        self._assign(node.target, first)
        self._go(test)
        self._start(test)
        going_on = self._emit(f"icmp slt i64 {self._value(node.target).text}, {last.text}", TRUTH)
        self._fork(going_on, body, after)
        self._start(body)
        self.loops.append((following, after))
        self._block(node.body)
        self.loops.pop()
        self._go(following)
        self._start(following)
        self._assign(node.target, self._emit(f"add i64 {self._value(node.target).text}, 1", WHOLE))
        self._go(test)
        self._start(after)

    # expressions

    def _value(self, node: ast.expr) -> Value:  # noqa: C901, PLR0911, PLR0912 - one case a kind of expression
        number = _number(node)
        if number is not None:
            return _constant(number)
        match node:
            case ast.Constant(value=bool(value)):
                return Value("true" if value else "false", TRUTH)
            case ast.Name(id=name):
                if name in self.types:
                    return self._emit(f"load {self.types[name]}, ptr %at.{name}", self.types[name])
                if name in self.around.constants:
                    return _constant(self.around.constants[name])
            case ast.Attribute() | ast.Subscript():
                place, kind = self._place(node)
                return self._emit(f"load {kind}, ptr {place}", kind)
            case ast.BinOp():
                return self._arithmetic(node.op, self._value(node.left), self._value(node.right))
            case ast.UnaryOp(op=ast.Not()):
                return self._emit(f"xor i1 {self._truth(node.operand).text}, true", TRUTH)
            case ast.UnaryOp(op=ast.USub()):
                return self._arithmetic(ast.Sub(), Value("0", WHOLE), self._value(node.operand))
            case ast.Compare():
                return self._compare(node)
            case ast.BoolOp():
                return self._either(node)
            case ast.IfExp():
                return self._choice(node)
            case ast.Call():
                return self._call(node)
            case _:
                pass
        raise self._refused(node)

    def _place(self, node: ast.expr) -> tuple[str, str]:
        """Address and type of a field of a record or a number in a row."""
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if self.memory.get(name) == "Record":
                place, kind = self.around.fields[attribute]
                return self._emit(f"getelementptr inbounds i64, ptr %{name}, i64 {place}", POINTER).text, kind
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Tuple(elts=[row, lane])):
                kind = REAL if self.memory[name] == "Reals" else WHOLE
                start = self._emit(f"mul i64 {self._value(row).text}, {self.around.stride}", WHOLE).text
                index = self._emit(f"add i64 {start}, {self._value(lane).text}", WHOLE).text
                place = f"getelementptr inbounds {kind}, ptr %{name}, i64 {index}"
                return self._emit(place, POINTER).text, kind
            case _:
                raise self._refused(node)

    def _as(self, value: Value, kind: str) -> Value:
        """A value as another type: truth as 0 or 1, whole numbers as broken ones, numbers as whether they are not 0."""
        if value.type == kind:
            return value
        if kind == TRUTH:
            test = "icmp ne i64" if value.type == WHOLE else "fcmp une double"
            return self._emit(f"{test} {value.text}, {'0' if value.type == WHOLE else '0.0'}", TRUTH)
        if value.type == TRUTH:
            value = self._emit(f"zext i1 {value.text} to i64", WHOLE)
        return value if kind == WHOLE else self._emit(f"sitofp i64 {value.text} to double", REAL)

    def _pair(self, a: Value, b: Value) -> tuple[Value, Value, bool]:
        kind = REAL if REAL in (a.type, b.type) else WHOLE
        return self._as(a, kind), self._as(b, kind), kind == REAL

    def _arithmetic(self, operation: ast.operator, a: Value, b: Value) -> Value:
        a, b, broken = self._pair(a, b)
        return self._emit(f"{_ARITHMETIC[type(operation)][broken]} {a.type} {a.text}, {b.text}", a.type)

    def _compare(self, node: ast.Compare) -> Value:
        left, found = self._value(node.left), None
        for operation, other in zip(node.ops, node.comparators, strict=True):
            right = self._value(other)
            a, b, broken = self._pair(left, right)
            predicate = _COMPARISONS[type(operation)][broken]
            one = self._emit(f"{'fcmp' if broken else 'icmp'} {predicate} {a.type} {a.text}, {b.text}", TRUTH)
            found = one if found is None else self._emit(f"and i1 {found.text}, {one.text}", TRUTH)
            left = right
        assert found is not None
        return found

    def _truth(self, node: ast.expr) -> Value:
        return self._as(self._value(node), TRUTH)

    def _either(self, node: ast.BoolOp) -> Value:
        """``and`` and ``or`` that look at what follows only if it matters."""
        held = ast.Name(id=f"held.{self._labels('')[0]}")
        more, after = self._labels("more", "after")
        stop_at = isinstance(node.op, ast.Or)
        for i, part in enumerate(node.values):
            value = self._truth(part)
            self._assign(held, value)
            if i == len(node.values) - 1:
                self._go(after)
            else:
                label = f"{more}.{i}"
                self._fork(value, *((after, label) if stop_at else (label, after)))
                self._start(label)
        self._start(after)
        return self._value(held)

    def _choice(self, node: ast.IfExp) -> Value:
        held = ast.Name(id=f"held.{self._labels('')[0]}")
        yes, no, after = self._labels("yes", "no", "after")
        self._fork(self._truth(node.test), yes, no)
        self._start(yes)
        self._assign(held, self._value(node.body))
        self._go(after)
        self._start(no)
        self._assign(held, self._value(node.orelse))
        self._go(after)
        self._start(after)
        return self._value(held)

    def _call(self, node: ast.Call) -> Value:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in self.around.functions:
            return self._call_own(node, self.around.functions[name])
        if name == "call_kernel":
            return self._call_kernel(node)
        values = [self._value(a) for a in node.args if not (isinstance(a, ast.Name) and a.id in self.memory)]
        if name in _READS:
            place = self._address(values[0], values[1], _READS[name])
            return self._emit(f"load {_READS[name]}, ptr {place}", _READS[name])
        if name in _WRITES:
            place = self._address(values[0], values[1], _WRITES[name])
            value = self._as(values[2], _WRITES[name])
            self._do(f"store {value.type} {value.text}, ptr {place}")
            return Value("", NOTHING)
        if name == "get_bits":
            start = self._emit(f"mul i64 {values[0].text}, {self.around.stride}", WHOLE).text
            rows = node.args[0].id  # type: ignore[attr-defined]
            place = self._emit(f"getelementptr inbounds double, ptr %{rows}, i64 {start}", POINTER).text
            return self._emit(f"load i64, ptr {place}", WHOLE)
        return self._builtin(node, name, values)

    def _call_kernel(self, node: ast.Call) -> Value:
        field, rows = node.args[0], node.args[1].id  # type: ignore[attr-defined]
        if self.around.beside_kernels:
            kernel = f"@{field.attr.removeprefix(_KERNEL)}"  # type: ignore[attr-defined]
        else:
            kernel = self._emit(f"inttoptr i64 {self._value(field).text} to ptr", POINTER).text
        self._do(f"call void {kernel}(ptr %{rows})")
        return Value("", NOTHING)

    def _builtin(self, node: ast.Call, name: str, values: list[Value]) -> Value:
        if name in ("min", "max"):
            a, b, broken = self._pair(*values)
            predicate = _COMPARISONS[ast.Lt if name == "min" else ast.Gt][broken]
            operation = "fcmp" if broken else "icmp"
            test = self._emit(f"{operation} {predicate} {a.type} {b.text}, {a.text}", TRUTH)
            return self._emit(f"select i1 {test.text}, {a.type} {b.text}, {a.type} {a.text}", a.type)
        if name == "abs":
            return self._emit(f"call double @llvm.fabs.f64(double {values[0].text})", REAL)
        if name == "whole":
            return self._emit(f"fptosi double {values[0].text} to i64", WHOLE)
        if name == "lowest":
            return self._emit(f"call i64 @llvm.cttz.i64(i64 {values[0].text}, i1 true)", WHOLE)
        if name == "fetch_ahead":
            if not self.around.beside_kernels:
                place = self._address(values[0], values[1], REAL)
                self._do(f"call void @llvm.prefetch.p0(ptr {place}, i32 1, i32 3, i32 1)")
            return Value("", NOTHING)
        if name == "isnan":
            return self._emit(f"fcmp uno double {values[0].text}, {values[0].text}", TRUTH)
        raise self._refused(node)

    def _call_own(self, node: ast.Call, function: ast.FunctionDef) -> Value:
        given: list[str] = []
        for passed, expected in zip(node.args, function.args.args, strict=True):
            kind = ast.unparse(expected.annotation) if expected.annotation else ""
            if kind in _MEMORY:
                given.append(f"ptr %{passed.id}")  # type: ignore[attr-defined]
            else:
                value = self._as(self._value(passed), _TYPES[kind])
                given.append(f"{value.type} {value.text}")
        result = _TYPES[ast.unparse(function.returns)] if function.returns else NOTHING
        text = f"call {result} @{function.name}({', '.join(given)})"
        if result == NOTHING:
            self._do(text)
            return Value("", NOTHING)
        return self._emit(text, result)

    def _address(self, address: Value, index: Value, kind: str) -> str:
        pointer = self._emit(f"inttoptr i64 {address.text} to ptr", POINTER).text
        return self._emit(f"getelementptr inbounds {kind}, ptr {pointer}, i64 {index.text}", POINTER).text

    def _refused(self, node: ast.AST) -> TypeError:
        line = getattr(node, "lineno", 0)
        return TypeError(f"{self.node.name}, line {line}: '{ast.unparse(node)}' is not part of the language")


def _constant(number: float) -> Value:
    return Value(str(number), WHOLE) if isinstance(number, int) else Value(double(number), REAL)
