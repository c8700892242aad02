from __future__ import annotations

import re

from vivocart.cli.progress import progress


def test_quiet_shows_nothing(capsys):
    with progress("simulating", quiet=True) as (on_progress, on_message):
        assert on_progress is None
        assert on_message is None
    assert capsys.readouterr().err == ""


def test_a_file_gets_a_line_for_each_tenth_and_the_time_left(capsys):
    with progress("simulating", quiet=False) as (on_progress, on_message):
        assert on_progress is not None and on_message is not None
        on_message("compiling")
        for done in range(0, 1001, 7):
            on_progress(min(done, 1000), 1000)
        on_progress(1000, 1000)
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert lines[0] == "compiling"
    assert len(lines) == 12
    assert all(re.search(r"about \d+ s left$", line) for line in lines[2:-1])
    assert lines[-1] == "simulating: 100 % (1000 of 1000)"


def test_nothing_to_do_divides_by_nothing(capsys):
    with progress("simulating", quiet=False) as (on_progress, _):
        assert on_progress is not None
        on_progress(0, 0)
    assert "0 of 0" in capsys.readouterr().err
