"""Fair, quick to answer twice, and bounded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from vivocart.web.errors import RefusedError
from vivocart.web.settings import LIMITS
from vivocart.web.solving import Solver


async def here() -> bool:
    return False


async def gone() -> bool:
    return True


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def test_the_same_question_is_computed_once():
    calls: list[int] = []

    async def ask() -> list[tuple[bytes, float]]:
        solver = Solver(2)

        def compute(threads: int) -> bytes:
            calls.append(threads)
            return b"answer"

        found = await asyncio.gather(*(solver.answer("same", compute, here) for _ in range(20)))
        found.append(await solver.answer("same", compute, here))
        solver.forget()
        await solver.answer("same", compute, here)
        solver.close()
        return found

    assert {data for data, _ in run(ask())} == {b"answer"} and len(calls) == 2


def test_no_more_work_at_once_than_processors_and_all_threads_for_one_alone():
    busy, most, threads_seen = [0], [0], []
    lock = threading.Lock()

    async def ask() -> None:
        solver = Solver(2)

        def compute(threads: int) -> bytes:
            with lock:
                threads_seen.append(threads)
                busy[0] += 1
                most[0] = max(most[0], busy[0])
            threading.Event().wait(0.02)
            with lock:
                busy[0] -= 1
            return b""

        await solver.answer("first", compute, here)
        await asyncio.gather(*(solver.answer(str(place), compute, here) for place in range(8)))
        solver.close()

    run(ask())
    assert most[0] == 2 and threads_seen[0] == 2 and 1 in threads_seen[1:]


def test_who_left_is_not_computed_for_and_does_not_spoil_it_for_others():
    calls: list[str] = []

    async def ask() -> Any:
        solver = Solver(1)
        blocker = asyncio.ensure_future(
            solver.answer("slow", lambda _: threading.Event().wait(0.05) or b"", here)
        )
        await asyncio.sleep(0)

        def compute(_threads: int) -> bytes:
            calls.append("computed")
            return b"answer"

        first = asyncio.ensure_future(solver.answer("same", compute, gone))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(solver.answer("same", compute, here))
        found = await asyncio.gather(blocker, first, second, return_exceptions=True)
        solver.close()
        return found

    _, left, stayed = run(ask())
    assert isinstance(left, RefusedError) and left.status == 499
    assert stayed[0] == b"answer" and calls == ["computed"]


def test_a_fault_reaches_everybody_who_waits_and_is_not_kept():
    async def ask() -> Any:
        solver = Solver(1)

        def broken(_threads: int) -> bytes:
            raise ValueError("no")

        found = await asyncio.gather(
            *(solver.answer("same", broken, here) for _ in range(3)), return_exceptions=True
        )
        good = await solver.answer("same", lambda _: b"yes", here)
        solver.close()
        return found, good

    found, good = run(ask())
    assert all(isinstance(error, ValueError) for error in found) and good[0] == b"yes"


def test_too_many_are_told_to_come_again():
    async def ask() -> Any:
        solver = Solver(1)
        stop = threading.Event()
        waiting = [
            asyncio.ensure_future(solver.run(lambda _: stop.wait(5)))
            for _ in range(LIMITS.waiting_solves + 1)
        ]
        await asyncio.sleep(0.01)
        with pytest.raises(RefusedError) as refused:
            await solver.run(lambda _: None)
        stop.set()
        await asyncio.gather(*waiting)
        solver.close()
        return refused.value

    error = run(ask())
    assert error.status == 503 and error.retry_after > 0


def test_large_answers_leave_a_processor_to_small_ones():
    async def ask() -> float:
        solver = Solver(2)
        stop = threading.Event()
        large = [asyncio.ensure_future(solver.run(lambda _: stop.wait(5), is_large=True)) for _ in range(4)]
        await asyncio.sleep(0.01)
        found, _ = await asyncio.wait_for(solver.run(lambda _: "small"), 2)
        stop.set()
        await asyncio.gather(*large)
        solver.close()
        return found

    assert run(ask()) == "small"
