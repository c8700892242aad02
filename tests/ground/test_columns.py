"""Tables of numbers: what is wrong is named by file, row, column and value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivocart.ground.columns import read_columns
from vivocart.ground.errors import InputError


def test_csv_and_parquet_give_the_same_columns(tmp_path):
    text = "# a note\npatient, k ,V\nanna,0.5,1e-3\n\n007, 2,30\n"
    (tmp_path / "p.csv").write_text("\ufeff" + text, encoding="utf-8")
    found = read_columns(tmp_path / "p.csv", words=("patient",))
    assert list(found) == ["patient", "k", "V"]
    assert found["patient"].tolist() == ["anna", "007"]
    np.testing.assert_array_equal(found["k"], [0.5, 2.0])
    np.testing.assert_array_equal(found["V"], [1e-3, 30.0])
    pd.DataFrame(found).to_parquet(tmp_path / "p.parquet")
    again = read_columns(tmp_path / "p.parquet", words=("patient",))
    assert all((again[name] == found[name]).all() for name in found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("k,V\n1,2\n3,x\n", ["row 3, column V", "'x'"]),
        ("k,V\n1,\n", ["row 2, column V", "empty"]),
        ("k,V\n1,inf\n", ["row 2, column V", "inf"]),
        ("k,V\n1,nan\n", ["row 2, column V", "nan"]),
        ("k,V\n1,NA\n", ["row 2, column V", "'NA'"]),
        ("k,k\n1,2\n", ["row 1", "twice"]),
        ("k,\n1,2\n", ["row 1", "no name"]),
        ("k,V\n1,2,3\n", ["more cells"]),
        ("", ["cannot be read"]),
        ("k,V\n", ["empty"]),
        ("patient,k\n,2\n", ["row 2, column patient", "empty"]),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, words):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        read_columns(tmp_path / "p.csv", words=("patient",))
    assert all(word in str(caught.value) for word in [*words, "p.csv"])


def test_a_file_that_is_no_table(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_columns(tmp_path / "nowhere.csv")
    (tmp_path / "bytes.csv").write_bytes(bytes(range(256)))
    (tmp_path / "text.parquet").write_text("k\n1\n")
    for name in ("bytes.csv", "text.parquet"):
        with pytest.raises(InputError, match="cannot be read"):
            read_columns(tmp_path / name)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    file = tmp_path_factory.mktemp("any") / "p.csv"
    file.write_text(text, encoding="utf-8", errors="ignore")
    try:
        found = read_columns(file)
    except InputError:
        return
    assert found
    assert all(np.isfinite(column).all() for column in found.values())


def test_a_cell_may_hold_the_sign_of_a_comment_and_rows_are_counted_as_in_the_file(tmp_path):
    (tmp_path / "p.csv").write_text("# a note\nk,patient\n\n1,a#1\n# another\n2,a#2\n")
    assert read_columns(tmp_path / "p.csv", words=("patient",))["patient"].tolist() == ["a#1", "a#2"]
    (tmp_path / "q.csv").write_text("# a note\nk,patient\n\n1,a\n# another\nx,b\n")
    with pytest.raises(InputError, match="row 6, column k"):
        read_columns(tmp_path / "q.csv", words=("patient",))


def test_whole_numbers_of_parquet_are_the_same_words_in_either_type(tmp_path):
    for kind in (np.int64, np.float64):
        pd.DataFrame({"patient": np.array([1, 20], kind), "k": 0.5}).to_parquet(tmp_path / "p.parquet")
        assert read_columns(tmp_path / "p.parquet", words=("patient",))["patient"].tolist() == ["1", "20"]


def test_a_blank_may_stand_for_zero_where_that_is_said_and_only_there(tmp_path):
    (tmp_path / "d.csv").write_text("time,duration,into\n0,,S\n1,2,S\n")
    found = read_columns(tmp_path / "d.csv", words=("into",), blank_as_zero=("duration",))
    assert found["duration"].tolist() == [0.0, 2.0]
    (tmp_path / "e.csv").write_text("time,duration,into\n0,x,S\n")
    with pytest.raises(InputError, match="column duration: 'x' is not a finite number"):
        read_columns(tmp_path / "e.csv", words=("into",), blank_as_zero=("duration",))
    (tmp_path / "f.csv").write_text("time,into\n0,\n")
    with pytest.raises(InputError, match="column into: the cell is empty; write a name"):
        read_columns(tmp_path / "f.csv", words=("into",))
