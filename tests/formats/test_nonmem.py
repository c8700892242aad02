from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivocart.formats.nonmem import parse_nonmem
from vivocart.ground.errors import InputError, UnsupportedError, VivocartError

PLAIN = """# a comment
ID,TIME,AMT,DV,EVID,WT,Sex
A,0,100,.,1,70,F
A,1,.,5.5,0,70,F
A,2,,4.5,0,70,F
B,0,120,.,1,81.5,M
B,1.5,.,6,0,81.5,M
"""


def test_a_plain_table():
    data = parse_nonmem(PLAIN, name="my.csv")
    assert data.subjects == ("A", "B")
    assert data.doses.amount.tolist() == [100.0, 120.0]
    assert data.observations.value.tolist() == [5.5, 4.5, 6.0]
    assert data.observations.row.tolist() == [4, 5, 7]
    assert data.observation_subject.tolist() == [0, 0, 1]
    assert data.number("WT").tolist() == [70.0, 81.5]
    assert data.label("sex") == ("F", "M")


@pytest.mark.parametrize("mark", [",", ";", "\t", " "])
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_marks_between_cells_and_case_of_the_header_change_nothing(mark, case):
    lines = PLAIN.replace(",,", ",.,").splitlines()
    lines[1] = case(lines[1])
    text = "\n".join(line.replace(",", mark) for line in lines)
    data = parse_nonmem(text, name="my.csv")
    assert data.observations.value.tolist() == [5.5, 4.5, 6.0]
    assert set(data.covariates) == {"WT", "SEX"}


def test_without_evid_an_amount_makes_a_dose():
    data = parse_nonmem("ID,TIME,AMT,DV\n1,0,10,.\n1,1,0,3\n1,2,.,2\n", name="my.csv")
    assert data.doses.amount.tolist() == [10.0]
    assert data.observations.time.tolist() == [1.0, 2.0]


def test_rates_lengths_and_repeats_are_written_out():
    text = "ID,TIME,AMT,RATE,ADDL,II,DV,EVID,CMT\n1,0,10,5,3,12,.,1,2\n1,30,.,.,.,.,1,0,1\n"
    doses = parse_nonmem(text, name="my.csv").doses
    assert doses.at.tolist() == [0.0, 12.0, 24.0]  # the fourth comes after the last row and reaches nobody
    assert doses.duration.tolist() == [2.0, 2.0, 2.0]
    assert doses.compartment == ("2", "2", "2")
    again = parse_nonmem("ID,TIME,AMT,TINF,DV\n1,0,10,2,.\n1,1,.,.,1\n", name="my.csv").doses
    assert again.duration.tolist() == [2.0]


def test_a_measurement_before_a_dose_at_the_same_time_is_taken_before_it():
    text = "ID,TIME,AMT,DV,EVID\n1,0,10,.,1\n1,12,.,3,0\n1,12,10,.,1\n1,12,.,9,0\n1,13,.,5,0\n"
    data = parse_nonmem(text, name="my.csv")
    before, after, later = data.observations.at
    assert before == 12.0 < data.doses.at[1] == after
    assert after == pytest.approx(12.0, abs=1e-7)
    assert later == 13.0
    assert data.observations.time.tolist() == [12.0, 12.0, 13.0]


def test_resets_start_a_patient_anew():
    text = "ID,TIME,AMT,DV,EVID\n1,0,10,.,1\n1,5,.,3,0\n1,0,20,.,4\n1,5,.,6,0\n1,9,.,.,3\n1,10,.,0,0\n"
    data = parse_nonmem(text, name="my.csv")
    assert data.run_subject.tolist() == [0, 0, 0]
    assert data.run_start.tolist() == [0.0, 0.0, 9.0]
    assert data.doses.run.tolist() == [0, 1]
    assert data.observations.run.tolist() == [0, 1, 2]
    assert data.observations.at.tolist() == [5.0, 5.0, 1.0]
    assert data.left_out == 1


def test_limits_of_quantification():
    text = (
        "ID,TIME,DV,CENS,LIMIT\n1,0,7,0,.\n1,1,2,1,.\n1,2,2,1,0\n1,3,90,-1,.\n1,4,90,-1,200\n1,5,.,0,.\n"
    ).replace("1,5,.,0,.\n", "")
    seen = parse_nonmem(text, name="my.csv").observations
    assert seen.censored.tolist() == [0, 1, 1, -1, -1]
    assert seen.lower.tolist() == [7.0, -math.inf, 0.0, 90.0, 90.0]
    assert seen.upper.tolist() == [7.0, 2.0, 2.0, math.inf, 200.0]
    named = parse_nonmem("ID,TIME,DV,BLQ,LLOQ\n1,0,0,1,2.5\n", name="my.csv").observations
    assert named.upper.tolist() == [2.5]


def test_rows_that_do_not_count():
    text = "C,ID,TIME,DV,MDV,EVID\n.,1,0,5,1,0\nC,1,x,5,0,0\n.,1,1,.,0,2\n.,1,2,4,0,0\n"
    data = parse_nonmem(text, name="my.csv")
    assert data.observations.value.tolist() == [4.0]
    assert data.left_out == 2


FAULTS = [
    ("ID,TIME,DV\n1,0,x\n", "my.csv, row 2, column DV: is not a number (found 'x'); write a number"),
    ('ID,TIME,DV\n1,0,"1,5"\n', "write a point for the decimal mark"),
    ("ID,TIME,DV\n1,2024-01-03,1\n", "column TIME.*dates and clock times are not read"),
    ("ID,TIME,DV\n1,8:30,1\n", "column TIME.*dates and clock times are not read"),
    ("ID,DATE,TIME,DV\n1,1,0,1\n", "column DATE: dates are not read; give TIME as hours"),
    ("ID,TIME\n1,0\n", "column DV is missing"),
    ("ID,TIME,DV,dv\n1,0,1,1\n", "column DV stands twice"),
    ("ID,TIME,DV,\n1,0,1,1\n", "a column has no name"),
    ("ID,TIME,DV\n1,0\n", "row 2: 2 cells where the header has 3"),
    ("ID,TIME,DV\n1,2,1\n1,1,1\n", "row 3, column TIME: 1 comes after 2; sort the rows"),
    ("ID,TIME,DV\n1,0,1\n2,0,1\n1,1,1\n", "row 4, column ID: patient 1 comes back"),
    ("ID,TIME,DV\n.,0,1\n", "row 2, column ID: is missing"),
    ("ID,TIME,DV\n1,0,.\n", "row 2, column DV: is missing in a measurement"),
    ("ID,TIME,AMT,DV,EVID\n1,0,5,1,0\n", "row 2, column AMT: is a dose in a row with EVID 0"),
    ("ID,TIME,AMT,DV,EVID\n1,0,0,.,1\n1,1,.,1,0\n", "row 2, column AMT: is no dose"),
    ("ID,TIME,AMT,DV,EVID\n1,0,5,.,7\n", "row 2, column EVID: is unknown .*write one of 0, 1, 2, 3, 4"),
    ("ID,TIME,AMT,DV,ADDL,II\n1,0,5,.,2,0\n1,1,.,1,.,.\n", "row 2, column II: is not an interval"),
    ("ID,TIME,AMT,DV,ADDL,II\n1,0,5,.,1.5,2\n1,1,.,1,.,.\n", "row 2, column ADDL: is not a count"),
    ("ID,TIME,AMT,DV,RATE\n1,0,5,.,-3\n1,1,.,1,.\n", "row 2, column RATE: is negative"),
    ("ID,TIME,AMT,DV,RATE,TINF\n1,0,5,.,5,3\n1,1,.,1,.,.\n", "row 2, column TINF: does not agree"),
    ("ID,TIME,DV,CENS,LIMIT\n1,0,5,1,6\n", "row 2, column LIMIT: is not below 5"),
    ("ID,TIME,DV,CENS\n1,0,5,2\n", "row 2, column CENS: is unknown"),
    ("ID,TIME,DV,MDV\n1,0,5,1\n", "no measurement"),
    ("", "the file is empty"),
    ('ID,TIME,DV\n1,0,"1\n', "row 2: not CSV"),
]


@pytest.mark.parametrize(("text", "said"), FAULTS, ids=[said[:40] for _, said in FAULTS])
def test_a_fault_is_named_with_its_place_and_mend(text, said):
    import re

    pattern = said if ".*" in said else re.escape(said)
    with pytest.raises(InputError, match=pattern):
        parse_nonmem(text, name="my.csv")


def test_what_is_not_done_is_refused():
    with pytest.raises(UnsupportedError, match=r"SS.*row 2.*write out the doses"):
        parse_nonmem("ID,TIME,AMT,DV,SS\n1,0,5,.,1\n1,1,.,1,0\n", name="my.csv")
    with pytest.raises(UnsupportedError, match=r"RATE -2.*row 2"):
        parse_nonmem("ID,TIME,AMT,DV,RATE\n1,0,5,.,-2\n1,1,.,1,.\n", name="my.csv")


def test_covariates_that_change_or_lack_are_told_when_they_are_asked_for():
    data = parse_nonmem("ID,TIME,DV,WT,AGE\n1,0,1,70,.\n1,1,1,71,.\n2,0,1,60,30\n", name="my.csv")
    with pytest.raises(InputError, match=r"column WT: it changes within a patient \(row 3\)"):
        data.number("WT")
    with pytest.raises(InputError, match="column AGE: patient 1 has none"):
        data.number("AGE")
    with pytest.raises(InputError, match="column BMI: there is no such covariate; the file has: WT, AGE"):
        data.number("BMI")


numbers = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False).map(lambda x: round(x, 6))


@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.floats(0, 100), numbers), min_size=1, max_size=5),
            st.lists(st.tuples(st.floats(0, 100), st.floats(1, 1e3)), max_size=3),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_written_is_read(patients):
    rows, expected, doses = ["ID,TIME,AMT,DV,EVID"], [], []
    for number, (seen, given_) in enumerate(patients):
        events = [(t, None, y) for t, y in seen] + [(t, amount, None) for t, amount in given_]
        for time, amount, value in sorted(events, key=lambda event: event[0]):
            if amount is None:
                rows.append(f"{number},{time!r},.,{value!r},0")
                expected.append((number, time, value))
            else:
                rows.append(f"{number},{time!r},{amount!r},.,1")
                doses.append((number, amount))
    data = parse_nonmem("\n".join(rows), name="my.csv")
    found = list(
        zip(
            data.observation_subject.tolist(),
            data.observations.time.tolist(),
            data.observations.value.tolist(),
            strict=True,
        )
    )
    assert found == expected
    assert (
        list(zip(data.run_subject[data.doses.run].tolist(), data.doses.amount.tolist(), strict=True)) == doses
    )
    for run in range(len(data.run_start)):
        assert (np.diff(data.observations.at[data.observations.run == run]) >= 0).all()


@given(st.text(alphabet='ID,TIMEAVSN0123456789.-;\n\t "CENRATE#:/eE+', max_size=120))
def test_no_text_makes_more_than_a_plain_error(text):
    for header in ("", "ID,TIME,AMT,DV,EVID,CENS\n"):
        try:
            parse_nonmem(header + text, name="my.csv")
        except VivocartError as error:
            assert "\n" not in str(error)
