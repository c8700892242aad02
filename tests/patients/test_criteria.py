from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from vivocart.ground.errors import UnknownNameError
from vivocart.patients.criteria import Criterion, EntryCriteria

ADULTS = EntryCriteria(
    criteria=(
        Criterion(covariate="age", unit="a", minimum=18, maximum=69),
        Criterion(covariate="sledai_baseline", minimum=6),
    )
)


def test_all_criteria_hold_at_once_and_limits_are_included():
    patients = {"age": np.array([17.9, 18.0, 69.0, 40.0]), "sledai_baseline": np.array([8.0, 6.0, 5.0, 20.0])}
    np.testing.assert_array_equal(ADULTS.accepted(patients), [False, True, False, True])
    assert [list(meets) for meets in ADULTS.met(patients).values()] == [
        [False, True, True, True],
        [True, True, False, True],
    ]


def test_they_read_as_a_protocol():
    assert str(ADULTS) == "age 18 to 69 a; sledai_baseline at least 6"
    assert str(Criterion(covariate="prednisone", unit="mg/d", maximum=30)) == "prednisone at most 30 mg/d"


def test_an_unknown_covariate_is_answered_with_the_nearest():
    criteria = EntryCriteria(criteria=(Criterion(covariate="sledai", minimum=1),))
    with pytest.raises(UnknownNameError, match="did you mean sledai_baseline"):
        criteria.accepted({"sledai_baseline": np.ones(1), "age": np.ones(1)})


@pytest.mark.parametrize("limits", [{}, {"minimum": 3, "maximum": 2}])
def test_limits_that_say_nothing_are_refused(limits: dict[str, float]):
    with pytest.raises(ValidationError):
        Criterion(covariate="age", **limits)
