"""Pages that list only the files that are on disk, kept up to date as files come."""

import threading
import time
from concurrent.futures import Future

from eggproxy.errors import StorageError
from eggproxy.flights import launch
from eggproxy.health import Health
from eggproxy.names import NormalizedName
from eggproxy.publishing import Publisher
from eggproxy.store import EggsDirectory

DELAY = 2.0
"""Seconds after a file has come until the page of files on disk lists it, for plain servers.

An install asks for all its files in such a time: what it waits for goes first.
"""


class OutagePages:
    """Keeps the pages of files on disk; safe to share among threads."""

    def __init__(self, store: EggsDirectory, publisher: Publisher, health: Health) -> None:
        self._store = store
        self._publisher = publisher
        self._health = health
        self._lock = threading.Lock()
        self._noted: set[NormalizedName] = set()

    def pin(self, project: NormalizedName, filename: str, sha256: str) -> None:
        """Keep the digest of a file that has come and for which upstream names none."""
        try:
            with self._store.lock(project):
                self._publisher.pin(project, filename, sha256)
        except StorageError as error:
            self._health.disk_failed(error)

    def note(self, project: NormalizedName) -> None:
        """Note that a file of a project has come; its page is written soon."""
        with self._lock:
            self._noted.add(project)
            if len(self._noted) > 1:
                return
        # Nobody waits for it, and files come in crowds.
        launch(self._write_later, Future(), name="stored")

    def write_noted(self) -> None:
        """Bring the pages up to date where files have come."""
        with self._lock:
            noted, self._noted = self._noted, set()
        for project in noted:
            self.have(project)

    def have(self, project: NormalizedName) -> bool:
        """Have the page of a project as it is now; False if there is none."""
        try:
            # Not under the page's lock, with which somebody may be waiting for a silent upstream.
            return self._publisher.have_stored_page(project)
        except StorageError as error:
            self._health.disk_failed(error)
            return False

    def _write_later(self) -> None:
        time.sleep(DELAY)
        self.write_noted()
