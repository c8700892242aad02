from __future__ import annotations

import threading

import pytest

from vivocart.formats.antimony import from_sbml, to_sbml
from vivocart.formats.sbml import read_sbml
from vivocart.ground.errors import InputError, UnsupportedError

MODEL = "species A = 3, B = 0; J: A -> B; k*A; k = 0.5;"


def test_a_text_gives_the_same_bytes_each_time() -> None:
    assert to_sbml(MODEL) == to_sbml(MODEL)
    assert 'level="3" version="2"' in to_sbml(MODEL)


def test_nothing_of_one_model_reaches_the_next() -> None:
    to_sbml("x = 1; model other() y = 2; end")
    assert read_sbml(to_sbml("z = 3;")).parameter_ids == ("z",)


def test_round_trip_keeps_the_system() -> None:
    text = MODEL + " function f(x, y) x*y + 1 end; w := f(A, B); at (A < 1): k = 0.25; R' = -R; R = 2;"
    first = read_sbml(to_sbml(text))
    again = read_sbml(to_sbml(from_sbml(to_sbml(text))))
    for part in (
        "states",
        "rules",
        "events",
        "start",
        "parameters",
    ):  # Antimony writes them in an order of its own
        assert {entry.id: entry for entry in getattr(again, part)} == {
            entry.id: entry for entry in getattr(first, part)
        }


@pytest.mark.parametrize(
    ("text", "line"),
    [("A -> B; k*A;\nk = = 3", 2), ("k = 1\n\nf(", 3), ("A é", 1)],
)
def test_an_error_names_the_line(text: str, line: int) -> None:
    with pytest.raises(InputError, match=f"line {line}") as caught:
        to_sbml(text, name="mine.ant")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("mine.ant")


def test_no_file_is_read_on_a_models_word() -> None:
    with pytest.raises(UnsupportedError, match="import"):
        to_sbml('k = 1;\nimport "/etc/passwd"')
    with pytest.raises(InputError, match="NUL"):
        to_sbml("k = 1;\0")


def test_threads_do_not_mix_models() -> None:
    found: dict[int, tuple[str, ...]] = {}

    def work(number: int) -> None:
        for _ in range(5):
            found[number] = read_sbml(to_sbml(f"p{number} = {number}; q{number} = 1")).parameter_ids

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {i: (f"p{i}", f"q{i}") for i in range(6)}


def test_what_is_not_sbml_is_refused() -> None:
    with pytest.raises(InputError, match="not well-formed"):
        from_sbml("<sbml")
    with pytest.raises(InputError, match=r"no <?model|no model"):
        from_sbml('<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"/>')
