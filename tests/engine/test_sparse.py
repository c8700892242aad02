"""Sparse factorization without pivoting, played through with numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vivocart.engine.sparse import factorize


def solve_by(factorization, matrix, right):
    """What the kernels do, in NumPy."""
    a, b = matrix.copy(), right.copy()
    for e in factorization.eliminations:
        for i in e.rows:
            a[i, e.pivot] /= a[e.pivot, e.pivot]
            for j in e.columns:
                assert (i, j) in factorization.place
                a[i, j] -= a[i, e.pivot] * a[e.pivot, j]
            b[i] -= a[i, e.pivot] * b[e.pivot]
    for e in reversed(factorization.eliminations):
        for j in e.columns:
            b[e.pivot] -= a[e.pivot, j] * b[j]
        b[e.pivot] /= a[e.pivot, e.pivot]
    return b


@given(st.integers(0, 2**32 - 1))
def test_any_pattern_is_solved(seed):
    generator = np.random.default_rng(seed)
    n = int(generator.integers(1, 13))
    matrix = np.where(generator.random((n, n)) < 0.25, generator.standard_normal((n, n)), 0.0) + 10 * np.eye(
        n
    )
    right = generator.standard_normal(n)
    found = solve_by(factorize(list(zip(*np.nonzero(matrix), strict=True)), n), matrix, right)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-10)


def test_an_arrow_is_solved_without_fill():
    """Eliminated from its head an arrow fills up; from its tips it does not."""
    n = 12
    entries = [(0, j) for j in range(n)] + [(i, 0) for i in range(n)]
    factorization = factorize(entries, n)
    assert len(factorization.place) == 3 * n - 2
    assert 0 in [e.pivot for e in factorization.eliminations[-2:]]
