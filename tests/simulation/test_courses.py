from __future__ import annotations

import numpy as np
import pytest

from vivocart.ground.errors import InputError, UnknownNameError, UnsupportedError
from vivocart.model.load import load_model
from vivocart.simulation.courses import Course, course_values, plan_courses


def _model(tmp_path, text):
    path = tmp_path / "model.ant"
    path.write_text(text)
    return load_model(path)


def _course(times, doses=(), *, start=0.0):
    columns = np.array(doses, dtype=float).reshape(-1, 3)
    n = len(columns)
    return Course(
        start=start,
        times=np.array(times, dtype=float),
        dose_time=columns[:, 0],
        duration=columns[:, 1],
        amount=columns[:, 2],
        state=np.zeros(n, dtype=np.int64),
        lag=np.full(n, -1),
        fraction=np.full(n, -1),
    )


DECAY = "model decay\n  x' = -k * x\n  x = 0\n  k = 0.5\nend\n"


def test_each_course_has_its_own_doses_and_times(tmp_path):
    model = _model(tmp_path, DECAY)
    courses = [_course([1.0, 3.0], [(0.0, 0.0, 10.0)]), _course([2.0], [(0.0, 1.0, 4.0), (1.5, 0.0, 1.0)])]
    plan = plan_courses(model, courses, observables=["x"])
    first, second = course_values(plan, [np.array([[0.5], [1.0]]), np.array([[0.5]])])
    np.testing.assert_allclose(first[:, :, 0], 10.0 * np.exp(-np.outer([0.5, 1.0], [1.0, 3.0])), rtol=1e-5)
    infused = 4.0 / 0.5 * (1.0 - np.exp(-0.5)) * np.exp(-0.5)
    assert second[0, 0, 0] == pytest.approx(infused + np.exp(-0.25), rel=1e-5)


def test_the_company_of_a_course_changes_no_bit(tmp_path):
    model = _model(tmp_path, DECAY)
    courses = [_course(np.linspace(0.1, 5, 7 + i), [(0.0, 0.0, 10.0 + i)]) for i in range(5)]
    sets = [np.linspace(0.2, 2.0, 9)[:, None] for _ in courses]
    together = course_values(plan_courses(model, courses, observables=["x"]), sets)
    for place, course in enumerate(courses):
        alone = course_values(plan_courses(model, [course], observables=["x"]), [sets[place]], threads=1)
        assert alone[0].tobytes() == together[place].tobytes()


def test_a_model_that_reads_the_time_starts_at_its_own(tmp_path):
    model = _model(tmp_path, "model clock\n  x' = time\n  x = 0\n  k = 1\nend\n")
    plan = plan_courses(model, [_course([1.0]), _course([1.0], start=3.0)], observables=["x"])
    assert plan.keeps_time
    early, late = course_values(plan, [np.array([[1.0]]), np.array([[1.0]])])
    assert early[0, 0, 0] == pytest.approx(0.5, rel=1e-5)
    assert late[0, 0, 0] == pytest.approx((16.0 - 9.0) / 2.0, rel=1e-5)


def test_what_cannot_be_planned_is_refused(tmp_path):
    model = _model(tmp_path, DECAY)
    with pytest.raises(UnknownNameError, match="unknown observable 'y'"):
        plan_courses(model, [_course([1.0])], observables=["y"])
    with pytest.raises(InputError, match="1 for 2 courses"):
        plan = plan_courses(model, [_course([1.0]), _course([2.0])], observables=["x"])
        course_values(plan, [np.array([[1.0]])])
    jumping = _model(tmp_path, "model jump\n  x' = -x\n  x = 1\n  k = 1\n  E1: at (x < 0.5): x = 1\nend\n")
    with pytest.raises(UnsupportedError, match="events"):
        plan_courses(jumping, [_course([1.0])], observables=["x"])
