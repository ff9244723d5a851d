"""Single flight within a process: whoever wants what is already under way waits for that.

Work runs in threads that Python made, never in the caller's: under Apache's threaded servers C
extensions are sound only there, and work goes on when the client that asked for it has left.
"""

import contextvars
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Generic, NamedTuple, TypeVar

from eggproxy.errors import OverloadedError

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class Given(NamedTuple):
    """What a client can have before the work for it is done; `chain` are the caches behind it."""

    body: bytes
    chain: str


class Flight(Future[Result]):
    """Work under way; `given` comes before its end if there is anything to give, with it if not."""

    def __init__(self) -> None:
        super().__init__()
        self.given: Future[Given | None] = Future()

    def set_result(self, result: Result) -> None:
        """Note what came of it."""
        super().set_result(result)
        self.give(None)

    def set_exception(self, exception: BaseException | None) -> None:
        """Note why nothing came of it."""
        super().set_exception(exception)
        self.give(None)

    def give(self, given: Given | None) -> None:
        """Let clients have something already; what is given first counts."""
        with suppress(InvalidStateError):
            self.given.set_result(given)


class Flights(Generic[Key, Result]):
    """Work under way, by key."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._running: dict[Key, Flight[Result]] = {}

    def join(self, key: Key, work: Callable[[], Result]) -> tuple[Flight[Result], bool]:
        """Start the work of a key, or join it; say whether it was joined."""
        with self._lock:
            running = self._running.get(key)
            if running is not None:
                return running, True
            future: Flight[Result] = Flight()
            self._running[key] = future
        try:
            launch(work, future, name=self._name, before_result=lambda: self._land(key))
        except RuntimeError as error:
            self._land(key)
            future.set_exception(OverloadedError(str(error)))
        return future, False

    def give(self, key: Key, given: Given) -> None:
        """Let whoever waits for the work of a key have something before it is done."""
        with self._lock:
            running = self._running.get(key)
        if running is not None:
            running.give(given)

    def __len__(self) -> int:
        """Count the work that is under way."""
        return len(self._running)

    def _land(self, key: Key) -> None:
        with self._lock:
            del self._running[key]


def launch(
    work: Callable[[], Result],
    future: Future[Result],
    *,
    name: str,
    before_result: Callable[[], None] = lambda: None,
) -> None:
    """Do work in a thread of its own, and hand its result or its error to a future."""

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  it is handed to whoever waits
            before_result()
            future.set_exception(error)
        else:
            before_result()
            future.set_result(result)

    # What is known of the request that started it goes along.
    context = contextvars.copy_context()
    # A daemon, so that a silent upstream never keeps the process from ending.
    threading.Thread(target=context.run, args=(run,), name=f"eggproxy-{name}", daemon=True).start()
