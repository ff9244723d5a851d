"""Links of a page made absolute, and what their fragments say."""

import hashlib
import re
from collections.abc import Sequence
from string import ascii_letters, digits
from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from eggproxy.characters import consists_of

DIGESTS = frozenset(name for name in hashlib.algorithms_guaranteed if "shake" not in name)
"""Algorithms whose digests are understood in fragments; shake has no length of its own."""

# Ports from 60000 on are left to the longer way, which knows where they end.
_USUAL_HOST = r"https?://[a-z0-9.-]*[a-z0-9](?::(?:[1-5][0-9]{4}|[1-9][0-9]{0,3}))?+/"
USUAL_URL = rf"{_USUAL_HOST}[a-zA-Z0-9_./~+%-]*+"
"""Pattern of URLs as indexes write them, in which nothing is left to resolve or to quote."""

_ORIGIN = re.compile(_USUAL_HOST).match
_USUAL = re.compile(USUAL_URL).fullmatch
# What is in a path, and what is only before it.
_IN_URLS = f"{ascii_letters}{digits}_./~+%-:".encode()

USUAL_FOLDER = rf"{_USUAL_HOST}(?:[a-zA-Z0-9_.~+-]++/)*+"
"""Pattern of such URLs up to the last component."""

USUAL_FILENAME = r"(?!index\.|stored\.)[a-zA-Z0-9_][a-zA-Z0-9_.+-]{0,199}+"
"""Pattern of filenames that `is_filename` has nothing against, as nearly all are."""

_ABSOLUTE = re.compile(rf"({USUAL_URL})(?:#([a-zA-Z0-9=]++))?+").fullmatch
# A relative reference of which only the beginning has anything to resolve: no component after it
# begins with a dot.
_COMPONENT = "[a-zA-Z0-9_~+%-][a-zA-Z0-9_.~+%-]*+"
_RELATIVE = re.compile(
    rf"((?:\.\./)*+|\./|/)((?:{_COMPONENT}/)*+(?:{_COMPONENT})?+)(?:#([a-zA-Z0-9=]++))?+"
).fullmatch
_USUAL_FRAGMENT = re.compile(r"(md5|sha256)=([0-9a-f]++)").fullmatch
_HEX = re.compile(r"[0-9a-fA-F]+")
_HTML_SPACE = " \t\n\r\f"
# What a URL is made of (RFC 3986), and the `%` of what is quoted already.
_OUTSIDE_URL = re.compile(r"[^!$%&'()*+,./0-9:;=?@A-Z_a-z~\[\]-]")
_SAFE = "!$%&'()*+,/:;=?@[]~"


def are_usual(urls: Sequence[str]) -> bool:
    """Say whether all match `USUAL_URL`."""
    if not urls:
        return True
    # Those of a page are often of one host, and then there is a quick way: what the first and the
    # last of them in order begin with, all do.
    first = min(urls)
    origin = _ORIGIN(first)
    if origin is not None and max(urls).startswith(origin[0]):
        text = "".join(urls)
        colons = len(urls) * origin[0].count(":")
        if text.count(":") == colons and consists_of(text, _IN_URLS):
            return True
    return all(map(_USUAL, urls))


class Absolute(NamedTuple):
    """An absolute http(s) URL without its fragment, and the fragment."""

    url: str
    fragment: str


class FragmentFacts(NamedTuple):
    """What a fragment says of a file: digests by algorithm, and setuptools' `egg=`."""

    hashes: dict[str, str]
    egg: str | None


class Base:
    """What the links of a page are relative to: `url`, the page's own as a rule."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._folders: dict[str, Absolute | None] = {}

    def absolute(self, reference: str) -> Absolute | None:
        """Resolve a link (RFC 3986, 5); None unless it leads to something over http(s).

        What may not stand in a URL, a space for example, is quoted, as browsers do.
        """
        usual = _ABSOLUTE(reference)
        if usual:
            return Absolute(usual[1], usual[2] or "")
        usual = _RELATIVE(reference)
        if not usual or not usual[2]:
            return self._resolved(reference)
        folder = self._folder(usual[1])
        return folder and Absolute(folder.url + usual[2], usual[3] or "")

    def _folder(self, way: str) -> Absolute | None:
        """Resolve the way up to a folder: a page has many links, and few such ways."""
        if way not in self._folders:
            self._folders[way] = self._resolved(way or ".")
        return self._folders[way]

    def _resolved(self, reference: str) -> Absolute | None:
        try:
            parts = urlsplit(urljoin(self.url, reference.strip(_HTML_SPACE)))
            # `port` raises for one that is no number, as urlsplit does for broken IPv6 addresses.
            usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
            # An index that is a directory names files of its own; who may not is for others to say.
            usable = usable or (parts.scheme == "file" and self.url.startswith("file:"))
        except ValueError:
            return None
        if not usable or _OUTSIDE_URL.search(parts.netloc):
            return None
        path = _quoted(parts.path) or "/"
        url = urlunsplit((parts.scheme, parts.netloc, path, _quoted(parts.query), ""))
        return Absolute(url, parts.fragment)


def _quoted(part: str) -> str:
    return quote(part, safe=_SAFE) if _OUTSIDE_URL.search(part) else part


def last_component(url: str) -> str:
    """Give the last component of a URL's path, unquoted: the filename it leads to."""
    path = urlsplit(url).path if "?" in url else url
    last = path[path.rfind("/") + 1 :]
    return unquote(last) if "%" in last else last


def fragment_facts(fragment: str) -> FragmentFacts:
    """Read `sha256=...`, `md5=...&egg=name-1.0` and the like (PEP 503; setuptools)."""
    usual = _USUAL_FRAGMENT(fragment)
    if usual:
        return FragmentFacts({usual[1]: usual[2]}, None)
    hashes: dict[str, str] = {}
    egg = None
    for part in fragment.split("&"):
        key, _, value = part.partition("=")
        if key == "egg":
            egg = unquote(value) or None
        elif key.lower() in DIGESTS and _HEX.fullmatch(value):
            hashes[key.lower()] = value.lower()
    return FragmentFacts(hashes, egg)
