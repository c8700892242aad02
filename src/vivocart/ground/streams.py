"""Random numbers by name and patient.

Each named stream is a counter-based generator (Philox 4x64) keyed by a hash of the seed and the stream's name and
advanced to the patient's index, with a fixed number of draws per patient. So the chunk size, the thread count, the order
of patients and the number of other streams change no number.
"""

from __future__ import annotations

import hashlib

import numpy as np
from scipy.special import ndtri

from vivocart.ground.errors import InputError

_DRAWS_PER_STEP = 4  # a Philox 4x64 counter step yields four 64-bit words


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
    digest = hashlib.sha256(f"{seed}\x1f{stream}\x1f{draws}".encode()).digest()
    key = int.from_bytes(digest[:16], "little")
    steps_per_patient = -(-draws // _DRAWS_PER_STEP)
    generator = np.random.Philox(key=key).advance(first * steps_per_patient)
    words = generator.random_raw(count * steps_per_patient * _DRAWS_PER_STEP)
    words = np.asarray(words, dtype=np.uint64).reshape(count, steps_per_patient * _DRAWS_PER_STEP)[:, :draws]
    return ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def normals(seed: int, stream: str, first: int, count: int, *, draws: int = 1) -> np.ndarray:
    """Standard normal numbers for consecutive patients of one stream, by the inverse of the normal distribution.

    Parameters and shape as in :func:`uniforms`.
    """
    return np.asarray(ndtri(uniforms(seed, stream, first, count, draws=draws)))
