"""Links of a page made absolute, and what their fragments say."""

import hashlib
import re
from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

DIGESTS = frozenset(name for name in hashlib.algorithms_guaranteed if "shake" not in name)
"""Algorithms whose digests are understood in fragments; shake has no length of its own."""

_USUAL_HOST = r"https?://[a-z0-9.-]*[a-z0-9](?::[1-9][0-9]{0,3}+)?+/"
USUAL_URL = rf"{_USUAL_HOST}[a-zA-Z0-9_./~+%-]*+"
"""Pattern of URLs as indexes write them, in which nothing is left to resolve or to quote."""

USUAL_FOLDER = rf"{_USUAL_HOST}(?:[a-zA-Z0-9_.~+-]++/)*+"
"""Pattern of such URLs up to the last component."""

USUAL_FILENAME = r"(?!index\.|stored\.)[a-zA-Z0-9_][a-zA-Z0-9_.+-]{0,199}+"
"""Pattern of filenames that `is_filename` has nothing against, as nearly all are."""

_USUAL = re.compile(rf"({USUAL_URL})(?:#([a-zA-Z0-9=]++))?+").fullmatch
_USUAL_FRAGMENT = re.compile(r"(md5|sha256)=([0-9a-f]++)").fullmatch
_HEX = re.compile(r"[0-9a-fA-F]+")
_HTML_SPACE = " \t\n\r\f"
# What a URL is made of (RFC 3986), and the `%` of what is quoted already.
_OUTSIDE_URL = re.compile(r"[^!$%&'()*+,./0-9:;=?@A-Z_a-z~\[\]-]")
_SAFE = "!$%&'()*+,/:;=?@[]~"


class Absolute(NamedTuple):
    """An absolute http(s) URL without its fragment, and the fragment."""

    url: str
    fragment: str


class FragmentFacts(NamedTuple):
    """What a fragment says of a file: digests by algorithm, and setuptools' `egg=`."""

    hashes: dict[str, str]
    egg: str | None


def absolute(base: str, reference: str) -> Absolute | None:
    """Resolve a link against the URL of its page (RFC 3986, 5); None unless it is http(s).

    What may not stand in a URL, a space for example, is quoted, as browsers do.
    """
    usual = _USUAL(reference)
    if usual:
        return Absolute(usual[1], usual[2] or "")
    return _resolved(base, reference)


def _resolved(base: str, reference: str) -> Absolute | None:
    try:
        parts = urlsplit(urljoin(base, reference.strip(_HTML_SPACE)))
        # `port` raises for one that is no number, as urlsplit does for a broken IPv6 address.
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        return None
    if not usable or _OUTSIDE_URL.search(parts.netloc):
        return None
    path, query = (
        quote(part, safe=_SAFE) if _OUTSIDE_URL.search(part) else part
        for part in (parts.path, parts.query)
    )
    url = urlunsplit((parts.scheme, parts.netloc, path, query, ""))
    return Absolute(url, parts.fragment)


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
