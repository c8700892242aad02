"""Random numbers by name and patient.

Each named stream is a counter-based generator (Philox 4x64) keyed by a hash of the seed and the stream's name and
advanced to the patient's index, with a fixed number of draws per patient. So the chunk size, the thread count, the order
of patients and the number of other streams change no number.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from vivocart.ground.errors import InputError

_DRAWS_PER_STEP = 4  # a Philox 4x64 counter step yields four 64-bit words
_WORDS_AT_ONCE = 4096
_SPAN_WORTH_DRAWING = 8  # a scattered patient costs about this many neighboring ones


def uniforms(seed: int, stream: str, first: int, count: int, *, draws: int = 1) -> np.ndarray:
    """Uniform numbers in the open interval (0, 1) for consecutive patients of one stream.

    Parameters
    ----------
    seed
        The user's seed, a non-negative whole number.
    stream
        Name of the stream, such as ``"patients/age"``.
    first, count
        Index of the first patient and the number of patients.
    draws
        Draws for each patient.

    Returns
    -------
    numpy.ndarray
        Shape ``(count, draws)``; row ``i`` depends on ``(seed, stream, draws, first + i)`` only.

    Raises
    ------
    InputError
        If the seed, the first index or a count is negative.
    """
    if seed < 0 or first < 0 or count < 0 or draws < 1:
        raise InputError(
            f"seed={seed}, first={first}, count={count}, draws={draws}",
            where=f"stream '{stream}'",
            mend="give whole numbers that are not negative",
        )
    key = _key(seed, stream, draws)
    steps_per_patient = -(-draws // _DRAWS_PER_STEP)
    generator = np.random.Philox(key=key).advance(first * steps_per_patient)
    words = generator.random_raw(count * steps_per_patient * _DRAWS_PER_STEP)
    words = np.asarray(words, dtype=np.uint64).reshape(count, steps_per_patient * _DRAWS_PER_STEP)[:, :draws]
    return _open_interval(words)


def uniforms_at(seed: int, stream: str, patients: np.ndarray) -> np.ndarray:
    """The first uniform number of each patient named: what :func:`uniforms` gives them, bit for bit.

    Parameters
    ----------
    seed, stream
        As in :func:`uniforms`.
    patients
        Indices in any order, shape (n,); the cost grows with their number, not with their span.

    Raises
    ------
    InputError
        If the seed or an index is negative.
    """
    indices = np.asarray(patients, dtype=np.int64)
    if len(indices) == 0:
        return np.empty(0)
    first, last = int(indices.min()), int(indices.max())
    if first < 0 or last - first < _SPAN_WORTH_DRAWING * len(indices):
        return uniforms(seed, stream, first, last - first + 1)[indices - first, 0]
    if seed < 0:
        return uniforms(seed, stream, first, 1)[:, 0]  # which refuses it
    return _open_interval(
        _philox_words(*_key_words(_key(seed, stream, 1)), indices.astype(np.uint64) + np.uint64(1))
    )


def normals_of(
    seed: int, streams: Sequence[Sequence[str]], which: np.ndarray, patients: np.ndarray
) -> np.ndarray:
    """The first standard normal number of each patient named in a stream of its own, for several sets of streams at once.

    For few patients of very many streams: what :func:`normals_at` gives, bit for bit, without a call for each stream.

    Parameters
    ----------
    seed
        As in :func:`uniforms`.
    streams
        Sets of stream names, all of one length.
    which, patients
        For each patient the place of its stream in every set, and its index, each of shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (n_sets, n).

    Raises
    ------
    InputError
        If the seed or an index is negative.
    """
    indices = np.asarray(patients, dtype=np.int64)
    if seed < 0 or (len(indices) and int(indices.min()) < 0):
        raise InputError(f"seed={seed}", where="streams", mend="give whole numbers that are not negative")
    keys = np.array([[_key_words(_key(seed, name, 1)) for name in names] for names in streams], np.uint64)
    chosen = keys[:, which]
    counters = np.broadcast_to(indices.astype(np.uint64) + np.uint64(1), chosen.shape[:2])
    words = np.empty(counters.shape, np.uint64)
    rows = max(1, _WORDS_AT_ONCE // max(1, len(indices)))
    for first in range(0, len(words), rows):  # in pieces that stay in the processor's cache
        part = slice(first, first + rows)
        words[part] = _philox_words(chosen[part, :, 0], chosen[part, :, 1], counters[part])
    return np.asarray(ndtri(_open_interval(words)))


def normals_at(seed: int, stream: str, patients: np.ndarray) -> np.ndarray:
    """The first standard normal number of each patient named; parameters and shape as in :func:`uniforms_at`."""
    return np.asarray(ndtri(uniforms_at(seed, stream, patients)))


def normals(seed: int, stream: str, first: int, count: int, *, draws: int = 1) -> np.ndarray:
    """Standard normal numbers for consecutive patients of one stream, by the inverse of the normal distribution.

    Parameters and shape as in :func:`uniforms`.
    """
    return np.asarray(ndtri(uniforms(seed, stream, first, count, draws=draws)))


@functools.lru_cache(maxsize=65_536)
def _key(seed: int, stream: str, draws: int) -> int:
    digest = hashlib.sha256(f"{seed}\x1f{stream}\x1f{draws}".encode()).digest()
    return int.from_bytes(digest[:16], "little")


def _open_interval(words: np.ndarray) -> np.ndarray:
    return ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def _key_words(key: int) -> tuple[np.uint64, np.uint64]:
    return np.uint64(key & (2**64 - 1)), np.uint64(key >> 64)


def _philox_words(
    key_low: np.ndarray | np.uint64, key_high: np.ndarray | np.uint64, counters: np.ndarray
) -> np.ndarray:
    """First word of the Philox 4x64-10 block of each counter (Salmon and others 2011), for scattered patients."""
    # Weyl sequence of the keys: they wrap around at 64 bits, which numpy tells of single numbers and not of arrays
    low, high = np.atleast_1d(key_low), np.atleast_1d(key_high)
    words = [counters, np.zeros_like(counters), np.zeros_like(counters), np.zeros_like(counters)]
    for _ in range(10):
        high0, low0 = _wide_product(words[0], 0xD2E7470EE14C6C93)
        high2, low2 = _wide_product(words[2], 0xCA5A826395121157)
        words = [high2 ^ words[1] ^ low, low2, high0 ^ words[3] ^ high, low0]
        low, high = low + np.uint64(0x9E3779B97F4A7C15), high + np.uint64(0xBB67AE8584CAA73B)
    return words[0]


def _wide_product(values: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """High and low half of the 128-bit product of 64-bit words."""
    half, low_mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    factor_high, factor_low = np.uint64(factor >> 32), np.uint64(factor & 0xFFFFFFFF)
    high, low = values >> half, values & low_mask
    low_low = low * factor_low
    middle = high * factor_low + (low_low >> half)
    cross = low * factor_high + (middle & low_mask)
    return high * factor_high + (middle >> half) + (cross >> half), values * np.uint64(factor)
