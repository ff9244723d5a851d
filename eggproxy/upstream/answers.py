"""What upstream can answer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from eggproxy.model import ProjectDetail


class Missing(Exception):  # noqa: N818  an answer, not a fault
    """Upstream says that there is no such thing (404, 410)."""


class RangeRefused(Exception):  # noqa: N818  an answer, not a fault
    """Upstream has no bytes from where a file was to be resumed (416)."""


class NotModified(NamedTuple):
    """Upstream says that the stored page is still right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """A page as it came; `url` is where it was found after redirects."""

    body: bytes
    content_type: str
    url: str
    etag: str | None
    last_modified: str | None
    # The name of the index, and its Cache-Status (RFC 9211), if it is a cache.
    index: str = ""
    cache_status: str = ""
    # What the page says, where it has been read already.
    detail: ProjectDetail | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """A file that is coming: its first byte is at `start`, `total` is the size of the whole."""

    start: int
    total: int | None
    validator: str | None
    blocks: Iterator[bytes]
    cache_status: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probed:
    """An answer to a question asked aside: whatever status, as it came.

    `length` is that of the body in bytes, `validator` what goes with If-Range.
    """

    status: int
    headers: Mapping[str, str]
    length: int | None
    validator: str | None
    blocks: Iterator[bytes]

    def body(self, limit: int) -> bytes:
        """Read at most `limit` bytes. Raises UpstreamUnavailableError."""
        body = bytearray()
        while len(body) < limit and (block := next(self.blocks, b"")):
            body += block
        return bytes(body[:limit])


def shown(url: str) -> str:
    """Write a URL for people: without credentials, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
