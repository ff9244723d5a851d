"""Conditional and partial answers of the test upstream (RFC 9110, 13 and 14)."""

import re

from tests.upstream_faults import Answer, Request

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def unchanged(request: Request, headers: dict[str, str]) -> bool:
    """Say whether the client holds what would be sent with these headers."""
    asked = request.headers.get("If-None-Match")
    if asked is not None:
        return headers.get("ETag") in [tag.strip() for tag in asked.split(",")]
    since = request.headers.get("If-Modified-Since")
    return since is not None and since == headers.get("Last-Modified")


def cut_range(request: Request, whole: Answer) -> Answer:
    """Give the range that was asked for, of a whole answer: 206, 416, or all of it."""
    whole.headers["Accept-Ranges"] = "bytes"
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    etag = whole.headers.get("ETag")
    if not match or request.headers.get("If-Range", etag) != etag:
        return whole
    whole.headers.pop("Transfer-Encoding", None)
    size = len(whole.body)
    first, last = match.groups()
    begin = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if begin > end:
        return Answer(416, {"Content-Range": f"bytes */{size}"})
    part = {"Content-Range": f"bytes {begin}-{end}/{size}"}
    return Answer(206, whole.headers | part, whole.body[begin : end + 1])
