"""What is asked of upstream, whether that is one index or several."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from eggproxy.errors import EggProxyError
from eggproxy.names import NormalizedName
from eggproxy.upstream.answers import Fetched, NotModified

if TYPE_CHECKING:
    from eggproxy.upstream.index import Upstream


class Known(Protocol):
    """By what an index can tell that a page has not changed."""

    @property
    def etag(self) -> str | None:
        """What the page's ETag header said."""

    @property
    def last_modified(self) -> str | None:
        """What the page's Last-Modified header said."""


class PageSource(Protocol):
    """Who is asked for a page: an index, or several in the order of their priority."""

    # Of the first index; shown to people.
    index: str
    # Seconds.
    timeout: float
    offline: bool

    @property
    def update_interval(self) -> float | None:
        """Seconds for which the page is fresh; None where nothing special is said."""

    def available(self) -> bool:
        """Say whether it can be asked, as far as is known; costs next to nothing."""

    def is_doubtful(self) -> bool:
        """Say whether it was down when it was last asked, too long ago to go by that."""

    def refusal(self) -> EggProxyError | None:
        """Make the error for who would ask now; None where that may be."""

    def trust(self) -> None:
        """Note that what came made sense."""

    def doubt(self, page: str | None, why: str) -> None:
        """Note that what came made no sense."""

    def pages(self, name: NormalizedName | None, known: Known) -> Sequence[Fetched] | NotModified:
        """Fetch the page of a project, or the project list, wherever it is, at least one.

        Raises Missing, OfflineError, UpstreamUnavailableError, UpstreamNonsenseError.
        """


class Upstreams(Protocol):
    """All indexes behind the proxy."""

    # Of the first index; shown to people.
    index: str
    offline: bool

    def of(self, name: NormalizedName | None, home: str | None = None) -> PageSource:
        """Find who is asked for a page; `home` is the name of the index that it came from."""

    def named(self, name: str) -> "Upstream":
        """Find an index by its name, or the first one."""

    def disowns(self, name: NormalizedName, indexes: Collection[str]) -> bool:
        """Say whether one of those indexes, by their names, has no say in a project (any more)."""

    def available(self) -> bool:
        """Say whether all can be asked, as far as is known; costs next to nothing."""

    def is_doubtful(self) -> bool:
        """Say whether one of them is doubtful."""

    def warm_up(self) -> None:
        """Load what it takes to ask."""
