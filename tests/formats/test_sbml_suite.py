from __future__ import annotations

import math

import pytest

from vivocart.equations.system import TIME, symbol
from vivocart.formats.antimony import to_sbml
from vivocart.formats.sbml import read_sbml_model
from vivocart.formats.sbml_suite import read_settings, reported, write_results
from vivocart.ground.errors import InputError, UnknownNameError

TEXT = """start: 0
duration: 5
steps: 50
variables: S1, S2 , S3
absolute: 1.000000e-007
relative: 0.0001
amount: S1, S2
concentration:
"""


def test_settings_are_read() -> None:
    settings = read_settings(TEXT)
    assert settings.variables == ("S1", "S2", "S3")
    assert settings.amount == {"S1", "S2"}
    assert settings.concentration == frozenset()
    assert (settings.absolute, settings.relative) == (1e-7, 1e-4)
    assert len(settings.times) == 51
    assert settings.times[3] == 0.3  # not 3 · 0.1
    assert settings.times[-1] == 5


def test_windows_line_ends_and_a_byte_order_mark_are_read() -> None:
    assert read_settings("\ufeff" + TEXT.replace("\n", "\r\n")) == read_settings(TEXT)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("steps: 50", "steps: fifty", "line 3: steps is 'fifty'"),
        ("steps: 50", "steps: 0", "steps is 0"),
        ("steps: 50", "steps: 2.5", "steps is 2.5"),
        ("steps: 50", "steps: 1e300", "steps is 1e"),
        ("duration: 5", "duration: -1", "duration is -1"),
        ("duration: 5", "duration: nan", "duration is 'nan'"),
        ("duration: 5\n", "", "'duration' is missing"),
        ("duration: 5", "length: 5", "line 2: 'length: 5' is not a setting"),
        ("duration: 5", "hello", "line 2: 'hello' is not a setting"),
        ("variables: S1, S2 , S3", "variables:", "no variables"),
    ],
)
def test_a_wrong_setting_is_named(old: str, new: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_settings(TEXT.replace(old, new))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_species_is_reported_as_the_settings_say() -> None:
    model = read_sbml_model(
        to_sbml("compartment c = 2; species S1 in c = 6, S2 in c = 1; substanceOnly species S3 in c = 3;")
    )
    c = symbol("c")
    found = reported(model, read_settings(TEXT))
    assert found == {"S1": symbol("S1") * c, "S2": symbol("S2") * c, "S3": symbol("S3")}
    found = reported(model, read_settings(TEXT.replace("concentration:", "concentration: S3")))
    assert found["S3"] == symbol("S3") / c
    found = reported(model, read_settings(TEXT.replace("S3", "time")))
    assert found["time"] == TIME
    with pytest.raises(UnknownNameError, match="unknown variable 'S4'; did you mean S"):
        reported(model, read_settings(TEXT.replace("S3", "S4")))


def test_results_keep_every_digit() -> None:
    text = write_results([0.0, 0.1], ["a", "b"], [[1 / 3, math.nan], [math.inf, -math.inf]])
    assert text == "time,a,b\n0.0,0.3333333333333333,NaN\n0.1,INF,-INF\n"
