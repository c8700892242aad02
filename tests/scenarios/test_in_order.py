"""Results come in the order asked for, from as many threads as wanted, and an error starts nothing new."""

from __future__ import annotations

import threading
import time

import pytest

from vivocart.scenarios.in_order import in_order


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_asked_for(threads: int):
    def work(number: int) -> int:
        time.sleep(0.002 * (number % 3 == 0))
        return number * number

    assert list(in_order(work, range(20), threads)) == [number * number for number in range(20)]
    assert list(in_order(work, [], threads)) == []


def test_no_more_results_wait_than_threads_and_one():
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        return number

    results = in_order(work, range(100), 2)
    next(results)
    time.sleep(0.05)
    assert len(begun) <= 4
    results.close()


def test_an_error_is_told_and_nothing_new_is_begun():
    begun: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> int:
        with lock:
            begun.append(number)
        if number == 3:
            raise ValueError("third")
        return number

    with pytest.raises(ValueError, match="third"):
        list(in_order(work, range(1000), 2))
    assert len(begun) < 12
