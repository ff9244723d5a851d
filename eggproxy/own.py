"""Answers about packages of our own: what is ours is answered here, and asked of no index."""

import hashlib
import time
from collections.abc import Callable

from eggproxy import beside
from eggproxy.answers import (
    FILE_CACHE_CONTROL,
    PAGE_CACHE_CONTROL,
    VARY,
    Answer,
    Ready,
    Text,
)
from eggproxy.beside import Otherwise, Theirs
from eggproxy.errors import NoSuchFileError, NotFoundError, StorageError
from eggproxy.model import ProjectDetail
from eggproxy.names import NormalizedName, distribution_of
from eggproxy.negotiation import Preference
from eggproxy.packages import Packages
from eggproxy.packages.describing import describe
from eggproxy.packages.site import Site, rendered, rendered_list
from eggproxy.paths import FileTarget, ListTarget, ProjectTarget, Target

HOLD = 1.0
"""Seconds for which an answer holds without a look at what is in the directory."""


class EmptyProjectError(NotFoundError):
    """A name that is ours, of which there is no file."""

    def __init__(self, project: str) -> None:
        self.project = project
        super().__init__(
            f"Project {project} is one of this server's own, and has no files here. "
            "No other index is asked for it."
        )


class Own:
    """Answers for projects of our own, and the project list with them among the others.

    A `channel` with a name lists only what it has itself, and mixes nothing. `is_listed` says which
    names may stand in the list for all who may read that; `listing` differs where that does, and
    is empty where all may.
    """

    def __init__(
        self,
        packages: Packages,
        clock: Callable[[], float] = time.time,
        *,
        channel: str = "",
        is_listed: Callable[[NormalizedName], bool] = lambda _project: True,
        listing: str = "",
    ) -> None:
        self._packages = packages
        self._is_main = not channel
        self._lists = Site(packages.own / "lists" / channel) if channel else packages.site
        self._listing = listing
        self._is_listed = is_listed
        self.keeps = packages.ownership.keeps
        self.owns = packages.ownership.owns
        self.has_to_itself = packages.ownership.has_to_itself
        self._clock = clock

    def answer(self, target: Target, preference: Preference, otherwise: Otherwise) -> Answer:
        """Answer what is ours; `otherwise` answers all else. Raises EggProxyError."""
        match target:
            case ProjectTarget(project=project) if self._packages.ownership.owns(project):
                self._packages.ownership.demand_here(project)
                return self._project(target, _settled(target, preference), otherwise)
            case FileTarget(project=project) if self._packages.ownership.owns(project):
                self._packages.ownership.demand_here(project)
                return self._file(target, preference, otherwise)
            case ListTarget() if self._is_main or self._listing:
                ours = self._packages.projects() if self._is_main else []
                projects = list(filter(self._is_listed, ours))
                if projects or self._listing:
                    return self._list(projects, target, _settled(target, preference), otherwise)
        return otherwise(target, preference)

    def _project(
        self, target: ProjectTarget, preference: Preference, otherwise: Otherwise
    ) -> Answer:
        project = target.project
        merges = self._packages.ownership.merges(project)
        if merges and not self._is_main:
            return otherwise(target, preference)
        if not self._packages.facts(project)[0]:
            if merges:
                return otherwise(target, preference)
            raise EmptyProjectError(project)
        theirs = beside.ask(target, otherwise) if merges else None
        detail = _Detail(self._packages, project, theirs)
        try:
            self._packages.site.have(project, detail.facts, detail.describe)
        except StorageError:
            # A directory that may only be read serves as well, if not as quickly.
            detail.facts()
            return _text(rendered(detail.describe())[preference.form], preference)
        return self._page(self._packages.site, project, preference)

    def _page(self, site: Site, project: NormalizedName | None, preference: Preference) -> Ready:
        return Ready(
            path=site.page(project, preference.form, packed=preference.gzip),
            content_type=preference.content_type,
            cache_control=PAGE_CACHE_CONTROL,
            cache_status="hit",
            fresh_until=self._clock() + HOLD,
            encoding="gzip" if preference.gzip else None,
            vary=VARY,
        )

    def _file(self, target: FileTarget, preference: Preference, otherwise: Otherwise) -> Answer:
        # Taken first: what is decided meanwhile must end what was decided before.
        mark = self._packages.state_mark(target.project)
        found = self._packages.find(target.project, target.filename)
        if found is None:
            if self._packages.ownership.merges(target.project) and not self._is_of_ours(target):
                return otherwise(target, preference)
            raise NoSuchFileError(target.project, target.filename)
        path, sha256 = found
        return Ready(
            path=path,
            content_type="application/octet-stream",
            cache_control=FILE_CACHE_CONTROL,
            cache_status="hit",
            fresh_until=self._clock() + HOLD,
            etag=f'"{sha256}"',
            decided_by=mark,
        )

    def _is_of_ours(self, target: FileTarget) -> bool:
        """Say whether it would belong to a file of ours: it must not come from elsewhere."""
        names = {entry.filename for entry in self._packages.facts(target.project)[0]}
        return distribution_of(target.filename) in names

    def _list(
        self,
        projects: list[NormalizedName],
        target: ListTarget,
        preference: Preference,
        otherwise: Otherwise,
    ) -> Ready | Text:
        """Have the list of our projects and of the index's; one that is down hides none of ours."""
        # With none of ours, what the index has to say is said: its error, too.
        theirs = beside.ask(target, otherwise) if projects else beside.have(target, otherwise)
        is_listed = self._is_listed if self._listing else None
        ours = hashlib.sha256("\n".join(projects).encode()).hexdigest()
        facts = f"{ours} {theirs.token if theirs else ''} {self._listing}".rstrip()
        try:
            self._lists.have_list(facts, lambda: beside.listed(projects, theirs, is_listed))
        except StorageError:
            pages = rendered_list(beside.listed(projects, theirs, is_listed))
            return _text(pages[preference.form], preference)
        return self._page(self._lists, None, preference)


class _Detail:
    """What the page of a project is made of."""

    def __init__(self, packages: Packages, project: NormalizedName, theirs: Theirs | None) -> None:
        self._packages = packages
        self._project = project
        self._theirs = theirs
        self._facts = packages.facts(project)

    def facts(self) -> object:
        """Take the facts anew, and tell by what they differ from others."""
        self._facts = self._packages.facts(self._project)
        return self._facts, self._theirs and self._theirs.token

    def describe(self) -> ProjectDetail:
        """Describe the project by the facts that were taken last."""
        detail = describe(self._project, *self._facts)
        return beside.merged(detail, self._theirs) if self._theirs else detail


def _settled(target: ProjectTarget | ListTarget, preference: Preference) -> Preference:
    """Heed an address that names a representation itself."""
    if target.media_type is None:
        return preference
    return preference._replace(media_type=target.media_type)


def _text(body: bytes, preference: Preference) -> Text:
    return Text(
        body=body,
        content_type=preference.content_type,
        cache_control="no-store",
        cache_status="hit; detail=not-stored",
        vary=VARY,
    )
