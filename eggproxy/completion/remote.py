"""Questions about files upstream that move few bytes: headers, and parts of wheels."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from eggproxy.errors import UpstreamNonsenseError
from eggproxy.upstream import Upstream, shown

TAIL = 16 << 10
"""Bytes that are asked for at the end of a wheel: of a small one, the directory and METADATA."""

BLOCK = 8 << 10
"""Bytes that are asked for at least, where more of a wheel is needed."""

MAX_BYTES = 24 << 20
"""Most bytes that are read of one wheel."""

_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_NO_HEAD = {400, 403, 405, 501}
_NO_RANGES = {200, 206, 400, 405, 416, 501}


class NoRangesError(UpstreamNonsenseError):
    """A host that does not send parts of files as it was asked to."""

    def __init__(self, url: str) -> None:
        super().__init__(shown(url), "does not send parts of files")


class Facts:
    """What headers say of a file: its size in bytes, and when it was put there."""

    def __init__(self, size: int | None, last_modified: str | None) -> None:
        self.size = size
        self.last_modified = last_modified

    def upload_time(self, now: float) -> str | None:
        """Take Last-Modified as the time of upload (PEP 700), if it can be one."""
        try:
            then = parsedate_to_datetime(self.last_modified or "")
        except (ValueError, IndexError):
            return None
        then = then.replace(tzinfo=UTC) if then.tzinfo is None else then.astimezone(UTC)
        if not 0 < then.timestamp() <= now:
            return None
        return f"{then:%Y-%m-%dT%H:%M:%S}.000000Z"


def look(upstream: Upstream, url: str) -> Facts:
    """Ask for the headers of a file; raises as `Upstream.probe` does."""
    with upstream.probe(url, method="HEAD") as answer:
        if answer.status == HTTPStatus.OK:
            return Facts(answer.length, answer.headers.get("Last-Modified"))
        if answer.status not in _NO_HEAD:
            return Facts(None, None)
    with upstream.probe(url, headers={"Range": "bytes=0-0"}) as answer:
        if answer.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            return Facts(None, None)
        size = answer.length
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            span = _span(answer.headers)
            size = span[2] if span else None
        return Facts(size, answer.headers.get("Last-Modified"))


class RemoteFile:
    """A file upstream as a source of bytes; `url` is its address.

    Its end is asked for at once. Raises NoRangesError and other UpstreamNonsenseErrors, and what
    `Upstream.probe` raises.
    """

    def __init__(self, upstream: Upstream, url: str) -> None:
        self._upstream = upstream
        self._url = url
        self._blocks: list[tuple[int, bytes]] = []
        self._came = 0
        with upstream.probe(url, headers={"Range": f"bytes=-{TAIL}"}) as answer:
            self.facts = Facts(answer.length, answer.headers.get("Last-Modified"))
            self._validator = answer.validator
            if answer.status not in _NO_RANGES:
                raise UpstreamNonsenseError(shown(url), f"answers {answer.status}")
            if answer.status == HTTPStatus.OK and 0 < (answer.length or 0) <= TAIL:
                # As good: that is all of it.
                self.size = answer.length or 0
                self._take(0, answer.body(self.size), self.size)
                return
            span = _span(answer.headers) if answer.status == HTTPStatus.PARTIAL_CONTENT else None
            if span is None or span[1] + 1 != span[2] or span[1] - span[0] >= TAIL:
                raise NoRangesError(url)
            start, end, self.size = span
            self.facts.size = self.size
            self._take(start, answer.body(end - start + 1), end - start + 1)

    def read(self, offset: int, count: int) -> bytes:
        """Read bytes, asking for those that have not come yet."""
        end = min(offset + count, self.size)
        data = bytearray()
        while offset + len(data) < end:
            at = offset + len(data)
            start, block = self._block(at) or self._fetch(at, end)
            data += block[at - start : end - start]
        return bytes(data)

    def _block(self, at: int) -> tuple[int, bytes] | None:
        return next((b for b in self._blocks if b[0] <= at < b[0] + len(b[1])), None)

    def _fetch(self, start: int, end: int) -> tuple[int, bytes]:
        """Ask for a span, and for what lies behind it, up to what has come already."""
        end = min(max(end, start + BLOCK), self.size)
        end = min([end, *(begin for begin, _block in self._blocks if begin > start)])
        headers = {"Range": f"bytes={start}-{end - 1}"}
        if self._validator:
            headers["If-Range"] = self._validator
        with self._upstream.probe(self._url, headers=headers) as answer:
            span = _span(answer.headers) if answer.status == HTTPStatus.PARTIAL_CONTENT else None
            if span != (start, end - 1, self.size):
                raise NoRangesError(self._url)
            return self._take(start, answer.body(end - start), end - start)

    def _take(self, start: int, data: bytes, count: int) -> tuple[int, bytes]:
        self._came += count
        if self._came > MAX_BYTES:
            raise UpstreamNonsenseError(shown(self._url), "has too large a directory")
        if len(data) != count:
            raise UpstreamNonsenseError(shown(self._url), "sent less than it announced")
        self._blocks.append((start, data))
        return start, data


def _span(headers: Mapping[str, str]) -> tuple[int, int, int] | None:
    """Read Content-Range (RFC 9110, 14.4) as first byte, last byte and size."""
    match = _RANGE.fullmatch(headers.get("Content-Range", ""))
    return (int(match[1]), int(match[2]), int(match[3])) if match else None
