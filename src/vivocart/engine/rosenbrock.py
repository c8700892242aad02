"""Rodas5P: the numbers of the method.

A Rosenbrock method of order 5 with an embedded error estimate of order 4 and dense output of order 4, L-stable and
stiffly accurate, eight stages with one factorization. The numbers are those of the form without matrix products (Hairer
and Wanner 1996, section IV.7), in which stage i solves

    (1/(γ h) - J) k_i = f(t + α_i h, y + Σ A_ij k_j) + Σ C_ij k_j / h + γ_i h f_t

and the solution at the end is y + Σ A_8j k_j + k_8 with k_8 the error estimate. Order conditions are checked in
``tests/engine/test_rosenbrock.py``.

Source
------
Steinebach 2023, BIT Numerical Mathematics 63:27, doi 10.1007/s10543-023-00967-x.
"""

from __future__ import annotations

STAGES = 8
ORDER = 5
GAMMA = 0.21193756319429014

A: tuple[tuple[float, ...], ...] = (
    (),
    (3.0,),
    (2.849394379747939, 0.45842242204463923),
    (-6.954028509809101, 2.489845061869568, -10.358996098473584),
    (2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641),
    (-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946),
)
"""Rows 7 and 8 are row 6 with ones appended: each of the last stages starts from the sum of those before it."""

C: tuple[tuple[float, ...], ...] = (
    (),
    (-14.155112264123755,),
    (-17.97296035885952, -2.859693295451294),
    (147.12150275711716, -1.41221402718213, 71.68940251302358),
    (165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306),
    (24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471),
    (
        30.91273214028599,
        -3.1208243349937974,
        77.79954646070892,
        34.28646028294783,
        -19.097331116725623,
        -28.087943162872662,
    ),
    (
        37.80277123390563,
        -3.2571969029072276,
        112.26918849496327,
        66.9347231244047,
        -40.06618937091002,
        -54.66780262877968,
        -9.48861652309627,
    ),
)

DENSE: tuple[tuple[float, ...], ...] = (
    (
        25.948786856663858,
        -2.5579724845846235,
        10.433815404888879,
        -2.3679251022685204,
        0.524948541321073,
        1.1241088310450404,
        0.4272876194431874,
        -0.17202221070155493,
    ),
    (
        -9.91568850695171,
        -0.9689944594115154,
        3.0438037242978453,
        -24.495224566215796,
        20.176138334709044,
        15.98066361424651,
        -6.789040303419874,
        -6.710236069923372,
    ),
    (
        11.419903575922262,
        2.8879645146136994,
        72.92137995996029,
        80.12511834622643,
        -52.072871366152654,
        -59.78993625266729,
        -0.15582684282751913,
        4.883087185713722,
    ),
)
"""Rows B of y(t + x h) = (1-x) y0 + x (y1 + (1-x) (B_1 k + x (B_2 k + x B_3 k)))."""


def full_a() -> list[list[float]]:
    """The 8 by 8 matrix A, last rows written out."""
    rows = [list(row) + [0.0] * (STAGES - len(row)) for row in A]
    for stage in (6, 7):
        row = list(rows[stage - 1])
        row[stage - 1] = 1.0
        rows.append(row)
    return rows


def _time_coefficients() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Stage times α_i and weights γ_i of the derivative to time, which follow from A, C and γ.

    With Γ = (1/γ - C)⁻¹ the usual matrix of stage coefficients is A Γ; α and γ are the sums of rows.
    """
    gamma_rows: list[list[float]] = []
    for i in range(STAGES):
        row = [0.0] * STAGES
        row[i] = GAMMA
        for j, c in enumerate(C[i]):
            for k in range(STAGES):
                row[k] += GAMMA * c * gamma_rows[j][k]
        gamma_rows.append(row)
    a = full_a()
    alpha = tuple(
        sum(a[i][j] * gamma_rows[j][k] for j in range(STAGES) for k in range(STAGES)) for i in range(STAGES)
    )
    # stages 6 to 8 stand at the end of the step: exact, so that nothing is evaluated beyond it
    alpha = tuple(0.0 if i == 0 else 1.0 if i >= 5 else value for i, value in enumerate(alpha))
    weights = tuple(sum(row) if i < 5 else 0.0 for i, row in enumerate(gamma_rows))
    return alpha, weights


ALPHA, GAMMA_SUMS = _time_coefficients()
