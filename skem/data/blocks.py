"""The one place that knows blocks of rows and threads.

Rows are cut into blocks with a work space of bounded size, and blocks into a few segments. Both
depend on the shape of the problem alone; threads only decide who works on which segment. Results
come back in the order of the segments, so a sum over them is the same to the last bit for any
number of threads.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from threading import Lock
from typing import Any, TypeVar

from sklearn import get_config
from threadpoolctl import ThreadpoolController

__all__ = [
    "SERIAL",
    "Workers",
    "block_rows",
    "segments",
    "within_working_memory",
    "workers",
]

Result = TypeVar("Result")

#: Work space of one block at most, in float64 numbers (8 MiB). Smaller blocks would fit a faster
#: cache, but threads then lose more by taking turns at the interpreter than the cache saves.
BLOCK_NUMBERS = 2**20
MIN_BLOCK, MAX_BLOCK = 32, 2**17
MAX_SEGMENTS = 32

#: Blocks of many rows come in multiples of this number, so that threads share them evenly.
EVEN = 8

#: Below this many multiplications threads do not pay.
SMALL = 2**22


def within_working_memory(n_bytes: int) -> int:
    """Return a number of bytes, or scikit-learn's ``working_memory`` if that is less."""
    return int(min(n_bytes, get_config()["working_memory"] * 2**20))


def block_rows(width: int, n_components: int, n_rows: int) -> int:
    """Return how many rows make a block: a multiple of MIN_BLOCK.

    Rows that fit a block are cut as well, down to an EVEN-th of one.
    """
    numbers = within_working_memory(8 * BLOCK_NUMBERS) / 8
    most = min(max(numbers / (width + 2 * n_components + 1), 1), MAX_BLOCK)
    n_blocks = min(ceil(EVEN * n_rows / most), EVEN * ceil(n_rows / (EVEN * most)))
    return ceil(n_rows / n_blocks / MIN_BLOCK) * MIN_BLOCK


def segments(n_rows: int, block: int) -> list[range]:
    """Cut n_rows into at most MAX_SEGMENTS ranges of block starts, of nearly equal length."""
    n_blocks = -(-n_rows // block)
    n_segments = min(n_blocks, MAX_SEGMENTS)
    bounds = [i * n_blocks // n_segments * block for i in range(n_segments + 1)]
    bounds[-1] = n_rows
    return [range(a, b, block) for a, b in pairwise(bounds)]


class _Blas:
    """The BLAS libraries, held to one thread each for as long as anyone is at work.

    What a BLAS of several threads computes depends on their number. The limit is that of the
    whole process, so fits in concurrent threads share it: the last one to leave lifts it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._controller: Any = None
        self._limit: Any = None
        self._n_holders = 0
        self._n_threads = 1

    def __enter__(self) -> int:
        """Return how many threads the libraries may use otherwise."""
        with self._lock:
            if self._controller is None:  # finding the libraries takes milliseconds
                self._controller = ThreadpoolController().select(user_api="blas")
            if self._n_holders == 0:
                libraries = self._controller.lib_controllers
                self._n_threads = max((each.num_threads for each in libraries), default=1)
                self._limit = self._controller.limit(limits=1)
            self._n_holders += 1
            return self._n_threads

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._n_holders -= 1
            if self._n_holders == 0:
                self._limit.restore_original_limits()


_BLAS = _Blas()


@dataclass(frozen=True)
class Workers:
    """Who does the work: the calling thread, and so many others of a pool."""

    pool: Any = None
    n_others: int = 0

    def for_work(self, work: int) -> "Workers":
        """Return those of them that a pass of so many multiplications is worth waking."""
        return SERIAL if work < SMALL else self

    def map(
        self, function: Callable[[range], Result], n_rows: int, block: int
    ) -> Iterator[Result]:
        """Apply function to each segment, and yield the results in the order of the rows.

        Each thread takes the next segment when it is done with one, and nobody waits for anybody
        in between: waking a thread costs as much as a block.
        """
        todo = deque(enumerate(segments(n_rows, block)))
        done: dict[int, Result] = {}

        def work() -> Iterator[None]:
            while todo:
                try:
                    i, segment = todo.popleft()
                except IndexError:  # another thread was faster
                    return
                done[i] = function(segment)
                yield

        turn = 0
        try:
            others = [self.pool.submit(deque, work(), 0) for _ in range(self.n_others)]
            for _ in work():
                while turn in done:
                    yield done.pop(turn)
                    turn += 1
            for other in others:
                other.result()
        finally:
            todo.clear()  # after an error there is nothing left to do
        yield from (done[i] for i in sorted(done))


#: The calling thread alone.
SERIAL = Workers()


@contextmanager
def workers(work: int) -> Iterator[Workers]:
    """Provide workers for passes of about ``work`` multiplications each.

    Large passes run on as many threads as the BLAS is allowed (limit them with
    :func:`threadpoolctl.threadpool_limits`, ``OPENBLAS_NUM_THREADS`` or joblib's
    ``inner_max_num_threads``), small ones on the calling thread; each with a BLAS of one thread.
    """
    with _BLAS as n_threads:
        if work < SMALL or n_threads == 1:
            yield SERIAL
            return
        with ThreadPoolExecutor(n_threads - 1, thread_name_prefix="skem") as pool:
            yield Workers(pool, n_threads - 1)
