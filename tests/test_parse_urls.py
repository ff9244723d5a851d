"""Links made absolute: the fast way against the standard library's."""

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eggproxy.parse.urls import DIGESTS, Absolute, Base, fragment_facts, last_component

PIECES = ["..", ".", "...", ".x", "x.", "", "a", "b-1.0", "c%2Bd", "e+f", "~g", "%2e%2e", "a:1"]
BASES = [
    *("https://h.example", "https://h.example/", "http://h.example:8080/a/b/c/", "https://h/a/b"),
    *("https://h/a/../b/./c/", "https://h/a//b/", "https://h/a/?q=x/y", "https://h/a b/"),
]
references = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "/", "//h2/", "https://h3.example/", "http://h4:80/", "HTTP://h5/", "?x"]),
    st.lists(st.sampled_from(PIECES), max_size=5).map("/".join),
    st.sampled_from(["", "#", "#sha256=ab", "#a&b=c", "?q", "?", ";p"]),
)


@given(st.sampled_from(BASES), references)
def test_absolute__as_the_standard_library(base: str, reference: str) -> None:
    """A link leads where the standard library says that it leads."""
    parts = urlsplit(urljoin(base, reference).replace(" ", "%20"))
    url = parts._replace(path=parts.path or "/", fragment="").geturl()
    found = Base(base).absolute(reference)
    assert found == (Absolute(url, parts.fragment) if parts.netloc else None)


@given(st.sampled_from(BASES), st.text())
def test_absolute__anything(base: str, reference: str) -> None:
    """Whatever stands in a link, it is http(s) and plain ASCII, or it is nothing."""
    found = Base(base).absolute(reference)
    if found is not None:
        assert found.url.startswith(("http://", "https://"))
        assert found.url.isascii()
        assert found.url.isprintable()
        assert " " not in found.url


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/a/b-1.zip", "b-1.zip"),
        ("https://h/a/b%2B1.zip?c/d", "b+1.zip"),
        ("https://h/a/b%252B1.zip", "b%2B1.zip"),
        ("https://h/a/%ff.zip", "\ufffd.zip"),
        ("https://h/a/..%2Fb.zip", "../b.zip"),
        ("https://h/", ""),
    ],
)
def test_last_component(url: str, name: str) -> None:
    """The filename is what stands behind the last slash, decoded once."""
    assert last_component(url) == name


@pytest.mark.parametrize(
    ("fragment", "hashes", "egg"),
    [
        ("", {}, None),
        ("sha256=0aF", {"sha256": "0af"}, None),
        ("MD5=00", {"md5": "00"}, None),
        ("md5=0&egg=a%20b-1&sha1=1&subdirectory=x", {"md5": "0", "sha1": "1"}, "a b-1"),
        ("egg=a", {}, "a"),
        ("egg=", {}, None),
        ("sha256=None", {}, None),
        ("sha256=", {}, None),
        ("sha257=00", {}, None),
        ("shake_128=00", {}, None),
    ],
)
def test_fragment_facts(fragment: str, hashes: dict[str, str], egg: str | None) -> None:
    """A fragment holds digests, an egg, or nothing of use."""
    assert fragment_facts(fragment) == (hashes, egg)


def test_digests__known() -> None:
    """The digests of indexes, past and present, are understood."""
    assert {"md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b"} <= DIGESTS
