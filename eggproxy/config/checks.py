"""What a value may be: functions for configobj's validation, beside those it has itself."""

import re
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from configobj.validate import VdtValueError

from eggproxy.names import normalize

PATTERN = re.compile(r"[A-Za-z0-9*?](?:[A-Za-z0-9._*?-]*[A-Za-z0-9*?])?")
"""A name of a project, in which * stands for anything and ? for one character."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?([smhd]?)", re.ASCII)
_HANDOVER = re.compile(
    r"none|wsgi\.file_wrapper|x-sendfile|x-accel-redirect:/(?:[\w.~-]+/)+", re.ASCII
)
_HOSTNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_NOT_IN_INDEX = re.compile(r"[\s\x00-\x1f\x7f?#]")
_LIST = re.compile(r"[\s,]+")
_HOST_PATTERN = re.compile(r"(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?|\*")
_CHANNEL = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE = re.compile(r"(\d{1,15}) ?([KMG]?)", re.ASCII | re.IGNORECASE)
_BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def _directory(text: str) -> str:
    if not text or _CONTROL.search(text):
        raise ValueError(text)
    return text


def _index(text: str) -> str:
    if _is_path(text):
        return f"{text.rstrip('/')}/"
    url = urlsplit(text)
    url.port  # noqa: B018  # a ValueError if it is none
    if url.scheme not in ("http", "https") or not url.hostname or _NOT_IN_INDEX.search(text):
        raise ValueError
    return text if text.endswith("/") else f"{text}/"


def _links(text: str) -> str:
    """Read the address of one page, which need not end in a slash and may have a query."""
    if not _is_path(text):
        _index(text.replace("?", "/", 1))
    return text


def _is_path(text: str) -> bool:
    return text.startswith(("/", "./", "../", "~", "file:///")) and not _CONTROL.search(text)


def _text(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError
    return text


def _patterns(text: str) -> tuple[str, ...]:
    """Read patterns of names: normalized (PEP 503) as far as they are names."""
    return tuple(map(normalize, _listed(text, PATTERN)))


def _hosts(text: str) -> tuple[str, ...]:
    return tuple(host.lower() for host in _listed(text, _HOST_PATTERN))


def _listed(text: str, each: re.Pattern[str]) -> list[str]:
    found = [item for item in _LIST.split(text) if item]
    if not all(map(each.fullmatch, found)):
        raise ValueError
    return found


def _channel(text: str) -> str:
    if text and (not _CHANNEL.fullmatch(text) or text in {"stored", "healthz"}):
        raise ValueError(text)
    return text


def _duration(text: str, bare: str, shortest: str, longest: str) -> float:
    match = _DURATION.fullmatch(text)
    seconds = float(match[1]) * _SECONDS[match[2] or bare] if match else -1
    if not float(shortest) <= seconds <= float(longest):
        raise ValueError(text)
    return seconds


def _size(text: str, smallest: str, largest: str) -> int:
    size = _bytes(text)
    if not _bytes(smallest) <= size <= _bytes(largest):
        raise ValueError(text)
    return size


def _bytes(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return int(match[1]) * _BYTES[match[2].upper()]


def _handover(text: str) -> str:
    if not _HANDOVER.fullmatch(text):
        raise ValueError(text)
    return text


def _address(text: str) -> str:
    if not _HOSTNAME.fullmatch(text):
        ip_address(text)
    return text


def _refusing(check: Callable[..., object]) -> Callable[..., object]:
    def refusing(*args: str) -> object:
        try:
            return check(*args)
        except ValueError:
            # What was written is for the caller to show, or not.
            raise VdtValueError("") from None

    return refusing


CHECKS = {
    "directory": _refusing(_directory),
    "index": _refusing(_index),
    "duration": _refusing(_duration),
    "size": _refusing(_size),
    "handover": _refusing(_handover),
    "address": _refusing(_address),
    "links": _refusing(_links),
    "text": _refusing(_text),
    "patterns": _refusing(_patterns),
    "hosts": _refusing(_hosts),
    "channel": _refusing(_channel),
}
"""The functions by their names in the keys."""
