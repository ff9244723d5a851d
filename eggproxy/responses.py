"""From an answer and a request's headers to a response that a front end only has to send."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from eggproxy.answers import Growing, GrowingFile, Moved, Text
from eggproxy.conditional import Span, not_modified, requested_span
from eggproxy.errors import BadRequestError, EggProxyError
from eggproxy.hot import Prepared, said

MAX_HEADER = 8192
"""Longest request header that is read, in characters."""


SMALL = 64 * 1024
"""Bytes of a file that has just come that are read at once, instead of block by block."""


class Request(NamedTuple):
    """What of a request matters; headers are None where they are missing."""

    method: str
    # As it stood in the request line, without query, not decoded.
    raw_path: bytes
    query: str = ""
    # The prefix that the server around has taken off already, or None.
    mounted: str | None = None
    accept: str | None = None
    accept_encoding: str | None = None
    if_none_match: str | None = None
    range: str | None = None
    if_range: str | None = None
    # Who the server around says it is, if it has asked for a name and a proof.
    user: str | None = None
    authorization: str | None = None
    # The address of the peer, as the server around knows it.
    client: str | None = None
    # Through which proxies it has come (RFC 8586).
    cdn_loop: str | None = None
    user_agent: str | None = None

    def __repr__(self) -> str:
        """Show which request it is; headers may hold secrets."""
        return f"Request({self.method!r}, {self.raw_path!r})"

    @property
    def is_excessive(self) -> bool:
        """Say whether a header is longer than any client has reason to send."""
        # Twice as quick as any() over a generator.
        for header in self[4:]:  # noqa: SIM110
            if header is not None and len(header) > MAX_HEADER:
                return True
        return False

    def check(self) -> None:
        """Refuse what no client of an index sends. Raises EggProxyError."""
        if self.is_excessive:
            raise BadRequestError(f"a header is longer than {MAX_HEADER} characters")


@dataclass(frozen=True, slots=True)
class FileBody:
    """A part of a stored file."""

    path: Path
    span: Span


@dataclass(frozen=True, slots=True)
class GrowingBody:
    """A part of a growing file; `stop` is None where its size is not known yet."""

    file: GrowingFile
    start: int
    stop: int | None


Body = bytes | FileBody | GrowingBody


@dataclass(frozen=True, slots=True)
class Response:
    """What to send; a HEAD request has its headers, and an empty body."""

    status: HTTPStatus
    headers: list[tuple[str, str]]
    body: Body = b""
    # Reason phrase, where the usual one does not say it all.
    reason: str | None = None
    # For the log: the words of Cache-Status.
    cache_status: str = ""


def of_prepared(prepared: Prepared, request: Request) -> Response:
    """Answer with something stored: 200, 206 or 304. Raises RangeNotSatisfiableError."""
    common = prepared.headers
    status = prepared.cache_status
    if not_modified(request.if_none_match, prepared.etag):
        return Response(HTTPStatus.NOT_MODIFIED, [*common], cache_status=status)
    span = _span(request, prepared.etag, prepared.size)
    if span is None:
        code, headers = HTTPStatus.OK, [*prepared.all_headers]
    else:
        code = HTTPStatus.PARTIAL_CONTENT
        headers = [*common, *_content(prepared.content_headers, span, prepared.size)]
    part = span or Span(0, prepared.size)
    if request.method == "HEAD":
        return Response(code, headers, cache_status=status)
    if prepared.body is not None:
        body = prepared.body if span is None else prepared.body[span.start : span.stop]
        return Response(code, headers, body, cache_status=status)
    return Response(code, headers, FileBody(prepared.path, part), cache_status=status)


def of_growing(answer: Growing, request: Request) -> Response:
    """Answer with a file that is on its way. Raises RangeNotSatisfiableError."""
    headers = [
        ("Cache-Control", answer.cache_control),
        ("Cache-Status", said(answer.cache_status, answer.chain)),
        ("X-Content-Type-Options", "nosniff"),
    ]
    if answer.etag is not None:
        headers.append(("ETag", answer.etag))
    if not_modified(request.if_none_match, answer.etag):
        answer.file.close()
        return Response(HTTPStatus.NOT_MODIFIED, headers, cache_status=answer.cache_status)
    total = answer.file.total
    span = None if total is None else _span(request, answer.etag, total)
    headers += _content([("Content-Type", answer.content_type)], span, total)
    code = HTTPStatus.OK if span is None else HTTPStatus.PARTIAL_CONTENT
    if request.method == "HEAD":
        answer.file.close()
        return Response(code, headers, cache_status=answer.cache_status)
    start, stop = span or (0, total)
    answer.file.begin_at(start)
    following = GrowingBody(answer.file, start, stop)
    whole = _at_once(following)
    body = following if whole is None else whole
    return Response(code, headers, body, cache_status=answer.cache_status)


def _at_once(body: GrowingBody) -> bytes | None:
    """Read what is small and has come, as metadata has: to follow it would cost more than it."""
    file, start, stop = body.file, body.start, body.stop
    if stop is None or stop - start > SMALL:
        return None
    try:
        data = file.read(start, stop - start) if file.progress().complete else b""
    except EggProxyError:
        # Whoever follows it will be told.
        return None
    if len(data) != stop - start:
        return None
    file.close()
    return data


def of_moved(answer: Moved, request: Request) -> Response:
    """Redirect for good: 301, for urllib before Python 3.11 does not follow a 308."""
    page = f"<!DOCTYPE html>\n<title>Moved</title>\n<p>It is at {escape(answer.location)}</p>\n"
    text = Text(body=page.encode(), content_type="text/html; charset=utf-8")
    response = of_text(text, request, HTTPStatus.MOVED_PERMANENTLY)
    response.headers.append(("Location", answer.location))
    return response


def of_text(answer: Text, request: Request, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Answer with what is in memory."""
    how = answer.cache_status or ""
    headers = [
        ("Cache-Control", answer.cache_control),
        ("X-Content-Type-Options", "nosniff"),
    ]
    if answer.cache_status is not None:
        headers.append(("Cache-Status", said(how, answer.chain)))
    if answer.etag is not None:
        headers.append(("ETag", answer.etag))
    if answer.vary is not None:
        headers.append(("Vary", answer.vary))
    if not_modified(request.if_none_match, answer.etag):
        return Response(HTTPStatus.NOT_MODIFIED, headers, cache_status=how)
    headers.append(("Content-Type", answer.content_type))
    if answer.encoding is not None:
        headers.append(("Content-Encoding", answer.encoding))
    headers.append(("Content-Length", str(len(answer.body))))
    body = b"" if request.method == "HEAD" else answer.body
    return Response(status, headers, body, cache_status=how)


def of_error(error: EggProxyError, request: Request) -> Response:
    """Answer with an error in plain words, in the reason phrase and in the body."""
    text = Text(body=f"{error}\n".encode(), content_type="text/plain; charset=utf-8")
    plain = of_text(text, request, error.status)
    headers = [pair for pair in plain.headers if pair[0] != "Cache-Control"]
    headers += [("Cache-Control", "no-store"), *error.headers.items()]
    return Response(error.status, headers, plain.body, error.reason, f"error={int(error.status)}")


def _span(request: Request, etag: str | None, size: int) -> Span | None:
    """Find the part that is wanted; Range means nothing with HEAD (RFC 9110, 14.2)."""
    if request.method == "HEAD":
        return None
    return requested_span(request.range, request.if_range, etag, size)


def _content(
    described: Iterable[tuple[str, str]], span: Span | None, size: int | None
) -> list[tuple[str, str]]:
    """Describe the body: its type, its length, and where in the whole it lies."""
    headers = [*described]
    if size is None:
        return headers
    headers.append(("Accept-Ranges", "bytes"))
    if span is None:
        return [*headers, ("Content-Length", str(size))]
    return [
        *headers,
        ("Content-Length", str(span.stop - span.start)),
        ("Content-Range", f"bytes {span.start}-{span.stop - 1}/{size}"),
    ]
