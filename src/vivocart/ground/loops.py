"""Random numbers for many patients at once, compiled and without the interpreter's lock.

Loaded by those who draw many: one patient's simulation does not wait for a compiler.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_MIDDLE_ROUNDS = 8  # of ten: of the first and the last only a part is needed
_FACTOR_0, _FACTOR_2 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_WEYL_LOW, _WEYL_HIGH = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_ZERO, _ONE, _FRACTION = np.uint64(0), np.uint64(1), np.uint64(12)


def _wide_product_code(_context: Any, one: Any, other: Any) -> Any:
    """High and low half of the 128-bit product of two 64-bit words: one instruction that NumPy has no name for."""

    def code(target: Any, builder: Any, signature: Any, words: Any) -> Any:
        wide, word = ir.IntType(128), ir.IntType(64)
        product = builder.mul(builder.zext(words[0], wide), builder.zext(words[1], wide))
        halves = (
            builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), word),
            builder.trunc(product, word),
        )
        return target.make_tuple(builder, signature.return_type, halves)

    return types.UniTuple(types.uint64, 2)(one, other), code


_wide_product: Any = intrinsic(_wide_product_code)


@njit(cache=True, nogil=True)
def uniforms(keys: np.ndarray, which: np.ndarray, patients: np.ndarray, found: np.ndarray) -> None:
    """First uniform number of each patient in each set of streams: the first word of the Philox 4x64-10 block.

    ``keys`` (n_sets, n_streams, 2) are low and high words of the streams' keys, ``which`` and ``patients`` (n,) the stream
    and index of each patient, ``found`` (n_sets, n) is written to.
    """
    for row in range(keys.shape[0]):
        for place in range(patients.shape[0]):
            low, high = keys[row, which[place], 0], keys[row, which[place], 1]
            # the counter's upper three words are zero, which makes the first round short
            high0, word3 = _wide_product(np.uint64(patients[place]) + _ONE, _FACTOR_0)
            word0, word1, word2 = low, _ZERO, high0 ^ high
            for _ in range(_MIDDLE_ROUNDS):
                low, high = low + _WEYL_LOW, high + _WEYL_HIGH
                high0, low0 = _wide_product(word0, _FACTOR_0)
                high2, low2 = _wide_product(word2, _FACTOR_2)
                word0, word1, word2, word3 = high2 ^ word1 ^ low, low2, high0 ^ word3 ^ high, low0
            word = _wide_product(word2, _FACTOR_2)[0] ^ word1 ^ (low + _WEYL_LOW)
            found[row, place] = (np.float64(word >> _FRACTION) + 0.5) * 2.0**-52
