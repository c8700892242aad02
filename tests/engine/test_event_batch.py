"""Many patients with events: each as alone, whatever the others do."""

from __future__ import annotations

import numpy as np
import pytest

from vivocart.engine.doses import no_doses
from vivocart.engine.event_batch import compile_events, run_events
from vivocart.equations.system import symbol
from vivocart.formats.antimony import to_sbml
from vivocart.formats.sbml import read_sbml

MODELS = {
    "state and time": """
        x = 10; y = 0; k = 0.1; level = 2; n = 0; c = 0.3;
        x' = -k*x; y' = k*x - c*y;
        at (x < level): x = 10, n = n + 1;
        at (time > 50): c = 0.2;
    """,
    "delays, priorities and cascades": """
        x = 1; k = 0.1; f = 1; n = 0; m = 0; wait = 3;
        x' = k*f*x;
        A: at wait after (x > 2), priority = 1: x = x/2, n = n + 1;
        B: at (n > m), priority = 2: m = n;
        C: at 0 after (time >= 20), t0=false, priority = 3: f = 2*f;
    """,
    "a moment between steps": """
        x = 0; k = 0.1; n = 0;
        x' = 3*k*cos(3*k*time);
        at (x > 0.999): n = n + 1;
    """,
}


@pytest.mark.parametrize("name", MODELS)
def test_each_patient_is_as_alone(name):
    system = read_sbml(to_sbml(MODELS[name]))
    times = np.linspace(0, 100, 41)
    patients = np.tile([p.value for p in system.parameters], (20, 1))
    patients[:, system.parameter_ids.index("k")] = np.linspace(0.04, 0.2, 20)
    observed = {state: symbol(state) for state in system.state_ids}
    several = compile_events(system, observed, span=100.0)
    found = run_events(several, patients, times, doses=no_doses(20), relative=1e-9, absolute=1e-12, threads=2)
    assert not found.failures
    alone = compile_events(system, observed, span=100.0, quick=True)
    for i in range(0, 20, 3):
        expected = run_events(
            alone, patients[i : i + 1], times, doses=no_doses(1), relative=1e-9, absolute=1e-12
        )
        np.testing.assert_allclose(found.values[i], expected.values[0], rtol=1e-6, atol=1e-7)
    one = run_events(several, patients[7:8], times, doses=no_doses(1), relative=1e-9, absolute=1e-12)
    np.testing.assert_array_equal(one.values[0], found.values[7])


def test_who_fails_is_named_and_the_others_go_on():
    system = read_sbml(
        to_sbml("x = 1; y = 0; k = 1; x' = k*x^2; at (x > 50): y = y + 1; at (y > 1): y = y; z = 1; z' = -z;")
    )
    storm = read_sbml(to_sbml("x = 0; k = 1; x' = 1; A: at (x > k): x = k - 1; B: at (x < k): x = k + 1;"))
    times = np.linspace(0, 1.5, 7)
    for model, k in ((system, [0.1, 2.0]), (storm, [5.0, 1.0])):
        at = model.parameter_ids.index("k")
        patients = np.tile([p.value for p in model.parameters], (2, 1))
        patients[:, at] = k
        several = compile_events(model, {"x": symbol("x")}, span=1.5)
        found = run_events(several, patients, times, doses=no_doses(2), relative=1e-6, absolute=1e-9)
        assert list(found.failures) == [1]
        assert "time" in found.failures[1]
        assert np.isfinite(found.values[0]).all()
        assert np.isnan(found.values[1, -1, 0])
