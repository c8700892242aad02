from __future__ import annotations

import pytest

from vivocart.ground.names import letters_of


@pytest.mark.parametrize("written", ["CAR-T", "car_t", "Car T", " CAR  T. "])
def test_joints_and_case_do_not_count(written: str):
    assert letters_of(written) == "cart"
