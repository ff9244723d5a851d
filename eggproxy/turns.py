"""Work that keeps a core busy: one piece at a time, the smallest first.

Threads of Python share one core anyway. Side by side all would end late; in turns each but the
largest ends sooner, and the client of a small page need not wait for somebody's large one.
"""

import heapq
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PUT_OFF = 8 << 20
"""How much work may be put off at a time, by its size: it takes memory while it waits."""

PUT_OFF_FOR = 0.5
"""Seconds for which it may be put off: somebody may wait for it after all."""

_FIRST, _REST = 0, 1


class Turns:
    """Gives turns to threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tickets = itertools.count()
        self._waiting: list[tuple[int, int, int]] = []
        self._busy = False
        self._part = _REST
        self._put_off = 0

    def is_asked_for(self) -> bool:
        """Say whether work that somebody waits for is being done, or waits for its turn.

        As it is at this moment, for whoever wants to make use of the time.
        """
        with self._changed:
            waiting = bool(self._waiting) and self._waiting[0][0] == _FIRST
            return waiting or (self._busy and self._part == _FIRST)

    @contextmanager
    def turn(self, size: int) -> Iterator["Turn"]:
        """Wait for a turn, and have it until the end of the block; `size` is that of the work."""
        self._take(_FIRST, size)
        try:
            yield Turn(self, size)
        finally:
            self._leave()

    def give_way(self, size: int) -> None:
        """Let all others that wait begin, before the rest of the work is done whose turn it is."""
        with self._changed:
            if not self._waiting or self._put_off + size > PUT_OFF:
                return
            self._put_off += size
        self._leave()
        try:
            self._take(_REST, size)
        finally:
            with self._changed:
                self._put_off -= size

    def _take(self, part: int, size: int) -> None:
        with self._changed:
            # Among equals, in the order in which they came.
            mine = (part, size, next(self._tickets))
            heapq.heappush(self._waiting, mine)
            if not self._wait_for(mine, PUT_OFF_FOR if part == _REST else None):
                self._waiting.remove(mine)
                mine = (_FIRST, 0, next(self._tickets))
                self._waiting.append(mine)
                heapq.heapify(self._waiting)
                self._wait_for(mine, None)
            heapq.heappop(self._waiting)
            self._busy, self._part = True, part

    def _wait_for(self, mine: tuple[int, int, int], patience: float | None) -> bool:
        return self._changed.wait_for(lambda: not self._busy and self._waiting[0] == mine, patience)

    def _leave(self) -> None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()


class Turn:
    """A turn of somebody's."""

    def __init__(self, turns: Turns, size: int) -> None:
        self._turns = turns
        self._size = size

    def give_way(self) -> None:
        """Let all others that wait begin, unless too much has been put off already."""
        self._turns.give_way(self._size)
