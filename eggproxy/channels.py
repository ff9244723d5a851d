"""The channels of a proxy: each one is an eggs directory of its own, over indexes of its own.

The main one is at the prefix itself. A channel with a name is at `/+NAME/` below that, and its
files lie in the folder `+NAME` of the main one's directory, which no project's name can be.
"""

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from eggproxy import prefetch
from eggproxy.access import Access
from eggproxy.completion import Completer, ProjectCompletion
from eggproxy.config import Configuration, IndexSettings
from eggproxy.errors import NoSuchProjectError
from eggproxy.files import Files
from eggproxy.freshness import Lifetime
from eggproxy.health import Health
from eggproxy.lookahead import Lookahead
from eggproxy.model import ProjectDetail
from eggproxy.names import NormalizedName
from eggproxy.outcome import Outcome
from eggproxy.own import Own
from eggproxy.packages import Packages
from eggproxy.pages import Pages
from eggproxy.proxy import Proxy
from eggproxy.publishing import Publisher
from eggproxy.refresh import Refresher
from eggproxy.siblings import Siblings
from eggproxy.store import EggsDirectory, Record
from eggproxy.transfer import Wanted
from eggproxy.transfers import Transfers
from eggproxy.upstream import FlatUpstream, Hosts, Member, Several, Upstream, Upstreams, loops

log = logging.getLogger("eggproxy")

MAIN = ""
"""The name of the channel at the prefix itself."""


class Channel:
    """A proxy over one directory, and what it works with."""

    def __init__(
        self,
        configuration: Configuration,
        directory: Path,
        indexes: Iterable[IndexSettings],
        health: Health,
        own: Own,
    ) -> None:
        self._own = own
        # Told when something of an index has come by a name that is ours.
        self.on_ours: Callable[[], None] = lambda: None
        self._on_page: Callable[[NormalizedName, Outcome], None] = lambda _project, _outcome: None
        self._on_file: Callable[[NormalizedName], None] = lambda _project: None
        self.store = EggsDirectory(directory)
        self.upstreams = _upstreams(configuration, indexes)
        lifetime = Lifetime(
            interval=configuration.update_interval,
            always_refresh=configuration.always_refresh,
        )
        self.pages = Pages(
            self.store,
            self.upstreams,
            lifetime,
            health=health,
            removal_grace=configuration.removal_grace,
            outage_pages=configuration.outage_pages,
            keeps=own.keeps,
        )
        transfers = Transfers(self.store, self.upstreams, health, self.pages.note_stored)
        transfers.is_ours = own.has_to_itself
        transfers.is_outdated = self.pages.is_outdated
        siblings = Siblings(self.store, self.upstreams, health, self._sibling_came)
        files = Files(self.store, self.pages, transfers, siblings)
        self.proxy = Proxy(self.store, self.pages, files, health, own)
        self._lookahead = Lookahead(self.pages, transfers)
        if configuration.prefetch_metadata:
            self.pages.refresher.on_read = self._page_read
            self.pages.refresher.likely = prefetch.likely
            transfers.on_verified = self._file_verified
        if configuration.complete_metadata:
            completion = ProjectCompletion(self.store, self.pages, self._index_of)
            files.restore = completion.restore
            completer = Completer(completion)
            self._on_page = completer.page_came
            self._on_file = completer.file_came
        self.pages.flights.on_page = self._page_came
        self.pages.on_file = self._file_came

    def fetch_ahead(self, wanted: Wanted) -> None:
        """Begin to fetch what will most likely be asked for next."""
        if not self._own.keeps(wanted.project):
            self._lookahead.fetch(wanted)

    def _page_read(self, detail: ProjectDetail, record: Record) -> bool:
        return not self._own.keeps(detail.name) and self._lookahead.page_read(detail, record)

    def _file_verified(self, wanted: Wanted, path: Path) -> None:
        if not self._own.keeps(wanted.project):
            self._lookahead.file_came(wanted, path)

    def _page_came(self, project: NormalizedName, outcome: Outcome) -> None:
        if self._own.keeps(project):
            # It was on its way when its name became ours, and must not stay.
            self.on_ours()
        else:
            self._on_page(project, outcome)

    def _sibling_came(self, project: NormalizedName) -> None:
        if self._own.owns(project):
            self.on_ours()
        self.pages.note_sibling(project)

    def _file_came(self, wanted: Wanted) -> None:
        project = wanted.project
        if self._own.owns(project):
            self.on_ours()
        if not self._own.keeps(project):
            self._on_file(project)

    def _index_of(self, record: Record, filename: str) -> Upstream:
        """Find the index whose page names a file. Raises NoSuchProjectError for what is ours."""
        if record.detail is not None and self._own.keeps(record.detail.name):
            raise NoSuchProjectError(record.detail.name)
        return self.upstreams.named(record.sources.get(filename, record.index))


def channels(
    configuration: Configuration,
    health: Health,
    packages: Packages,
    access: Access,
) -> dict[str, Channel]:
    """Make the channels of a configuration, by name; names of our `packages` are ours in each.

    `access` says which names may stand in the project list.
    """
    return {
        name: Channel(
            configuration,
            _directory(configuration, name),
            _indexes(configuration, name),
            health,
            Own(packages, channel=name, is_listed=access.is_listed, listing=access.listing),
        )
        for name in _names(configuration)
    }


def refreshers(configuration: Configuration) -> dict[str, Refresher]:
    """Make of each channel only what takes pages that upstream has sent."""
    made = {}
    for name in _names(configuration):
        store = EggsDirectory(_directory(configuration, name))
        upstreams = _upstreams(configuration, _indexes(configuration, name))
        made[name] = Refresher(store, upstreams, time.time, Publisher(store, time.time))
    return made


def _names(configuration: Configuration) -> list[str]:
    return list(dict.fromkeys([MAIN, *(each.channel or MAIN for each in configuration.indexes)]))


def _directory(configuration: Configuration, channel: str) -> Path:
    root = configuration.eggs_directory
    return root / f"+{channel}" if channel else root


def _indexes(configuration: Configuration, channel: str) -> list[IndexSettings]:
    return [each for each in configuration.indexes if (each.channel or MAIN) == channel]


def packages_of(configuration: Configuration) -> Packages:
    """Make the packages of our own, as they are configured."""
    rules = configuration.projects
    merge = frozenset(name for name, rule in rules.items() if rule.upstream == "merge")
    return Packages(
        configuration.packages_directory,
        reserve=configuration.reserve,
        always=rules.keys() - merge,
        merge=merge,
        trash_days=configuration.trash_days,
        memory=configuration.eggs_directory / ".eggproxy" / "own-names.json",
    )


def _upstreams(configuration: Configuration, indexes: Iterable[IndexSettings]) -> Upstreams:
    members = [
        Member(_upstream(configuration, each), each.projects, each.merge) for each in indexes
    ]
    if len(members) == 1 and not members[0].projects:
        # The usual case, which nothing has to be decided for.
        return members[0].upstream
    return Several(members)


def _upstream(configuration: Configuration, index: IndexSettings) -> Upstream:
    auth = None if index.username is None else (index.username, index.password or "")
    return (FlatUpstream if index.is_flat else Upstream)(
        index.index,
        index.timeout,
        name=index.name,
        auth=auth,
        ca_certificate=index.ca_certificate,
        hosts=Hosts(index.index, index.allow_hosts),
        update_interval=index.update_interval,
        identity=loops.identity(configuration.eggs_directory),
        offline=configuration.offline,
        max_page_size=configuration.max_page_size,
    )
