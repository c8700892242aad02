"""Numbers at addresses, and calls of kernels, from compiled Python.

Arrays handed through twenty small functions cost more than the arithmetic between them; addresses cost nothing.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_intrinsic: Any = intrinsic  # its types are those of what it makes, which a checker cannot see
_BYTE_POINTER = ir.IntType(8).as_pointer()


def _place(builder: Any, address: Any, index: Any, kind: Any) -> Any:
    pointer = builder.inttoptr(address, kind.as_pointer())
    return builder.gep(pointer, [index])


@_intrinsic
def get_real(typing_context: Any, address: Any, index: Any) -> Any:  # noqa: ARG001 - numba's signature
    """The number at a place of an array of doubles."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.load(_place(builder, arguments[0], arguments[1], ir.DoubleType()))

    return types.float64(types.int64, types.int64), generate


@_intrinsic
def get_whole(typing_context: Any, address: Any, index: Any) -> Any:  # noqa: ARG001
    """The number at a place of an array of 64-bit integers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.load(_place(builder, arguments[0], arguments[1], ir.IntType(64)))

    return types.int64(types.int64, types.int64), generate


@_intrinsic
def put_real(typing_context: Any, address: Any, index: Any, value: Any) -> Any:  # noqa: ARG001
    """Writes a number into an array of doubles."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        builder.store(arguments[2], _place(builder, arguments[0], arguments[1], ir.DoubleType()))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.float64), generate


@_intrinsic
def put_whole(typing_context: Any, address: Any, index: Any, value: Any) -> Any:  # noqa: ARG001
    """Writes a number into an array of 64-bit integers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        builder.store(arguments[2], _place(builder, arguments[0], arguments[1], ir.IntType(64)))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@_intrinsic
def call_kernel(typing_context: Any, address: Any, workspace: Any) -> Any:  # noqa: ARG001
    """Calls the kernel at an address with the address of a workspace."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        kind = ir.FunctionType(ir.VoidType(), [_BYTE_POINTER]).as_pointer()
        builder.call(builder.inttoptr(arguments[0], kind), [builder.inttoptr(arguments[1], _BYTE_POINTER)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate
