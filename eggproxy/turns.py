"""Work that keeps a core busy: one piece at a time, the smallest first.

Threads of Python share one core anyway. Side by side all would end late; in turns each but the
largest ends sooner, and the client of a small page need not wait for somebody's large one.
"""

import heapq
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Gives turns to threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tickets = itertools.count()
        self._waiting: list[tuple[int, int]] = []
        self._busy = False

    @contextmanager
    def turn(self, size: int) -> Iterator[None]:
        """Wait for a turn, and have it until the end of the block; `size` is that of the work."""
        with self._changed:
            # Among equals, in the order in which they came.
            mine = (size, next(self._tickets))
            heapq.heappush(self._waiting, mine)
            self._changed.wait_for(lambda: not self._busy and self._waiting[0] == mine)
            heapq.heappop(self._waiting)
            self._busy = True
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
