"""Where store and upstream meet: have this on disk, fresh, and say where it is."""

from eggproxy.answers import (
    PAGE_CACHE_CONTROL,
    VARY,
    Answer,
    Moved,
    Ready,
    Text,
)
from eggproxy.errors import (
    NothingStoredError,
)
from eggproxy.files import Files
from eggproxy.health import Health
from eggproxy.home import home_page
from eggproxy.hot import MAX_BODY, etag_of
from eggproxy.names import NormalizedName
from eggproxy.negotiation import Preference
from eggproxy.own import Own
from eggproxy.pages import Pages
from eggproxy.paths import (
    FileTarget,
    HealthTarget,
    HomeTarget,
    ListTarget,
    ProjectTarget,
    RedirectTarget,
    Target,
)
from eggproxy.store import EggsDirectory


class Proxy:
    """The proxy over one eggs directory and one upstream; safe to share among threads."""

    def __init__(
        self,
        store: EggsDirectory,
        pages: Pages,
        files: Files,
        health: Health,
        own: Own | None = None,
    ) -> None:
        self._own = own
        self._health = health
        self.store = store
        self.pages = pages
        self._files = files

    def answer(self, target: Target, preference: Preference) -> Answer:
        """Answer a request. Blocks while upstream is asked; raises EggProxyError."""
        if self._own is None:
            return self._answer(target, preference)
        return self._own.answer(target, preference, self._answer)

    def _answer(self, target: Target, preference: Preference) -> Answer:
        """Answer with what the index has."""
        if isinstance(target, ProjectTarget | FileTarget) and self.pages.is_foreign(target.project):
            # A name that has become owned: what another index had under it is not served, ever.
            if target.stored:
                raise NothingStoredError(target.project)
            self.pages.replace_foreign(target.project)
        match target:
            case ProjectTarget():
                return self._project(target, preference)
            case FileTarget():
                return self._files.answer(target)
            case ListTarget(media_type):
                if media_type is not None:
                    preference = preference._replace(media_type=media_type)
                return self._page(None, preference)
            case RedirectTarget(path):
                return Moved(location=path)
            case HomeTarget():
                return Text(body=home_page(), content_type="text/html; charset=utf-8")
            case HealthTarget():
                report = self._health.report(upstream=not self.pages.is_outage())
                return Text(body=report, content_type="application/json")

    def _project(self, target: ProjectTarget, preference: Preference) -> Ready | Text:
        """Have a project's page; in an outage the one that lists what can be had."""
        if target.media_type is not None:
            preference = preference._replace(media_type=target.media_type)
        if target.stored or self.pages.lists_stored(target.project):
            if self.pages.has_stored_page(target.project):
                return self._stored_page(target.project, preference)
            if target.stored:
                raise NothingStoredError(target.project)
        page = self._page(target.project, preference)
        if self.pages.lists_stored(target.project) and self.pages.has_stored_page(target.project):
            # It has just turned out.
            return self._stored_page(target.project, preference)
        return page

    def _stored_page(self, project: NormalizedName, preference: Preference) -> Ready:
        return Ready(
            path=self.store.page(project, preference.form, packed=preference.gzip, kind="stored"),
            content_type=preference.content_type,
            # When the outage is over, it is the wrong one at once.
            cache_control="no-store",
            cache_status="hit; detail=stored-files-only",
            fresh_until=0.0,
            encoding="gzip" if preference.gzip else None,
            vary=VARY,
        )

    def _page(self, project: NormalizedName | None, preference: Preference) -> Ready | Text:
        packed_json = preference.gzip and preference.form == "json"
        state = self.pages.ensure(project, given=packed_json)
        if state.given is not None:
            return Text(
                body=state.given,
                content_type=preference.content_type,
                cache_control=PAGE_CACHE_CONTROL,
                cache_status=state.cache_status,
                chain=state.chain,
                # What is not held in memory has another one, when it is on disk.
                etag=etag_of(state.given) if len(state.given) <= MAX_BODY else None,
                encoding="gzip",
                vary=VARY,
            )
        if state.unstored is not None:
            return Text(
                body=state.unstored[preference.form],
                content_type=preference.content_type,
                cache_control="no-store",
                cache_status=state.cache_status,
                vary=VARY,
            )
        return Ready(
            path=self.store.page(project, preference.form, packed=preference.gzip),
            content_type=preference.content_type,
            cache_control=PAGE_CACHE_CONTROL,
            cache_status=state.cache_status,
            chain=state.chain,
            fresh_until=state.fresh_until,
            encoding="gzip" if preference.gzip else None,
            vary=VARY,
            age=None if state.cache_status == "hit" else state.age,
        )
