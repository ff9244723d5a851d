"""How the proxy fares: what an administrator, or a load balancer, should know."""

import json
import logging
import time
from collections.abc import Callable

from eggproxy.errors import StorageError

log = logging.getLogger("eggproxy")

TELL_AGAIN = 60.0
"""Seconds between two lines of the log about the same trouble, and for which it is reported."""


class Health:
    """What goes wrong with the disk; `clock` gives seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: float | None = None
        self._told: float | None = None
        self._why = ""
        # What else is wrong, as a sentence.
        self.other: Callable[[], str | None] = lambda: None

    def disk_failed(self, error: StorageError) -> None:
        """Note that something could not be written; the log has it once a minute."""
        now = self._clock()
        self._failed, self._why = now, str(error)
        if self._told is None or now >= self._told + TELL_AGAIN:
            self._told = now
            log.error("serving without storing: %s", error)

    def disk_works(self) -> None:
        """Note that something has been written."""
        if self._failed is not None:
            self._failed = self._told = None
            log.warning("storing again: the eggs directory can be written")

    @property
    def trouble(self) -> str | None:
        """Say in a sentence what is wrong; None if nothing is."""
        if self._failed is None or self._clock() > self._failed + TELL_AGAIN:
            return self.other()
        return self._why

    def report(self, *, upstream: bool) -> bytes:
        """Report as JSON; whether `upstream` can be asked is told, but is no trouble of ours."""
        trouble = self.trouble
        status = "ok" if trouble is None else "degraded"
        report = {"status": status, "upstream": "ok" if upstream else "unavailable"}
        return json.dumps(report if trouble is None else {**report, "trouble": trouble}).encode()
