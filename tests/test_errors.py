"""What can go wrong: sentences, reason phrases, statuses, headers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eggproxy.errors import (
    BadRequestError,
    DigestMismatchError,
    EggProxyError,
    EndingError,
    MethodNotAllowedError,
    NoSuchFileError,
    NoSuchProjectError,
    NotFoundError,
    OutdatedFileError,
    OverloadedError,
    RangeNotSatisfiableError,
    StorageError,
    UpstreamNonsenseError,
    UpstreamUnavailableError,
    URITooLongError,
)

WHERE = "https://index.example/simple/foo/"
ALL = [
    (BadRequestError("the address is not UTF-8"), 400, "not UTF-8"),
    (NotFoundError("Nothing is at this address."), 404, "Nothing"),
    (NoSuchProjectError("foo"), 404, "no project foo"),
    (NoSuchFileError("foo", "foo-1.zip"), 404, "its page lists no such file"),
    (NoSuchFileError("foo", "foo-1.zip", "upstream no longer has it"), 404, "no longer"),
    (MethodNotAllowedError(("GET", "HEAD")), 405, "GET and HEAD"),
    (URITooLongError(5000), 414, "5000"),
    (RangeNotSatisfiableError(7), 416, "7 bytes"),
    (StorageError("/eggs/foo", "No space left on device"), 500, "No space left"),
    (UpstreamNonsenseError(WHERE, "sent broken JSON"), 502, WHERE),
    (DigestMismatchError(WHERE, "foo-1.zip", "sha256 00", "sha256 11"), 502, "sha256 11"),
    (UpstreamUnavailableError(WHERE, "cannot be reached"), 503, f"{WHERE} cannot be reached"),
    (OutdatedFileError("foo", "foo-1.zip"), 503, "no longer means"),
    (EndingError(), 503, "being ended"),
    (OverloadedError("can't start new thread"), 503, "overloaded"),
]


@pytest.mark.parametrize(("error", "status", "says"), ALL)
def test_error__status_and_sentence(error: EggProxyError, status: int, says: str) -> None:
    """An error knows its status, and says what happened in the body and on the status line."""
    assert int(error.status) == status
    assert says in str(error)
    assert str(error).endswith(".")
    assert error.reason
    assert error.reason in str(error)


def test_error__headers() -> None:
    """Headers tell the client what it can do: come again, ask otherwise."""
    assert UpstreamUnavailableError(WHERE, "is down").headers == {"Retry-After": "5"}
    assert UpstreamUnavailableError(WHERE, "is down", 60).headers == {"Retry-After": "60"}
    assert EndingError().headers == OverloadedError("busy").headers == {"Retry-After": "5"}
    assert RangeNotSatisfiableError(7).headers == {"Content-Range": "bytes */7"}
    assert MethodNotAllowedError(("GET", "HEAD")).headers == {"Allow": "GET, HEAD"}
    assert NoSuchProjectError("foo").headers == {}


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.text(max_size=30) | st.text("\r\n\0é. ", max_size=300))
def test_reason__is_one_ascii_line(fact: str) -> None:
    """Whatever the facts hold, the reason phrase is short and breaks no status line."""
    for error in (
        NoSuchProjectError(fact),
        UpstreamNonsenseError(WHERE, fact),
        EggProxyError(fact),
    ):
        assert error.reason.isascii()
        assert error.reason.isprintable() or not error.reason
        assert len(error.reason) <= 200


def test_reason__without_the_advice() -> None:
    """The advice is for the body; the reason phrase is what happened."""
    error = UpstreamUnavailableError("https://index.example/", "cannot be reached")
    assert error.reason == "Upstream https://index.example/ cannot be reached"
