"""Conditional and range requests, on facts about an answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eggproxy.conditional import Span, not_modified, requested_span
from eggproxy.errors import BadRequestError, RangeNotSatisfiableError

ETAG = '"abc"'
repeatable = settings(derandomize=True, deadline=None, max_examples=100)


@pytest.mark.parametrize(
    "header", ['"abc"', 'W/"abc"', ' "x" , "abc"', '"x",W/"abc","y"', "*", '"x", *']
)
def test_not_modified__the_client_has_it(header: str) -> None:
    """One of the client's validators is ours, or it takes any; weak ones count (RFC 9110)."""
    assert not_modified(header, ETAG)


@pytest.mark.parametrize("header", [None, "", ",", "abc", '"ABC"', '"ab', '"abcd"', '"x", "y"'])
def test_not_modified__the_client_has_another(header: str | None) -> None:
    """Without our validator, to the letter, all is sent."""
    assert not not_modified(header, ETAG)


def test_not_modified__no_validator() -> None:
    """What has no validator is never called unmodified."""
    assert not not_modified("*", None)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        *(("bytes=0-9", (0, 10)), ("bytes=5-5", (5, 6)), ("bytes=90-", (90, 100))),
        *(("bytes=90-1000", (90, 100)), ("bytes=-10", (90, 100)), ("bytes=-1000", (0, 100))),
        *(("bytes=0-", (0, 100)), ("Bytes = 1 - 2", (1, 3)), ("bytes=00-01", (0, 2))),
    ],
)
def test_requested_span__one_range(header: str, span: tuple[int, int]) -> None:
    """One range of bytes is given, cut to the file."""
    assert requested_span(header, None, ETAG, 100) == Span(*span)


@pytest.mark.parametrize("header", [None, "lines=1-2", "bytes=0-1,5-6", "bytes=", "="])
def test_requested_span__all_of_it(header: str | None) -> None:
    """No range, several, or such as are not known here: all bytes, as RFC 9110 allows."""
    assert requested_span(header, None, ETAG, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=1000-1000"])
def test_requested_span__outside(header: str) -> None:
    """What lies outside the file is refused, with its size."""
    with pytest.raises(RangeNotSatisfiableError) as caught:
        requested_span(header, None, ETAG, 100)
    assert caught.value.headers == {"Content-Range": "bytes */100"}


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-1"])
def test_requested_span__of_nothing(header: str) -> None:
    """An empty file has no range."""
    with pytest.raises(RangeNotSatisfiableError):
        requested_span(header, None, ETAG, 0)


@pytest.mark.parametrize(
    "header",
    [
        *("", "bytes", "bytes 0-9", "bytes=-", "bytes=9-5", "bytes=a-b", "bytes=1", "bytes=--1"),
        *("bytes=1-2-3", "bytes=0x1-2", "bytes=+1-2", "bytes=\u0661-2", "bytes=0-1,junk"),
    ],
)
def test_requested_span__broken(header: str) -> None:
    """What cannot be read is refused."""
    with pytest.raises(BadRequestError):
        requested_span(header, None, ETAG, 100)


def test_requested_span__to_the_largest_number() -> None:
    """A client may name an end far beyond any file, as some do with 2^64-1."""
    assert requested_span("bytes=0-18446744073709551615", None, ETAG, 100) == Span(0, 100)


@pytest.mark.parametrize(
    ("if_range", "etag", "wanted"),
    [
        *((None, ETAG, True), ('"abc"', ETAG, True), (' "abc" ', ETAG, True)),
        # Strong comparison (RFC 9110, 13.1.5), and no dates, for we send none.
        *(('W/"abc"', ETAG, False), ('"old"', ETAG, False), ("*", ETAG, False)),
        *(
            ("Tue, 02 Jan 2024 03:04:05 GMT", ETAG, False),
            ("", ETAG, False),
            ('"abc"', None, False),
        ),
    ],
)
def test_requested_span__if_range(if_range: str | None, etag: str | None, *, wanted: bool) -> None:
    """A range is given only of the very file that the client has a part of."""
    span = requested_span("bytes=10-19", if_range, etag, 100)
    assert span == (Span(10, 20) if wanted else None)


def test_requested_span__if_range_before_broken_range() -> None:
    """A range that is not to be looked at, is not looked at."""
    assert requested_span("bytes=junk", '"old"', ETAG, 100) is None


@repeatable
@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 200))
def test_requested_span__is_what_python_slices(start: int, end: int, size: int) -> None:
    """A span of the file is the slice that was asked for, and never an empty one."""
    body = bytes(number % 251 for number in range(size))
    try:
        span = requested_span(f"bytes={start}-{end}", None, None, size)
    except BadRequestError:
        assert end < start
    except RangeNotSatisfiableError:
        assert start >= size
    else:
        assert span is not None
        assert body[span.start : span.stop] == body[start : end + 1] != b""


@repeatable
@given(st.text("bytes=-,0123456789 x*/\t", max_size=20), st.integers(0, 50))
def test_requested_span__any_text(header: str, size: int) -> None:
    """Whatever stands in the header, the span lies within the file."""
    try:
        span = requested_span(header, None, ETAG, size)
    except (BadRequestError, RangeNotSatisfiableError):
        return
    assert span is None or 0 <= span.start < span.stop <= size
