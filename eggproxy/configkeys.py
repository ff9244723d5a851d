"""The keys of the configuration: what each means, and what it may be."""

import difflib
import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from configobj.validate import VdtValueError

from eggproxy.errors import ConfigurationError

SECTION = "eggproxy"
"""The section of the configuration file that holds the keys."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?([smhd]?)", re.ASCII)
_HANDOVER = re.compile(
    r"none|wsgi\.file_wrapper|x-sendfile|x-accel-redirect:/(?:[\w.~-]+/)+", re.ASCII
)
_HOSTNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_NOT_IN_INDEX = re.compile(r"[\s\x00-\x1f\x7f?#]")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE = re.compile(r"(\d{1,15}) ?([KMG]?)", re.ASCII | re.IGNORECASE)
_BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class Key(NamedTuple):
    """One setting: the command's options and the configuration's checks come from here.

    `default` is the text one would write, or None where it is found at run time; `expected` ends
    the sentence that refuses a value; the value of a `secret` one is shown nowhere.
    """

    name: str
    check: str
    default: str | None
    expected: str
    help: str
    secret: bool = False

    @property
    def spec(self) -> str:
        """What configobj's validation is to check."""
        if self.check.endswith(")"):
            return f"{self.check[:-1]}, default={self.default!r})"
        return f"{self.check}(default={self.default!r})"


KEYS = (
    Key(
        "eggs_directory",
        "directory",
        "var/eggs",
        "the path of a directory",
        "Directory of what is stored: itself a static index, ready for any web server.",
    ),
    Key(
        "index",
        "index",
        None,
        "an address that begins with https:// or http:// and has no space, ? or #",
        "Address of the index behind the proxy; the Python Package Index if none is given.",
        secret=True,
    ),
    Key(
        "update_interval",
        "duration(h, 0, 315360000)",
        "30m",
        "a number of hours, or one with s, m, h or d after it, such as 30m, up to 3650d",
        "How long a page is served before the index is asked anew: hours, or such as 90s, 30m, 1d.",
    ),
    Key(
        "always_refresh",
        "boolean",
        "0",
        "1 or 0",
        "Whether to ask the index for news at every request of a page: 1 or 0.",
    ),
    Key(
        "timeout",
        "duration(s, 0.001, 86400)",
        "10",
        "a number of seconds above 0, such as 10, or one with s, m, h or d after it, up to 1d",
        "How long to wait for the index to connect or to send more: seconds, or such as 2m.",
    ),
    Key(
        "offline",
        "boolean",
        "0",
        "1 or 0",
        "Whether to answer from what is stored alone, and never ask the index: 1 or 0.",
    ),
    Key(
        "outage_pages",
        "option('stored', 'all')",
        "stored",
        "stored or all",
        "What pages list while the index is down, or offline: files that are stored, or all.",
    ),
    Key(
        "max_page_size",
        "size(1K, 4G)",
        "256M",
        "a number of bytes, or one with K, M or G after it, such as 256M, from 1K to 4G",
        "Largest page that is taken from the index, unpacked: bytes, or such as 64M.",
    ),
    Key(
        "removal_grace",
        "duration(h, 0, 315360000)",
        "24h",
        "a number of hours, or one with s, m, h or d after it, such as 24h, up to 3650d",
        "How long the index must deny a stored project until that counts as removed there.",
    ),
    Key(
        "file_handover",
        "handover",
        "wsgi.file_wrapper",
        "none, wsgi.file_wrapper, x-sendfile, or x-accel-redirect:/PREFIX/ with a prefix of nginx",
        "How a WSGI server gets large stored files: none, wsgi.file_wrapper, x-sendfile, or "
        "x-accel-redirect:/PREFIX/.",
    ),
    Key(
        "listen",
        "address",
        "127.0.0.1",
        "an address of this machine without a port, such as 127.0.0.1, or 0.0.0.0 or :: for all",
        "Address on which `eggproxy serve` listens.",
    ),
    Key(
        "port",
        "integer(0, 65535)",
        "8888",
        "a number from 1 to 65535, or 0 for any port that is free",
        "Port on which `eggproxy serve` listens.",
    ),
)
"""All settings, in the order in which they are explained."""


def check_name(name: str, where: str) -> None:
    """Raise ConfigurationError, which `where` begins, if no setting has this name."""
    names = [key.name for key in KEYS]
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        advice = f"did you mean {close[0]}?" if close else f"write one of {', '.join(names)}."
        raise ConfigurationError(f"{where} is no known key: {advice}")


def _directory(text: str) -> str:
    if not text or _CONTROL.search(text):
        raise ValueError(text)
    return text


def _index(text: str) -> str:
    url = urlsplit(text)
    url.port  # noqa: B018  # a ValueError if it is none
    if url.scheme not in ("http", "https") or not url.hostname or _NOT_IN_INDEX.search(text):
        raise ValueError
    return text if text.endswith("/") else f"{text}/"


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
}
"""Functions for configobj's validation, beside those it has itself."""
