"""Moving what was cached by a name that is ours now out of every web server's sight."""

import logging
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress

from eggproxy.errors import StorageError
from eggproxy.flights import launch
from eggproxy.names import NormalizedName
from eggproxy.packages import Packages
from eggproxy.store import EggsDirectory

log = logging.getLogger("eggproxy")


class Displacer:
    """Keeps eggs directories free of what is ours: Apache may serve them without asking us."""

    def __init__(self, packages: Packages, stores: Iterable[EggsDirectory]) -> None:
        self._packages = packages
        self._stores = list(stores)
        self._lock = threading.Lock()
        self._is_wanted = False
        self._is_running = False

    def start(self) -> None:
        """Do it, in a thread that nobody waits for; once more if that has begun already."""
        with self._lock:
            self._is_wanted = True
            if self._is_running:
                return
            self._is_running = True
        launch(self._work, Future(), name="displacing")

    def _work(self) -> None:
        while self._is_still_wanted():
            self._remember()
            for store in self._stores:
                try:
                    self._clear(store)
                except StorageError as error:
                    log.warning("%s", error)

    def _remember(self) -> None:
        try:
            self._packages.ownership.remember()
        except StorageError as error:
            log.warning("%s", error)

    def _is_still_wanted(self) -> bool:
        with self._lock:
            self._is_running = self._is_wanted
            self._is_wanted = False
            return self._is_running

    def _clear(self, store: EggsDirectory) -> None:
        for project in store.folders():
            if self._packages.ownership.keeps(project):
                place = store.displace(project)
                if place is not None:
                    log.warning("%s is ours: what was cached of it is now in %s", project, place)
            elif self._packages.ownership.merges(project):
                self._clear_doubles(store, project)

    def _clear_doubles(self, store: EggsDirectory, project: NormalizedName) -> None:
        """Remove cached files for which there are some of ours by the same name."""
        for entry in self._packages.facts(project)[0]:
            with suppress(StorageError):
                store.remove_file(project, entry.filename)
            with suppress(StorageError):
                store.remove_siblings(project, entry.filename)
