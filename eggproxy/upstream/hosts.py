"""Which hosts may be asked on behalf of an index: a page of it may name any address at all.

Without a list of hosts, an index with a public address may send us to public addresses only: else
whoever writes one of its pages could have this server ask what only it can reach (server-side
request forgery). An index within a private network may name what it likes.
"""

import socket
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from ipaddress import ip_address
from urllib.parse import urlsplit

from eggproxy.errors import UpstreamNonsenseError
from eggproxy.upstream.answers import shown
from eggproxy.upstream.faults import ForbiddenHostError


def _addresses(host: str) -> list[str]:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None)]
    except OSError:
        return []


class Hosts:
    """The hosts that files of an index may come from.

    `index` is its URL; `allowed` are lower-case names of hosts, with a port or without, or patterns
    of them such as `*.files.example`, empty for all public ones. `resolve` gives the addresses of a
    host.
    """

    def __init__(
        self,
        index: str,
        allowed: Iterable[str] = (),
        resolve: Callable[[str], list[str]] = _addresses,
    ) -> None:
        self._root = index
        self._scheme = urlsplit(index).scheme
        # A directory has none, and what it names lies in it.
        self._own = _host(index)
        self._allowed = tuple(allowed)
        self._resolve = resolve
        self._public: bool | None = None

    def permits(self, url: str) -> bool:
        """Say whether an address may be asked, as far as it tells by itself."""
        if self._scheme == "file" or url.startswith("file:"):
            # A directory names its own files, and no page of any index those of this machine.
            return self._scheme == "file" and url.startswith(self._root.rpartition("/")[0] + "/")
        host = _host(url)
        if host == self._own:
            return True
        if self._allowed:
            return self._is_allowed(url, host)
        return not _is_inner(host) or not self._is_public()

    def demand(self, url: str) -> None:
        """Refuse an address that must not be asked. Raises ForbiddenHostError."""
        if url.startswith("file:") and self._scheme != "file":
            raise UpstreamNonsenseError(shown(url), "is not an http or https address")
        if not self.permits(url):
            raise ForbiddenHostError(shown(url))

    def may_connect(self, host: str, address: str) -> bool:
        """Say whether what a name stands for may be asked: it is only known once connected."""
        if host.lower() == self._own or self._allowed:
            return True
        return not _is_inner(address) or not self._is_public()

    def _is_allowed(self, url: str, host: str) -> bool:
        netloc = urlsplit(url).netloc.rpartition("@")[2].lower()
        return any(fnmatchcase(host, each) or fnmatchcase(netloc, each) for each in self._allowed)

    def _is_public(self) -> bool:
        """Say whether the index itself has a public address; asked once, if ever.

        While nobody can tell, it counts as public: what is refused then can be had later.
        """
        if self._public is None:
            addresses = self._resolve(self._own)
            if not addresses:
                return True
            self._public = not any(map(_is_inner, addresses))
        return self._public


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _is_inner(address: str) -> bool:
    """Say whether this is an address, and one that does not lead into the world."""
    if address in {"localhost", ""} or address.endswith(".localhost"):
        return True
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return not (mapped or found).is_global
