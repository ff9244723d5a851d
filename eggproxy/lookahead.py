"""Fetching ahead of a client that resolves: it finds on disk, or on its way, what it asks for next.

From a page to the metadata of its newest version, from there to the pages of what that needs, and
so on: each step begins when the one before has come from upstream, not when the client has read it.
"""

import contextvars
import itertools
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from packaging.requirements import Requirement

from eggproxy import prefetch
from eggproxy.errors import EggProxyError
from eggproxy.model import ProjectDetail
from eggproxy.names import METADATA, normalize
from eggproxy.pages import Pages
from eggproxy.store import Record
from eggproxy.transfer import Wanted
from eggproxy.transfers import Transfers

log = logging.getLogger("eggproxy")

PAGES = 50
"""How many pages are fetched ahead for one request, with all that follows from it."""

AT_ONCE = 32
"""How many pages may be under way, whoever wants them, where one more is fetched ahead."""

_HEAD = 1 << 16
"""Bytes of metadata that are read: requirements stand before the description."""

# What has been spent of them by the request for which this is done.
_spent: ContextVar[Iterator[int] | None] = ContextVar("spent", default=None)


class Lookahead:
    """Fetches ahead in one channel; safe to share among threads."""

    def __init__(self, pages: Pages, transfers: Transfers) -> None:
        self._pages = pages
        self._transfers = transfers

    def page_read(self, detail: ProjectDetail, record: Record) -> bool:
        """Begin to fetch what whoever reads this page will most likely ask for next, if anything.

        Says whether there is such a thing.
        """
        wanted = prefetch.next_wanted(detail, record)
        if wanted is not None:
            self.fetch(wanted)
        return wanted is not None

    def fetch(self, wanted: Wanted) -> None:
        """Begin to fetch a file, for whoever will want it."""
        try:
            self._transfers.begin(wanted)
        except OSError as error:
            # Who asks for it will be told.
            log.warning("%s/%s: %s", wanted.project, wanted.filename, error)

    def file_came(self, wanted: Wanted, path: Path) -> None:
        """Begin to fetch the pages of what is needed besides, if this is metadata.

        It lies at `path`; in its place it will be when the disk has it for certain.
        """
        if wanted.filename.endswith(METADATA):
            try:
                self._follow(path)
            except Exception:
                # The file itself must not suffer.
                log.exception("%s: cannot fetch pages ahead; please report it", wanted.filename)

    def _follow(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD)
        except OSError:
            # It has gone again.
            return
        spent = _spent.get() or itertools.count()
        for requirement in prefetch.dependencies(head):
            contextvars.copy_context().run(self._begin, requirement, spent)

    def _begin(self, requirement: Requirement, spent: Iterator[int]) -> None:
        _spent.set(spent)
        prefetch.enter(str(requirement.specifier))
        try:
            project = normalize(requirement.name)
            is_idle = len(self._pages.flights) < AT_ONCE
            if is_idle and self._pages.is_worth_asking(project) and next(spent) < PAGES:
                self._pages.flights.join(project)
        except EggProxyError as error:
            log.debug("%s: not fetched ahead: %s", requirement.name, error)
