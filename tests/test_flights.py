"""Single flight within a process."""

import gc
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NoReturn

import pytest

from eggproxy.errors import NotFoundError, OverloadedError
from eggproxy.flights import Flights, launch
from tests.servers import wait_until

PATIENCE = 30


def test_join__one_work_for_many() -> None:
    """Whoever wants what is under way waits for that, and is told so."""
    flights: Flights[str, object] = Flights("test")
    opened, calls = threading.Event(), []

    def work() -> object:
        calls.append(1)
        opened.wait(PATIENCE)
        return object()

    with ThreadPoolExecutor(20) as pool:
        joined = list(pool.map(lambda _: flights.join("a", work), range(20)))
        opened.set()
    assert len({id(future.result(PATIENCE)) for future, _ in joined}) == 1
    assert sorted(was_joined for _, was_joined in joined) == [False] + [True] * 19
    assert len(calls) == 1


def test_join__keys_are_apart() -> None:
    """One key's work does not wait for that of another."""
    flights: Flights[str, str] = Flights("test")
    opened = threading.Event()
    slow, _ = flights.join("slow", lambda: str(opened.wait(PATIENCE)))
    fast, joined = flights.join("fast", lambda: "done")
    assert (fast.result(PATIENCE), joined, slow.done()) == ("done", False, False)
    opened.set()
    assert slow.result(PATIENCE) == "True"


def test_join__anew_once_landed() -> None:
    """As soon as somebody has the result, the next one starts a new flight."""
    flights: Flights[str, int] = Flights("test")
    numbers = iter(range(100))
    got = [flights.join("a", lambda: next(numbers))[0].result(PATIENCE) for _ in range(100)]
    assert got == list(range(100))


def test_join__an_error_for_all() -> None:
    """An error goes to all who wait, and the next one tries again."""
    flights: Flights[str, str] = Flights("test")
    opened = threading.Event()

    def work() -> NoReturn:
        opened.wait(PATIENCE)
        raise NotFoundError("gone")

    futures = [flights.join("a", work)[0] for _ in range(3)]
    opened.set()
    assert [str(future.exception(PATIENCE)) for future in futures] == ["gone"] * 3
    assert flights.join("a", lambda: "back")[0].result(PATIENCE) == "back"


def test_launch__not_in_the_callers_thread() -> None:
    """Work runs in a thread that Python made, which does not keep the process from ending."""
    future: Future[threading.Thread] = Future()
    launch(threading.current_thread, future, name="test")
    thread = future.result(PATIENCE)
    assert thread is not threading.current_thread()
    assert (thread.daemon, thread.name) == (True, "eggproxy-test")


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()])
def test_launch__whatever_is_raised(error: BaseException) -> None:
    """Nobody waits for ever, not even for work that ends its thread."""

    def work() -> NoReturn:
        raise error

    future: Future[None] = Future()
    launch(work, future, name="test")
    assert future.exception(PATIENCE) is error


def test_join__no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no thread can be started, that request fails, but the next one does not wait for ever."""
    flights: Flights[str, str] = Flights("test")

    def start(_thread: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        future, _joined = flights.join("a", lambda: "never")
    assert isinstance(future.exception(PATIENCE), OverloadedError)
    future, joined = flights.join("a", lambda: "done")
    assert not joined
    assert future.result(PATIENCE) == "done"


def test_flight__held_by_nobody() -> None:
    """What a flight has brought is gone with the last one who waited, without the collector."""
    flights: Flights[str, str] = Flights("test")
    flight, _joined = flights.join("a", lambda: "done")
    assert (flight.result(PATIENCE), flight.given.result(PATIENCE)) == ("done", None)
    seen = weakref.ref(flight)
    gc.disable()
    try:
        del flight
        wait_until(lambda: seen() is None)
    finally:
        gc.enable()
