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
_MANY = 1024  # numbers of one call for which loading compiled loops is worth it
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
    if draws == 1 and count >= _MANY:
        return _first_uniforms(_keys(seed, [[stream]]), None, np.arange(first, first + count))[0][:, None]
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
    if seed < 0 or first < 0:
        return uniforms(seed, stream, first, 1)[:, 0]  # which refuses it
    if len(indices) < _MANY and last - first < _SPAN_WORTH_DRAWING * len(indices):
        return uniforms(seed, stream, first, last - first + 1)[indices - first, 0]
    return _first_uniforms(_keys(seed, [[stream]]), None, indices)[0]


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
    found = _first_uniforms(_keys(seed, streams), np.asarray(which, dtype=np.int64), indices)
    return np.asarray(ndtri(found, out=found))


def normals_at(seed: int, stream: str, patients: np.ndarray) -> np.ndarray:
    """The first standard normal number of each patient named; parameters and shape as in :func:`uniforms_at`."""
    found = uniforms_at(seed, stream, patients)
    return np.asarray(ndtri(found, out=found))


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


def _keys(seed: int, streams: Sequence[Sequence[str]]) -> np.ndarray:
    """Low and high words of the keys of streams with one draw a patient, shape (n_sets, n_streams, 2)."""
    words = [[_key(seed, name, 1) for name in names] for names in streams]
    return np.array([[(key & (2**64 - 1), key >> 64) for key in row] for row in words], np.uint64)


def _first_uniforms(keys: np.ndarray, which: np.ndarray | None, patients: np.ndarray) -> np.ndarray:
    """First uniform number of each patient (n,) in each set of streams, shape (n_sets, n)."""
    chosen = np.zeros(len(patients), np.int64) if which is None else which
    found = np.empty((len(keys), len(patients)))
    if found.size >= _MANY:
        from vivocart.ground import loops  # late: it loads a compiler

        loops.uniforms(keys, chosen, patients, found)
        return found
    own = keys[:, chosen]
    counters = np.broadcast_to(patients.astype(np.uint64) + np.uint64(1), found.shape)
    return _open_interval(_philox_words(own[..., 0], own[..., 1], counters))


def _philox_words(low: np.ndarray, high: np.ndarray, counters: np.ndarray) -> np.ndarray:
    """First word of the Philox 4x64-10 block of each counter (Salmon and others 2011), for a few scattered patients."""
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
