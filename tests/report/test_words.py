from __future__ import annotations

from vivocart.report.words import answer
from vivocart.scenarios.result import TrialResult
from vivocart.scenarios.summary import endpoint_table


def test_the_answer_names_arms_numbers_and_what_lies_outside(trial_result: TrialResult):
    said = answer(trial_result, [endpoint_table(arm.endpoints) for arm in trial_result.arms])
    assert said[0].startswith("**4 mg × 3**")
    assert said[1].startswith("**2 mg × 3**")
    assert "SLEDAI-2K goes from **16** (8 to 26) to **5**" in said[0]
    assert "outside: Largest fall of SLEDAI within 3 months (all)" in said[2]
    assert said[3].startswith("**16** of the model's 40 parameters are assumed.")
