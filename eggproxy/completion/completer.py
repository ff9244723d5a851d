"""Completing projects one after the other, behind the backs of those who are being served."""

import logging
import os
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress

from eggproxy.completed import is_complete
from eggproxy.completion.project import ProjectCompletion
from eggproxy.errors import EggProxyError
from eggproxy.flights import launch
from eggproxy.names import NormalizedName
from eggproxy.outcome import Outcome
from eggproxy.remembered import Remembered

log = logging.getLogger("eggproxy")

DELAY = 0.3
"""Seconds for which whoever waits for a page goes first."""

QUEUE = 1000
"""How many projects wait at most; the others come when they are asked for again."""

UNCHANGED = 3600.0
"""Seconds for which a page that is complete is not looked through again, unless it changes."""

PAUSE = 600.0
"""Seconds for which a project is left alone when upstream failed."""


FIRST_PATIENCE = 1.0
"""Seconds for which the page of a new project waits at most, for metadata of its newest version.

A client that is told of no metadata asks for parts of the wheels at once, and each wheel of which
a part is asked for has to come whole.
"""


class Completer:
    """Completes what was noted, in a thread that lives as long as there is work."""

    def __init__(self, completion: ProjectCompletion) -> None:
        self._completion = completion
        self._lock = threading.Lock()
        self._queue: deque[NormalizedName] = deque()
        # The process in which the thread is at work: none survives a fork.
        self._working_in: int | None = None
        self._paused = _memory(PAUSE)
        # Of which there is no more to be found out, and of which nothing is missing at all.
        self._done = _memory(UNCHANGED)
        self._complete = _memory(UNCHANGED)

    def page_came(self, project: NormalizedName, outcome: Outcome) -> None:
        """Complete a project whose page upstream has sent or confirmed.

        Waits for a moment at most, and only for what matters most of a project that is new.
        """
        if outcome.is_complete:
            self._complete.put(project, True)  # noqa: FBT003  a memory of yes
        elif outcome.news is None:
            if not self._done.get(project) and not self._complete.get(project):
                self.note(project)
        elif is_complete(outcome.news):
            self._complete.put(project, True)  # noqa: FBT003  a memory of yes
        else:
            self._complete.forget(project)
            if outcome.is_first and self._completion.wants_metadata(project, outcome.news):
                self._begin(project)
            self.note(project)

    def file_came(self, project: NormalizedName) -> None:
        """Complete a project of which a file has come, and tells of itself."""
        if not self._complete.get(project):
            self.note(project)

    def note(self, project: NormalizedName) -> None:
        """Complete a project soon; costs next to nothing."""
        if self._paused.get(project):
            return
        with self._lock:
            if project in self._queue or len(self._queue) >= QUEUE:
                return
            self._queue.append(project)
            if self._working_in == os.getpid():
                return
            self._working_in = os.getpid()
        launch(self._work, Future(), name="completion")

    def _begin(self, project: NormalizedName) -> None:
        begun: Future[None] = Future()
        # What is left then has its turn like all others.
        begun.add_done_callback(lambda _done: self.note(project))
        launch(lambda: self._completion.complete_likely(project), begun, name="completion")
        with suppress(TimeoutError, EggProxyError):
            begun.result(FIRST_PATIENCE)

    def _work(self) -> None:
        time.sleep(DELAY)
        while True:
            with self._lock:
                if not self._queue:
                    self._working_in = None
                    return
                project = self._queue.popleft()
            if self._complete_some(project):
                self.note(project)

    def _complete_some(self, project: NormalizedName) -> bool:
        try:
            more = self._completion.complete_some(project)
        except EggProxyError as error:
            log.info("%s: its page stays incomplete for now: %s", project, error)
        except Exception:
            log.exception("%s: cannot be completed; please report it", project)
        else:
            if not more:
                self._done.put(project, True)  # noqa: FBT003  a memory of yes
            return more
        self._paused.put(project, True)  # noqa: FBT003  a memory of yes
        return False


def _memory(seconds: float) -> Remembered[str, bool]:
    return Remembered(seconds=seconds, limit=10_000, clock=time.monotonic)
