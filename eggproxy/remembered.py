"""What was said a moment ago and need not be asked again: bounded in number and in time."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Values for `seconds`, at most `limit` of them; `clock` gives the time in seconds."""

    def __init__(self, *, seconds: float, limit: int, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._values: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """Recall a value, if it is not too old."""
        with self._lock:
            known = self._values.get(key)
            if known is None:
                return None
            until, value = known
            if self._clock() < until:
                return value
            del self._values[key]
            return None

    def put(self, key: Key, value: Value) -> None:
        """Remember a value; the oldest one gives way."""
        with self._lock:
            self._values[key] = (self._clock() + self._seconds, value)
            self._values.move_to_end(key)
            while len(self._values) > self._limit:
                self._values.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Forget a value."""
        with self._lock:
            self._values.pop(key, None)
