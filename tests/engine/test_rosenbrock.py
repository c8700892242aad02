"""The numbers of the method satisfy the conditions it is built on."""

from __future__ import annotations

import numpy as np

from vivocart.engine import rosenbrock


def usual_form():
    """α (8, 8), Γ (8, 8), weights (8,) of the form with matrix products, and those of the embedded solution."""
    c = np.zeros((8, 8))
    for i, row in enumerate(rosenbrock.C):
        c[i, : len(row)] = row
    gamma = np.linalg.inv(np.eye(8) / rosenbrock.GAMMA - c)
    a = np.array(rosenbrock.full_a())
    last, embedded = a[7].copy(), a[7].copy()
    last[7] = 1.0
    return a @ gamma, gamma, last @ gamma, embedded @ gamma


def test_order_conditions_up_to_five():
    """Trees whose conditions a Rosenbrock method of order 5 shares with Runge-Kutta (Hairer and Wanner, table IV.7.1)."""
    alpha, gamma, b, embedded = usual_form()
    beta = alpha + gamma
    a, e = alpha.sum(1), beta.sum(1)
    for weights, order in ((b, 5), (embedded, 4)):
        for power in (0, 2, 3, 4)[: order - 1]:
            assert abs(weights @ a**power - 1 / (power + 1)) < 1e-12
        assert abs(weights @ e - 1 / 2) < 1e-12
        assert abs(weights @ beta @ e - 1 / 6) < 1e-12
        assert abs(weights @ (a * (alpha @ e)) - 1 / 8) < 1e-12
        assert abs(weights @ beta @ a**2 - 1 / 12) < 1e-12
        assert abs(weights @ beta @ beta @ e - 1 / 24) < 1e-12
    assert abs(b @ beta @ beta @ beta @ e - 1 / 120) < 1e-12
    assert abs(b @ (a**2 * (alpha @ e)) - 1 / 10) < 1e-12
    assert abs(b @ beta @ a**3 - 1 / 20) < 1e-12
    assert abs(b @ (a * (alpha @ a**2)) - 1 / 15) < 1e-12


def test_stiffly_accurate_and_stable_far_out():
    _, gamma, b, _ = usual_form()
    alpha = usual_form()[0]
    np.testing.assert_allclose(b, (alpha + gamma)[7], atol=1e-12)
    beta = alpha + gamma
    for z in (-1e2, -1e4, -1e8, 1e6j):
        stability = 1 + z * b @ np.linalg.solve(np.eye(8) - z * beta, np.ones(8))
        assert abs(stability) < 1
    assert abs(1 - 1e12 * b @ np.linalg.solve(np.eye(8) + 1e12 * beta, np.ones(8))) < 1e-6


def test_times_of_stages_follow_from_the_other_numbers():
    alpha, gamma, _, _ = usual_form()
    np.testing.assert_allclose(rosenbrock.ALPHA, alpha.sum(1), atol=1e-12)
    np.testing.assert_allclose(rosenbrock.GAMMA_SUMS, gamma.sum(1), atol=1e-12)


def test_dense_output_is_of_order_four():
    """With stages of the test equation y' = λ y at small λ h, the error between ends falls as h**5."""
    z_values, errors = (0.2, 0.1), []
    for z in z_values:
        k = np.zeros(8)
        a = np.array(rosenbrock.full_a())
        for i in range(8):
            c = sum(value * k[j] for j, value in enumerate(rosenbrock.C[i]))
            k[i] = (z * (1 + a[i] @ k) + c) / (1 / rosenbrock.GAMMA - z)
        end = 1 + a[7] @ k + k[7]
        worst = 0.0
        for x in np.linspace(0, 1, 11):
            b = [np.dot(row, k) for row in rosenbrock.DENSE]
            value = (1 - x) + x * (end + (1 - x) * (b[0] + x * (b[1] + x * b[2])))
            worst = max(worst, abs(value - np.exp(z * x)))
        errors.append(worst)
    assert 4.5 < np.log2(errors[0] / errors[1]) < 6.5
