"""What was said a moment ago: bounded in number and in time."""

import gc
import weakref

from eggproxy.remembered import Remembered


class Clock:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def test_get__for_some_seconds() -> None:
    """A value is recalled until its time is over, however often it is asked for."""
    clock = Clock()
    remembered: Remembered[str, int] = Remembered(seconds=60, limit=9, clock=clock)
    remembered.put("a", 1)
    clock.now += 59.9
    assert [remembered.get("a"), remembered.get("a"), remembered.get("b")] == [1, 1, None]
    clock.now += 0.1
    assert remembered.get("a") is None
    clock.now -= 30
    assert remembered.get("a") is None


def test_put__begins_anew() -> None:
    """A value that is put again is the new one, for as long again."""
    clock = Clock()
    remembered: Remembered[str, int] = Remembered(seconds=60, limit=9, clock=clock)
    remembered.put("a", 1)
    clock.now += 50
    remembered.put("a", 2)
    clock.now += 50
    assert remembered.get("a") == 2


def test_put__the_oldest_gives_way() -> None:
    """There are never more values than the limit; one that is put again is new."""
    remembered: Remembered[int, int] = Remembered(seconds=60, limit=3, clock=Clock())
    for number in (0, 1, 2, 0, 3):
        remembered.put(number, number)
    assert [remembered.get(number) for number in range(4)] == [0, None, 2, 3]


def test_put__holds_nothing_longer() -> None:
    """What has given way is gone from memory too."""

    class Value:
        pass

    remembered: Remembered[int, Value] = Remembered(seconds=60, limit=1, clock=Clock())
    value = Value()
    remembered.put(1, value)
    gone = weakref.ref(value)
    del value
    remembered.put(2, Value())
    gc.collect()
    assert gone() is None


def test_forget() -> None:
    """A value can be forgotten, known or not."""
    remembered: Remembered[str, str] = Remembered(seconds=60, limit=9, clock=Clock())
    remembered.put("a", "")
    assert remembered.get("a") == ""
    remembered.forget("a")
    remembered.forget("b")
    assert remembered.get("a") is None
