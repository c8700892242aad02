"""Studies of twelve patients simulated from a fit and fitted again: estimates and their standard errors must be honest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vivocart.calibration.individuals.diagnostics import replicate_study
from vivocart.calibration.individuals.fit import fit_individuals
from vivocart.calibration.individuals.uncertainty import observed_uncertainty

N_STUDIES = 40


@pytest.mark.long
def test_known_populations_come_back_within_their_standard_errors(theophylline_problem):
    fit = fit_individuals(theophylline_problem, seed=1)
    studies = replicate_study(fit, n_replicates=N_STUDIES).value
    scores = []
    for study in studies:
        measured = replace(theophylline_problem.measured, value=study, lower=study, upper=study)
        again = fit_individuals(replace(theophylline_problem, measured=measured), seed=1, n_draws=150)
        assert again.settled
        deviations = np.sqrt(np.diagonal(observed_uncertainty(again).covariance))
        scores.append((again.vector - fit.vector) / deviations)
    scores = np.array(scores)
    known = np.isfinite(scores)  # a spread that a study cannot tell from none has no standard error
    inside = np.where(known, np.abs(scores) < 1.96, np.nan)
    means = np.nanmean(scores, axis=0)
    print(np.round(means, 2), np.round(np.nanstd(scores, axis=0), 2), np.nanmean(inside, axis=0))  # noqa: T201
    assert known.mean() > 0.97
    assert np.abs(means[:3]).max() < 3.0 / np.sqrt(N_STUDIES)
    assert np.nanmean(inside) > 0.85
    # maximum likelihood in twelve patients makes spreads come out small, by about half a twelfth
    assert ((means[3:6] > -0.8) & (means[3:6] < 0.3)).all()
