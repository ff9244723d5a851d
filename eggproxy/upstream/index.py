"""One index: what is asked of it, and what its statuses and headers mean."""

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Self
from urllib.parse import urljoin

from eggproxy.errors import (
    EggProxyError,
    UpstreamError,
    UpstreamNonsenseError,
    UpstreamUnavailableError,
)
from eggproxy.names import NormalizedName
from eggproxy.upstream.answers import (
    Fetched,
    NotModified,
    Probed,
    RangeRefused,
    Stream,
    shown,
)
from eggproxy.upstream.asking import Asker, origin
from eggproxy.upstream.circuit import Circuit, Circuits
from eggproxy.upstream.faults import OfflineError, OutageError
from eggproxy.upstream.headers import (
    cache_status,
    complete_length,
    demand,
    demand_sense,
    strong_validator,
    total_length,
)
from eggproxy.upstream.hosts import Hosts
from eggproxy.upstream.roles import Known

ACCEPT_PAGE = (
    "application/vnd.pypi.simple.v1+json, "
    "application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
)
MAX_PAGE_SIZE = 256 << 20
"""Largest page that is taken, in bytes after unpacking; the largest real one has 40 MB."""

_NO_HEADERS: Mapping[str, str] = {}


class Upstream:
    """One index, and the hosts of its files; a host that is down is left alone for a while.

    `index` is its URL with a slash at the end, with or without credentials, which `auth`, a name
    and a password, stands in for; `timeout` the seconds to wait for it to connect or to send more;
    `max_page_size` is in bytes, `update_interval` in seconds. `name` tells it from other
    indexes, `ca_certificate` is what its own certificate is checked with, `identity` tells proxies
    who we are. With `offline` nothing is ever asked. `clock` gives seconds and never goes back.

    What came of a page is for whoever reads it to say, with `trust` or `doubt`.
    """

    def __init__(  # noqa: PLR0913  all that is special about an index
        self,
        index: str,
        timeout: float,
        *,
        name: str = "",
        auth: tuple[str, str] | None = None,
        ca_certificate: Path | None = None,
        hosts: Hosts | None = None,
        update_interval: float | None = None,
        identity: str = "",
        offline: bool = False,
        max_page_size: int = MAX_PAGE_SIZE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asker = Asker(
            index,
            timeout,
            auth=auth,
            ca_certificate=ca_certificate,
            hosts=hosts,
            identity=identity,
            max_page_size=max_page_size,
        )
        self.index = self._asker.index
        self.hosts = self._asker.hosts
        self.name = name
        self.timeout = timeout
        self.update_interval = update_interval
        self.offline = offline
        # To connect, and then to answer.
        self._circuits = Circuits(2 * timeout + 1, clock)
        self._circuit = self._circuit_to(self.index)

    def of(self, name: NormalizedName | None, home: str | None = None) -> Self:
        """Find who is asked for a page: this one, for it is the only one."""
        del name, home
        return self

    def named(self, name: str) -> Self:
        """Find an index by its name: this one, for it is the only one."""
        del name
        return self

    def disowns(self, name: NormalizedName, indexes: Collection[str]) -> bool:
        """Say that whatever is stored may be served: there is no other index that owns a name."""
        del name, indexes
        return False

    def available(self) -> bool:
        """Say whether the index can be asked, as far as is known; costs next to nothing."""
        return not self.offline and not self._circuit.is_down()

    def is_doubtful(self) -> bool:
        """Say whether the index was down when it was last asked, too long ago to go by that."""
        return not self.offline and self._circuit.is_doubtful()

    def refusal(self) -> EggProxyError | None:
        """Make the error for who would ask the index now; None where that may be.

        While it is not `available`, it may be asked all the same now and then, by one request.
        """
        return OfflineError() if self.offline else self._circuit.refusal(self.index)

    def trust(self) -> None:
        """Note that the index has answered, with sense."""
        self._circuit.succeeded()

    def doubt(self, page: str | None, why: str) -> None:
        """Note that the index has answered with what makes no sense; three in a row are an outage.

        None stands for a page of which nobody knows whether it ever made sense.
        """
        self._circuit.doubted(page, why)

    def warm_up(self) -> None:
        """Load what it takes to ask, which takes longer than a server's start may."""
        self._asker.wire()

    def pages(self, name: NormalizedName | None, known: Known) -> Sequence[Fetched] | NotModified:
        """Fetch the page of a project, or the project list; raises as `page` does."""
        path = "" if name is None else f"{name}/"
        found = self.page(path, etag=known.etag, last_modified=known.last_modified)
        return found if isinstance(found, NotModified) else [found]

    def page(
        self, path: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Fetched | NotModified:
        """Fetch a page below the index, if it has changed since the given validators.

        Raises Missing, OfflineError, UpstreamUnavailableError, UpstreamNonsenseError.
        """
        self._demand_online()
        headers = {"Accept": ACCEPT_PAGE, "Accept-Encoding": "gzip"}
        headers |= _conditions(etag, last_modified)
        url = urljoin(self.index, path)
        with self._circuit.asking(url):
            return self._fetched(url, headers, None)

    def small(self, url: str, known: Known, limit: int) -> Fetched | NotModified:
        """Fetch something small that a page of upstream named, whole, if it has changed.

        `limit` is in bytes. Raises Missing, OfflineError, UpstreamUnavailableError,
        UpstreamNonsenseError.
        """
        self._demand_online()
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        headers |= _conditions(known.etag, known.last_modified)
        self.hosts.demand(url)
        with _judging(self._circuit_to(url), url):
            return self._fetched(url, headers, limit)

    def _fetched(
        self, url: str, headers: Mapping[str, str], limit: int | None
    ) -> Fetched | NotModified:
        with self._asker.asked(url, headers) as response:
            is_conditional = "If-None-Match" in headers or "If-Modified-Since" in headers
            if response.status_code == HTTPStatus.NOT_MODIFIED and is_conditional:
                return NotModified()
            demand(response, HTTPStatus.OK)
            return Fetched(
                body=self._asker.wire().whole(response, limit),
                content_type=response.headers.get("Content-Type", ""),
                url=response.url,
                etag=response.headers.get("ETag"),
                last_modified=response.headers.get("Last-Modified"),
                index=self.name,
                cache_status=cache_status(response.headers),
            )

    @contextlib.contextmanager
    def file(self, url: str, *, start: int = 0, validator: str | None = None) -> Iterator[Stream]:
        """Fetch a file that a page of upstream named, as a stream of blocks.

        `start` asks for the bytes from there on, if the file is still the one of `validator`;
        the answer may begin at 0 all the same.

        Raises Missing, RangeRefused, OfflineError, UpstreamUnavailableError, UpstreamNonsenseError;
        the blocks raise the latter two.
        """
        self._demand_online()
        # Packing would change the bytes that the digest is of.
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if validator:
                headers["If-Range"] = validator
        self.hosts.demand(url)
        circuit = self._circuit_to(url)
        with _judging(circuit, url), self._asker.asked(url, headers) as response:
            if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
                raise RangeRefused
            partial = response.status_code == HTTPStatus.PARTIAL_CONTENT and start > 0
            if not partial:
                demand(response, HTTPStatus.OK)
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise UpstreamNonsenseError(shown(url), "packed a file although asked not to")
            total = complete_length(response, start) if partial else total_length(response.headers)
            yield Stream(
                start=start if partial else 0,
                total=total,
                validator=strong_validator(response.headers),
                blocks=_flowing(self._asker.wire().blocks(response), circuit),
                cache_status=cache_status(response.headers),
            )

    @contextlib.contextmanager
    def probe(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str] = _NO_HEADERS
    ) -> Iterator[Probed]:
        """Ask aside, for what nobody waits for; it is not held against the host what comes of it.

        Raises NotAskedError, OfflineError, UpstreamUnavailableError, UpstreamNonsenseError.
        """
        self._demand_online()
        refusal = self._circuit_to(url).refusal(url)
        if refusal is not None:
            raise refusal
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", **headers}
        with self._asker.asked(url, headers, method) as response:
            demand_sense(response)
            yield Probed(
                status=response.status_code,
                headers=response.headers,
                length=total_length(response.headers),
                validator=strong_validator(response.headers),
                blocks=self._asker.wire().blocks(response),
            )

    def _demand_online(self) -> None:
        if self.offline:
            raise OfflineError

    def _circuit_to(self, url: str) -> Circuit:
        place = origin(url)
        return self._circuits.to(place[1], place)


def _conditions(etag: str | None, last_modified: str | None) -> dict[str, str]:
    """Ask only for what has changed (RFC 9110, 13.1); the better validator goes alone."""
    if etag:
        return {"If-None-Match": etag}
    return {"If-Modified-Since": last_modified} if last_modified else {}


@contextlib.contextmanager
def _judging(circuit: Circuit, url: str) -> Iterator[None]:
    """Ask for a file in this block; whatever comes of it is noted for its host."""
    with circuit.asking(url):
        try:
            yield
        except OutageError:
            raise
        except UpstreamError as error:
            circuit.doubted(url, error.why)
            raise
        circuit.succeeded()


def _flowing(blocks: Iterator[bytes], circuit: Circuit) -> Iterator[bytes]:
    """Hand blocks on: from the first one on, what goes wrong is a matter of this file alone."""
    begun = False
    try:
        for block in blocks:
            if not begun:
                circuit.succeeded()
            begun = True
            yield block
    except OutageError as error:
        if not begun:
            raise
        raise UpstreamUnavailableError(error.where, error.why) from error
