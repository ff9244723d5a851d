"""Conditional and range requests (RFC 9110, sections 13 and 14), on facts about an answer."""

import re
from typing import NamedTuple

from eggproxy.errors import BadRequestError, RangeNotSatisfiableError

_RANGE = re.compile(r"(\d{0,99})\s*-\s*(\d{0,99})\Z", re.ASCII)


class Span(NamedTuple):
    """Bytes `start` up to but not including `stop`."""

    start: int
    stop: int


def not_modified(if_none_match: str | None, etag: str | None) -> bool:
    """Say whether the client has this representation already (weak comparison, 13.1.2)."""
    if if_none_match is None or etag is None:
        return False
    if if_none_match == etag:
        return True
    candidates = (item.strip().removeprefix("W/") for item in if_none_match.split(","))
    return any(item in {etag, "*"} for item in candidates)


def requested_span(
    range_header: str | None, if_range: str | None, etag: str | None, size: int
) -> Span | None:
    """Find the bytes that a request wants, or None for all of them.

    `size` is the whole length in bytes. Units other than bytes, several ranges at once and an
    If-Range that does not match are answered with everything, as RFC 9110 allows.

    Raises BadRequestError for a range that cannot be read, RangeNotSatisfiableError for one
    outside the file.
    """
    if range_header is None or (if_range is not None and if_range.strip() != etag):
        return None
    unit, _, ranges = range_header.partition("=")
    if unit.strip().lower() != "bytes" or not ranges:
        if "=" in range_header:
            return None
        raise BadRequestError("the Range header should read bytes=START-END")
    spans = [_span(item.strip(), size) for item in ranges.split(",")]
    if len(spans) > 1:
        return None
    if spans[0] is None:
        raise RangeNotSatisfiableError(size)
    return spans[0]


def _span(item: str, size: int) -> Span | None:
    """Read one range; None if it cannot be satisfied."""
    match = _RANGE.match(item)
    if match is None or match[1] == match[2] == "":
        raise BadRequestError("the Range header should read bytes=START-END")
    if match[1] == "":
        suffix = int(match[2])
        return Span(max(0, size - suffix), size) if suffix and size else None
    start = int(match[1])
    stop = int(match[2]) + 1 if match[2] else size
    if stop <= start and match[2]:
        raise BadRequestError("the Range header ends before it begins")
    return Span(start, min(stop, size)) if start < size else None
