from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivocart.calibration.individuals.data_map import DataMap, map_from_words
from vivocart.ground.errors import InputError, VivocartError
from vivocart.ground.tables import parse_document


def test_words_and_file_say_the_same():
    words = map_from_words(
        observe=["1=cp:proportional", "2 = pca"],
        doses=["1=depot,lag=tlag,fraction=F"],
        estimate=["CL=2.8~0.3", "ka", "V=-1e-2~0"],
        covariates=["CL~WT/70^0.75", "V~WT", "CL~SEX[F]"],
        correlate=["CL,ka"],
        settings=["body_weight=WT"],
        time_unit="h",
    )
    text = """
observe:
  "1": {observable: cp, error: proportional}
  "2": {observable: pca}
doses:
  "1": {state: depot, lag: tlag, fraction: F}
estimate:
  CL: {value: 2.8, spread: 0.3}
  ka: {}
  V: {value: -0.01, spread: 0}
covariates:
  - {parameter: CL, covariate: WT, reference: 70, value: 0.75, hold: true}
  - {parameter: V, covariate: WT}
  - {parameter: CL, covariate: SEX, kind: category, level: F}
set: {body_weight: WT}
correlate: [[CL, ka]]
time_unit: h
"""
    assert words == parse_document(text, DataMap, name="map.yaml")


def test_words_take_the_place_of_the_same_in_a_file():
    start = map_from_words(observe=["1=cp:additive", "2=pca"], estimate=["CL=1"])
    joined = map_from_words(observe=["1=cp:lognormal"], estimate=["V=2"], start=start)
    assert joined.observe["1"].error == "lognormal"
    assert joined.observe["2"].observable == "pca"
    assert set(joined.estimate) == {"CL", "V"}


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("observe", "1=2=cp", "--observe: '1=2=cp'; write 1=concentration"),
        ("observe", "cp:odd", "--observe: error 'odd'; one of additive, proportional, combined, lognormal"),
        ("doses", "1=depot,delay=x", "--dose: '1=depot,delay=x'; write 1=depot"),
        ("estimate", "CL=two", "--estimate: 'CL=two'; write CL, CL=2.8 or CL=2.8~0.3"),
        ("estimate", "CL=1.2.3", "--estimate: '1.2.3' in 'CL=1.2.3' is not a number"),
        ("estimate", "CL=2~-1", "--estimate CL spread: Input should be greater than or equal to 0"),
        ("covariates", "CL WT", "--covariate: 'CL WT'; write CL~WT"),
        ("settings", "body_weight", "--set: 'body_weight'; write body_weight=WT"),
    ],
)
def test_what_cannot_be_read_shows_how_it_is_written(option, text, said):
    with pytest.raises(InputError) as error:
        map_from_words(**{option: [text]})
    assert str(error.value).startswith(said)


@given(
    st.sampled_from(["observe", "doses", "estimate", "covariates", "correlate", "settings"]),
    st.text(alphabet="CLWT1=~/^[]:,.e-+ *", max_size=12),
)
def test_no_words_make_more_than_a_plain_error(option, text):
    try:
        assert isinstance(map_from_words(**{option: [text]}), DataMap)
    except VivocartError as error:
        assert "\n" not in str(error)
