"""Names of projects and files: one normaliser, and what may become a path."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from eggproxy.names import (
    MAX_FILENAME,
    MAX_PROJECT_NAME,
    PAGE_NAMES,
    is_filename,
    is_project_name,
    normalize,
)

repeatable = settings(derandomize=True, deadline=None, max_examples=60)
project_names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)


@pytest.mark.parametrize("name", ["a", "7", "Zope.Interface", "a-_.b", "A" * MAX_PROJECT_NAME])
def test_is_project_name__valid(name: str) -> None:
    """Letters, digits, and what stands between them make a name."""
    assert is_project_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "-a", "a-", "_a", ".eggproxy", "a b", "a/b", "a\\b", "a\n", "a\0"),
        *("é", "\u212a", "\u017f", "a+b", "a%20b", "<b>", "A" * (MAX_PROJECT_NAME + 1)),
    ],
)
def test_is_project_name__invalid(name: str) -> None:
    """No control, no slash, no letter beyond ASCII, no separator at an end, no endless name."""
    assert not is_project_name(name)


@pytest.mark.parametrize(
    ("name", "normalized"),
    [("Zope.Interface", "zope-interface"), ("a-_.b", "a-b"), ("A__B", "a-b"), ("x", "x")],
)
def test_normalize(name: str, normalized: str) -> None:
    """Names are in lower case, each run of separators a dash."""
    assert normalize(name) == normalized


@repeatable
@given(project_names)
def test_normalize__as_packaging_does(name: str) -> None:
    """Names are normalized as installers do it; twice changes nothing; no dot can be left."""
    assert is_project_name(name)
    assert str(normalize(name)) == str(canonicalize_name(name)) == normalize(normalize(name))
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", normalize(name))


@pytest.mark.parametrize(
    "name",
    [
        *("a-1.0.tar.gz", "a-1.0+local-py3-none-any.whl", "a b.zip", "é.whl", "-a", "~", "a..b"),
        *("index.htm", "Index.html", "x.metadata", "a" * MAX_FILENAME, "é" * (MAX_FILENAME // 2)),
    ],
)
def test_is_filename__valid(name: str) -> None:
    """Nearly all is a filename, odd ones too."""
    assert is_filename(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", ".htaccess", "a/b", "a\\b", "a\0b", "a\nb", "a\x85b", "a\u2028b"),
        *("a\udc80", "a" * (MAX_FILENAME + 1), "é" * (MAX_FILENAME // 2 + 1), *sorted(PAGE_NAMES)),
    ],
)
def test_is_filename__invalid(name: str) -> None:
    """What is hidden, leads elsewhere, breaks lines, or is our own page, is no distribution."""
    assert not is_filename(name)


@repeatable
@given(st.text(max_size=12) | st.text("./\\%\0\nindexhtml", max_size=12))
def test_is_filename__stays_in_its_folder(name: str) -> None:
    """A filename is one visible component of a path, and can be written to disk."""
    if is_filename(name):
        assert "/" not in name
        assert not name.startswith(".")
        assert len(name.encode()) <= MAX_FILENAME
