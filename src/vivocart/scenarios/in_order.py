"""Work on several threads, its results in the order in which it was asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Asked = TypeVar("Asked")
Found = TypeVar("Found")


def in_order(work: Callable[[Asked], Found], asked: Iterable[Asked], threads: int) -> Generator[Found]:
    """What ``work`` gives for each of ``asked``, in that order, with so many of them in work at a time.

    Results wait to be taken, one more than there are threads at most: who takes them slowly is not run over. An error, or
    Ctrl-C, waits for what is in work and starts nothing new.
    """
    if threads <= 1:
        yield from map(work, asked)
        return
    left = iter(asked)
    pool = ThreadPoolExecutor(threads)
    try:
        waiting: deque[Future[Found]] = deque(pool.submit(work, one) for one in islice(left, threads + 1))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(work, one) for one in islice(left, 1))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
