"""What was found out about pages a moment ago, so that upstream need not be asked again for it."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from eggproxy.errors import EggProxyError, NoSuchProjectError
from eggproxy.names import NormalizedName
from eggproxy.publishing import UnstoredError
from eggproxy.remembered import Remembered

MISSING_MEMORY = 60.0
"""Seconds for which upstream's 404 for a project is remembered."""

FAILURE_MEMORY = 2.0
"""Seconds in which a page that failed is not asked for again: clients retry at once, and several.

That is for a page that fails alone; when the whole host is down, its breaker knows.
"""

UNSTORED_MEMORY = 30.0
"""Seconds for which a page that the disk does not take is held; then it is tried again."""

UNSTORED_PAGES = 16
"""How many of such pages are held: a large one takes some megabytes."""

Name = NormalizedName | None


class Findings:
    """What is remembered of pages, in this process; `clock` gives seconds.

    A name of None stands for the project list. With `always_refresh` no 404 is remembered.
    """

    def __init__(self, clock: Callable[[], float], *, always_refresh: bool) -> None:
        self._always_refresh = always_refresh
        self._missing: Remembered[Name, NoSuchProjectError] = Remembered(
            seconds=MISSING_MEMORY, limit=10_000, clock=clock
        )
        self._failed: Remembered[Name, EggProxyError] = Remembered(
            seconds=FAILURE_MEMORY, limit=10_000, clock=clock
        )
        self._unstored: Remembered[Name, UnstoredError] = Remembered(
            seconds=UNSTORED_MEMORY, limit=UNSTORED_PAGES, clock=clock
        )
        self._overdue: dict[Name, EggProxyError] = {}

    def recall(self, name: Name, *, stored: bool) -> EggProxyError | None:
        """Recall why there is no point in asking now; None if nobody knows a reason."""
        error = self._unstored.get(name) or self._failed.get(name)
        # Who has nothing stored has a reason to wait for what takes long; of what is stored, a 404
        # is more likely a mistake of upstream's.
        return error or (self._overdue if stored else self._missing).get(name)

    def unstored(self, name: Name) -> UnstoredError | None:
        """Recall a page that the disk did not take."""
        return self._unstored.get(name)

    def note(self, name: Name, error: EggProxyError) -> None:
        """Remember an error for as long as it is worth it."""
        match error:
            case UnstoredError():
                # With all that it holds: that is what is served.
                self._unstored.put(name, error)
            case NoSuchProjectError():
                if not self._always_refresh:
                    self._missing.put(name, error.again())
                    self._failed.put(name, error.again())
            case _:
                self._failed.put(name, error.again())

    def note_overdue(self, name: Name, flight: Future[Any], error: EggProxyError) -> None:
        """Remember, until it is over, that a question takes longer than anybody should wait."""
        self._overdue[name] = error.again()
        flight.add_done_callback(lambda _flight: self._overdue.pop(name, None))

    def forget(self, name: Name) -> None:
        """Forget what a good answer has made out of date."""
        self._missing.forget(name)
        self._failed.forget(name)
