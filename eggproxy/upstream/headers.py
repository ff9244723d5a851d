"""What statuses and headers of upstream's answers mean."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from eggproxy.errors import UpstreamNonsenseError, UpstreamUnavailableError
from eggproxy.upstream.answers import Missing, shown
from eggproxy.upstream.faults import OutageError

if TYPE_CHECKING:
    import requests

_MISSING = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_LONGEST_STATUS = 1000
# Those that pass; others would come again however often they are tried.
_PASSING = {408, 425, 429}
# Those that credentials may help against.
_REFUSALS = {401, 403}
# Those that a host gives when it, or all behind it, is down or too busy: not for one page alone.
_OUTAGES = {429, 502, 503, 504}


def demand(response: "requests.Response", status: HTTPStatus) -> None:
    """Raise unless the answer has that status."""
    code = response.status_code
    if code == status:
        return
    if code in _MISSING:
        raise Missing
    why = f"answers {code} {response.reason or ''}".rstrip()
    if code in _OUTAGES:
        raise OutageError(shown(response.url), why, _asked_for(response.headers))
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR or code in _PASSING:
        raise UpstreamUnavailableError(shown(response.url), why)
    if code in _REFUSALS:
        advice = "Check the username and password that this proxy has for its index."
        raise UpstreamNonsenseError(shown(response.url), why, advice)
    raise UpstreamNonsenseError(shown(response.url), why)


def demand_sense(response: "requests.Response") -> None:
    """Raise if the host is down or too busy; any other answer is one."""
    code = response.status_code
    busy = code in _PASSING or code >= HTTPStatus.INTERNAL_SERVER_ERROR
    if busy and code != HTTPStatus.NOT_IMPLEMENTED:
        raise UpstreamUnavailableError(shown(response.url), f"answers {code}")


def _asked_for(headers: Mapping[str, str]) -> float:
    """Read Retry-After (RFC 9110, 10.2.3) as seconds from now; 0 if there is none."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    # A date without a zone is in GMT; that of another zone is none of HTTP.
    return max(0.0, (then.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds())


def cache_status(headers: Mapping[str, str]) -> str:
    """Read Cache-Status (RFC 9211), for the chain of caches; empty if it is not to be repeated."""
    text = headers.get("Cache-Status", "")
    usable = len(text) <= _LONGEST_STATUS and text.isascii() and text.isprintable()
    return text if usable else ""


def total_length(headers: Mapping[str, str]) -> int | None:
    """Read Content-Length."""
    length = headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() else None


def complete_length(response: "requests.Response", start: int) -> int | None:
    """Read `bytes START-END/TOTAL` of a 206 (RFC 9110, 14.4)."""
    unit, _, where = response.headers.get("Content-Range", "").partition(" ")
    span, _, total = where.partition("/")
    if unit != "bytes" or not span.startswith(f"{start}-"):
        raise UpstreamNonsenseError(shown(response.url), "sent another range than asked for")
    return int(total) if total.isascii() and total.isdigit() else None


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """Take the validator that goes with If-Range (RFC 9110, 13.1.5)."""
    etag = headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    return headers.get("Last-Modified")
