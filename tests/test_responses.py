"""From an answer and a request's headers to a response."""

import math
from collections.abc import Iterator
from concurrent.futures import Future
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from eggproxy import hot, responses
from eggproxy.answers import Growing, Moved, Ready, Text
from eggproxy.errors import (
    BadRequestError,
    NoSuchProjectError,
    RangeNotSatisfiableError,
    UpstreamUnavailableError,
)
from eggproxy.growing import Growing as GrowingFile
from eggproxy.hot import Prepared
from eggproxy.names import NormalizedName
from eggproxy.responses import FileBody, GrowingBody, Request, Response
from eggproxy.store.partial import Partial
from eggproxy.transfers import Wanted
from eggproxy.upstream import Upstream

BODY = bytes(range(100))
ETAG = '"abc"'
HEADERS_OF_A_BODY = {"Content-Type", "Content-Length", "Content-Range", "Accept-Ranges"}


def request(method: str = "GET", **headers: str) -> Request:
    """Make a request."""
    return Request(method, b"/pypi/foo/foo-1.zip", **headers)


def headers(response: Response) -> dict[str, str]:
    """Give the headers, of which none is there twice."""
    assert len(dict(response.headers)) == len(response.headers)
    return dict(response.headers)


def prepared(folder: Path) -> Prepared:
    """Store a file, and prepare it."""
    path = folder / "foo-1.zip"
    path.write_bytes(BODY)
    ready = Ready(
        path=path,
        content_type="application/octet-stream",
        cache_control="public",
        cache_status="hit",
        fresh_until=math.inf,
        etag=ETAG,
        vary="Accept",
    )
    return Prepared(ready)


@pytest.fixture(params=["in memory", "on disk"])
def stored(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Prepared:
    """Have a stored file, small enough for the memory or not."""
    if request.param == "on disk":
        monkeypatch.setattr(hot, "MAX_BODY", 10)
    return prepared(tmp_path)


def sent(response: Response) -> bytes:
    """Give the bytes that the response stands for."""
    body = response.body
    if isinstance(body, FileBody):
        return body.path.read_bytes()[body.span.start : body.span.stop]
    assert isinstance(body, bytes)
    return body


def test_request__checked() -> None:
    """Headers of a usual length are taken."""
    request("GET", accept="x" * responses.MAX_HEADER).check()
    request("POST").check()


@pytest.mark.parametrize(
    "name", ["accept", "accept_encoding", "if_none_match", "range", "if_range"]
)
def test_request__endless_headers(name: str) -> None:
    """A header that is longer than any client's is refused."""
    with pytest.raises(BadRequestError):
        request(**{name: "x" * (responses.MAX_HEADER + 1)}).check()


def test_of_prepared__whole(stored: Prepared) -> None:
    """A stored file comes with its length, its validator, and what caches go by."""
    response = responses.of_prepared(stored, request())
    assert (response.status, sent(response)) == (HTTPStatus.OK, BODY)
    assert headers(response) == {
        "Cache-Control": "public",
        "Cache-Status": "eggproxy; hit",
        "ETag": ETAG,
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
        "Content-Length": "100",
    }


def test_of_prepared__range(stored: Prepared) -> None:
    """A part is a 206 that says where it lies."""
    response = responses.of_prepared(stored, request(range="bytes=10-19", if_range=ETAG))
    assert (response.status, sent(response)) == (HTTPStatus.PARTIAL_CONTENT, BODY[10:20])
    said = headers(response)
    assert (said["Content-Range"], said["Content-Length"]) == ("bytes 10-19/100", "10")


def test_of_prepared__if_range_of_another(stored: Prepared) -> None:
    """Who has a part of another file gets this one whole."""
    response = responses.of_prepared(stored, request(range="bytes=10-19", if_range='"old"'))
    assert (response.status, sent(response)) == (HTTPStatus.OK, BODY)
    assert "Content-Range" not in headers(response)


def test_of_prepared__range_outside(stored: Prepared) -> None:
    """A range outside the file is refused."""
    with pytest.raises(RangeNotSatisfiableError):
        responses.of_prepared(stored, request(range="bytes=100-"))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("wanted", [{}, {"range": "bytes=10-19"}, {"range": "bytes=500-"}])
def test_of_prepared__not_modified(stored: Prepared, method: str, wanted: dict[str, str]) -> None:
    """Who has it already is told so, before any range is looked at, without a word on a body."""
    response = responses.of_prepared(stored, request(method, if_none_match=ETAG, **wanted))
    assert (response.status, response.body) == (HTTPStatus.NOT_MODIFIED, b"")
    assert {"ETag", "Cache-Control", "Vary"} <= set(headers(response))
    assert not HEADERS_OF_A_BODY & set(headers(response))


def test_of_prepared__head(stored: Prepared) -> None:
    """A HEAD request has the headers of the GET, and no body."""
    response = responses.of_prepared(stored, request("HEAD"))
    assert response.body == b""
    assert response.headers == responses.of_prepared(stored, request()).headers


@pytest.mark.parametrize("wanted", ["bytes=10-19", "bytes=500-"])
def test_of_prepared__head_has_no_range(stored: Prepared, wanted: str) -> None:
    """Ranges are for GET only, and MUST be ignored otherwise (RFC 9110, 14.2)."""
    response = responses.of_prepared(stored, request("HEAD", range=wanted))
    assert (response.status, headers(response)["Content-Length"]) == (HTTPStatus.OK, "100")


class Grown(GrowingFile):
    """A growing file that says whether it was let go."""

    closed = False

    def close(self) -> None:
        """Let go."""
        self.closed = True
        super().close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Grown]:
    """Have a file of which some bytes have come."""
    partial = Partial.of(tmp_path, tmp_path / "foo-1.zip", "x")
    wanted = Wanted(project=NormalizedName("foo"), filename="foo-1.zip", url="https://x.example/")
    writer = partial.lead()
    assert writer is not None
    with writer:
        writer.write(BODY[:50])
        tail = partial.follow()
        assert tail is not None
        upstream = Upstream("https://index.example/simple/", timeout=5)
        file = Grown(wanted, tail, 100, Future(), upstream, joined=False)
        yield file
        file.close()


def growing(file: Grown, **facts: Any) -> Growing:
    """Make an answer of a growing file."""
    usual: dict[str, Any] = {
        "content_type": "application/octet-stream",
        "cache_control": "public",
        "cache_status": "fwd=uri-miss; stored",
        "etag": ETAG,
    }
    return Growing(file=file, **usual | facts)


def test_of_growing__whole(file: Grown, tmp_path: Path) -> None:
    """A growing file has the headers that it has when it is stored, but for the cache's own."""
    response = responses.of_growing(growing(file), request())
    assert response.body == GrowingBody(file, 0, 100)
    expected = headers(responses.of_prepared(prepared(tmp_path), request()))
    expected |= {"Cache-Status": "eggproxy; fwd=uri-miss; stored"}
    del expected["Vary"]
    assert (response.status, headers(response)) == (HTTPStatus.OK, expected)
    assert not file.closed


def test_of_growing__range(file: Grown) -> None:
    """A part can be had before it has come."""
    response = responses.of_growing(growing(file), request(range="bytes=90-"))
    assert response.status == HTTPStatus.PARTIAL_CONTENT
    assert response.body == GrowingBody(file, 90, 100)
    assert headers(response)["Content-Range"] == "bytes 90-99/100"


def test_of_growing__size_unknown(file: Grown) -> None:
    """Without a size there is no length, and no range: all of it comes, to the end."""
    file.total = None
    response = responses.of_growing(growing(file), request(range="bytes=90-"))
    assert (response.status, response.body) == (HTTPStatus.OK, GrowingBody(file, 0, None))
    assert not {"Content-Length", "Content-Range", "Accept-Ranges"} & set(headers(response))


def test_of_growing__head_and_not_modified(file: Grown) -> None:
    """Where no body is sent, the file is let go at once."""
    head = responses.of_growing(growing(file), request("HEAD"))
    assert (head.status, head.body, file.closed) == (HTTPStatus.OK, b"", True)
    assert headers(head)["Content-Length"] == "100"
    file.closed = False
    known = responses.of_growing(growing(file), request(if_none_match=ETAG))
    assert (known.status, known.body, file.closed) == (HTTPStatus.NOT_MODIFIED, b"", True)


def test_of_growing__no_digest(file: Grown) -> None:
    """A file without a digest has no validator, and matches none."""
    response = responses.of_growing(growing(file, etag=None), request(if_none_match="*"))
    assert response.status == HTTPStatus.OK
    assert "ETag" not in headers(response)


def test_of_moved() -> None:
    """A redirect is a 301 with a page for people, which is not sent to a HEAD request."""
    response = responses.of_moved(Moved(location="/pypi/a%3Cb/"), request())
    assert (response.status, headers(response)["Location"]) == (301, "/pypi/a%3Cb/")
    assert b"/pypi/a%3Cb/" in sent(response)
    assert responses.of_moved(Moved(location="/pypi/a/"), request("HEAD")).body == b""


def test_of_text() -> None:
    """A short text has its length and type."""
    text = Text(body=b"<p>", content_type="text/html; charset=utf-8")
    response = responses.of_text(text, request())
    assert (response.status, response.body, headers(response)["Content-Length"]) == (
        200,
        b"<p>",
        "3",
    )
    assert responses.of_text(text, request("HEAD")).headers == response.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_of_error(method: str) -> None:
    """An error says what happened, twice, and is stored by no cache on the way."""
    error = UpstreamUnavailableError("https://index.example/", "cannot be reached")
    response = responses.of_error(error, request(method))
    assert response.reason == "Upstream https://index.example/ cannot be reached"
    assert response.body == (b"" if method == "HEAD" else f"{error}\n".encode())
    said = headers(response)
    assert (said["Retry-After"], said["Cache-Control"]) == ("5", "no-store")
    assert (said["Content-Type"], said["Content-Length"]) == (
        "text/plain; charset=utf-8",
        str(len(f"{error}\n")),
    )


def test_of_error__beyond_ascii() -> None:
    """The body is UTF-8, and its length is in bytes."""
    response = responses.of_error(NoSuchProjectError("é"), request())
    assert headers(response)["Content-Length"] == str(len(sent(response)))
    assert "é" in sent(response).decode()
