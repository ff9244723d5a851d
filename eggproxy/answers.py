"""What the proxy answers: the one type that every front end translates."""

from dataclasses import dataclass, replace
from pathlib import Path

from eggproxy.growing import Growing as Followed
from eggproxy.passing import Passing
from eggproxy.store.atomic import Mark

GrowingFile = Followed | Passing
"""A file that is not whole yet; both read alike."""

PAGE_CACHE_CONTROL = "no-cache"
"""Clients ask again each time, and get a 304: a release is seen as soon as it is here."""

FILE_CACHE_CONTROL = "public, max-age=31536000, immutable"
"""The bytes under a distribution's name never change."""

VARY = "Accept, Accept-Encoding"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """A file on disk that is the whole answer.

    `fresh_until` is the time, in seconds since the epoch, until which the same request may be
    answered with the same file unless that changes; `age` is set where the page is a stale one.
    """

    path: Path
    content_type: str
    cache_control: str
    cache_status: str
    fresh_until: float
    # What the caches behind this one said (RFC 9211), the nearest to the origin first.
    chain: str = ""
    etag: str | None = None
    encoding: str | None = None
    vary: str | None = None
    age: int | None = None
    # What it was decided by, where that may change while the file does not.
    decided_by: Mark | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Growing:
    """A file that is being fetched; the client follows it as it grows."""

    file: GrowingFile
    content_type: str
    cache_control: str
    cache_status: str
    chain: str = ""
    etag: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """The answer is at another address, for good."""

    location: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """An answer whose bytes are in memory: made for it, or not stored yet."""

    body: bytes
    content_type: str
    cache_control: str = "no-cache"
    cache_status: str | None = None
    chain: str = ""
    etag: str | None = None
    encoding: str | None = None
    vary: str | None = None


Answer = Ready | Growing | Moved | Text


def private(answer: Answer) -> Answer:
    """Make an answer one that no cache may keep for others: it took credentials (RFC 9111, 3.5).

    It does not vary by Authorization: everybody who gets it gets the same, and who may is asked
    anew each time (RFC 9110, 12.5.5). And pip writes what a page varies by into its cache.
    """
    if isinstance(answer, Moved):
        return answer
    said = answer.cache_control.removeprefix("public, ")
    if said == "no-store":
        return answer
    return replace(answer, cache_control=f"private, {said}")
