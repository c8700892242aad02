from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtri

from vivocart.ground.errors import InputError
from vivocart.ground.streams import _key, normals, normals_at, normals_of, uniforms, uniforms_at


@given(
    seed=st.integers(0, 2**63),
    first=st.integers(0, 10**9),
    count=st.integers(1, 60),
    cut=st.integers(0, 60),
    draws=st.integers(1, 9),
)
def test_chunks_equal_one_block(seed: int, first: int, count: int, cut: int, draws: int):
    cut = min(cut, count)
    block = uniforms(seed, "patients/age", first, count, draws=draws)
    parts = [
        uniforms(seed, "patients/age", first, cut, draws=draws),
        uniforms(seed, "patients/age", first + cut, count - cut, draws=draws),
    ]
    np.testing.assert_array_equal(block, np.concatenate(parts))


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=30), st.integers(0, 2**40))
def test_scattered_patients_get_their_own_numbers(patients: list[int], seed: int):
    one_by_one = [uniforms(seed, "x", patient, 1)[0, 0] for patient in patients]
    np.testing.assert_array_equal(uniforms_at(seed, "x", np.array(patients)), one_by_one)
    np.testing.assert_array_equal(
        normals_at(seed, "x", np.array(patients)),
        [normals(seed, "x", patient, 1)[0, 0] for patient in patients],
    )


def test_streams_differ_and_are_uniform():
    first, second = uniforms(1, "a", 0, 50_000)[:, 0], uniforms(1, "b", 0, 50_000)[:, 0]
    assert stats.kstest(first, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02
    assert first.min() > 0
    assert first.max() < 1
    assert len(uniforms_at(1, "a", np.array([], dtype=np.int64))) == 0


@pytest.mark.parametrize(
    ("seed", "first", "count", "draws"), [(-1, 0, 1, 1), (1, -1, 1, 1), (1, 0, -1, 1), (1, 0, 1, 0)]
)
def test_negative_numbers_are_refused(seed: int, first: int, count: int, draws: int):
    with pytest.raises(InputError, match="stream 'x'"):
        uniforms(seed, "x", first, count, draws=draws)


@pytest.mark.parametrize(("seed", "patients"), [(-1, [0, 10**6]), (1, [-5, 10**6])])
def test_negative_patients_are_refused(seed: int, patients: list[int]):
    with pytest.raises(InputError):
        uniforms_at(seed, "x", np.array(patients))


@given(st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 3)), max_size=12), st.integers(0, 2**40))
def test_many_streams_at_once_give_what_each_gives(asked: list[tuple[int, int]], seed: int):
    streams = [[f"{name}#{number}" for number in range(4)] for name in "abc"]
    patients, which = (np.array([pair[k] for pair in asked], dtype=np.int64) for k in (0, 1))
    found = normals_of(seed, streams, which, patients)
    assert found.shape == (3, len(asked))
    for names, row in zip(streams, found, strict=True):
        one_by_one = [
            normals_at(seed, names[k], np.array([p]))[0] for p, k in zip(patients, which, strict=True)
        ]
        np.testing.assert_array_equal(row, one_by_one)


def test_many_streams_refuse_what_one_refuses():
    for seed, patient in ((-1, 0), (1, -1)):
        with pytest.raises(InputError):
            normals_of(seed, [["x"]], np.zeros(1, np.int64), np.array([patient]))


@pytest.mark.parametrize("first", [0, 10**11, 2**62])
def test_many_numbers_come_from_compiled_loops_and_are_the_same(first: int):
    count = 3000
    words = np.random.Philox(key=_key(7, "patients/age", 1)).advance(first).random_raw(4 * count)
    plain = ((words[::4] >> np.uint64(12)).astype(float) + 0.5) * 2.0**-52
    np.testing.assert_array_equal(uniforms(7, "patients/age", first, count)[:, 0], plain)
    chosen = first + np.random.default_rng(0).permutation(count)[:2000]
    np.testing.assert_array_equal(uniforms_at(7, "patients/age", chosen), plain[chosen - first])
    both = normals_of(7, [["b", "patients/age"], ["c", "d"]], np.ones(2000, np.int64), chosen)
    np.testing.assert_array_equal(both[0], ndtri(plain[chosen - first]))
    few = [normals_of(7, [["d"]], np.zeros(5, np.int64), part)[0] for part in np.split(chosen[:500], 100)]
    np.testing.assert_array_equal(both[1, :500], np.concatenate(few))
