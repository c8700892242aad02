"""Explorations on a bounded number of threads: fair, quick to answer twice, and dropped when nobody waits any more."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, final

from vivocart.web.errors import RefusedError
from vivocart.web.settings import LIMITS

Result = TypeVar("Result")
_KEPT_ANSWERS = 64


@final
class Solver:
    """Runs what takes processor time, as many at once as there are processors; the rest waits in order.

    An answer is kept for those who ask the same again, and a request that is being answered is not computed twice.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or _processors()
        self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="solve")
        self._slots = asyncio.Semaphore(self.workers)
        self._large = asyncio.Semaphore(max(1, self.workers - 1))  # one processor is left to the sliders
        self._busy = 0
        self._waiting = 0
        self._kept: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._under_way: dict[str, asyncio.Future[tuple[bytes, float]]] = {}

    @property
    def waiting(self) -> int:
        """Requests that wait for a processor."""
        return self._waiting

    async def answer(
        self,
        key: str,
        compute: Callable[[int], bytes],
        is_gone: Callable[[], Awaitable[bool]],
        *,
        is_large: bool = False,
    ) -> tuple[bytes, float]:
        """The bytes that ``compute(threads)`` makes and the milliseconds it took; kept under ``key``.

        Raises
        ------
        RefusedError
            503 if too many wait, 499 if the caller left before the work began.
        """
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][0], 0.0
        while (
            key in self._under_way
        ):  # somebody computes it: take theirs, unless they left and nobody does any more
            try:
                return await asyncio.shield(self._under_way[key])
            except RefusedError as error:
                if error.status != 499:
                    raise
        future: asyncio.Future[tuple[bytes, float]] = asyncio.get_running_loop().create_future()
        self._under_way[key] = future
        try:
            found = await self.run(compute, is_gone, is_large=is_large)
        except BaseException as error:
            gone = RefusedError(499, "gone", "the caller left before the work began")
            future.set_exception(error if isinstance(error, Exception) else gone)
            future.exception()  # seen: nobody need wait for it
            raise
        else:
            future.set_result(found)
            self._keep(key, found)
            return found
        finally:
            del self._under_way[key]

    async def run(
        self,
        compute: Callable[[int], Result],
        is_gone: Callable[[], Awaitable[bool]] | None = None,
        *,
        is_large: bool = False,
    ) -> tuple[Result, float]:
        """What ``compute(threads)`` returns and the milliseconds it took, once a processor is free.

        A large one waits for other large ones, so that they never hold every processor.
        """
        if self._waiting >= LIMITS.waiting_solves:
            raise RefusedError(
                503, "busy", f"{self._waiting} requests wait already", mend="ask again shortly", retry_after=1
            )
        async with self._large if is_large else contextlib.nullcontext():
            return await self._run(compute, is_gone)

    async def _run(
        self, compute: Callable[[int], Result], is_gone: Callable[[], Awaitable[bool]] | None
    ) -> tuple[Result, float]:
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        self._busy += 1
        try:
            if is_gone is not None and await is_gone():
                raise RefusedError(499, "gone", "the caller left before the work began")
            threads = max(1, self.workers // min(self.workers, self._busy + self._waiting))
            return await asyncio.get_running_loop().run_in_executor(self._pool, _timed, compute, threads)
        finally:
            self._busy -= 1
            self._slots.release()

    def forget(self) -> None:
        """Drop every kept answer."""
        self._kept.clear()

    def close(self) -> None:
        """Let go of the threads; what has not begun is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _keep(self, key: str, found: tuple[bytes, float]) -> None:
        self._kept[key] = found
        while len(self._kept) > _KEPT_ANSWERS:
            self._kept.popitem(last=False)


def _timed(compute: Callable[[int], Result], threads: int) -> tuple[Result, float]:
    begun = time.perf_counter()
    result = compute(threads)
    return result, 1000 * (time.perf_counter() - begun)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
