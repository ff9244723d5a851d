"""From the path of a URL to what it asks for."""

import string
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eggproxy.errors import BadRequestError, NotFoundError, URITooLongError
from eggproxy.names import NormalizedName, is_filename, is_project_name, normalize
from eggproxy.negotiation import JSON_V1, TEXT_HTML
from eggproxy.paths import (
    MAX_PATH,
    FileTarget,
    HomeTarget,
    ListTarget,
    ProjectTarget,
    RedirectTarget,
    Target,
    decode,
    resolve,
)

FOO = NormalizedName("foo-bar")
WHEEL = "foo_bar-1.0+x-py3-none-any.whl"

repeatable = settings(derandomize=True, deadline=None, max_examples=100)
segments = st.sampled_from(
    ["", ".", "..", "foo", "Foo.Bar", "pypi", "simple", "index.html", ".eggproxy", "a b", "%2e"]
)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        *((b"", ""), (b"/pypi/", "/pypi/"), (b"/a%2Bb", "/a+b"), (b"/a+b", "/a+b")),
        *((b"/%C3%A9", "/é"), (b"/\xc3\xa9", "/é"), (b"/a%2520", "/a%20"), (b"/%2e%2E", "/..")),
        *((b"/a%20b%23%3f", "/a b#?"), (b"/" + b"a" * (MAX_PATH - 1), "/" + "a" * (MAX_PATH - 1))),
    ],
)
def test_decode(raw: bytes, path: str) -> None:
    """Escapes are taken off once, and stand for UTF-8."""
    assert decode(raw) == path


@pytest.mark.parametrize(
    "raw",
    [
        *(b"/%", b"/%4", b"/%zz", b"/%%41", b"/a%2", b"/%u0041", b"/% 41"),
        *(b"/%2f", b"/%2F..%2f", b"/%5c", b"/%5C", b"/%00", b"/a%2f%2fb"),
        *(b"/%ff", b"/\xff", b"/%c0%af", b"/%c0%ae", b"/%ed%a0%80", b"/%f8%88%80%80%80"),
    ],
)
def test_decode__refused(raw: bytes) -> None:
    """No broken escape, no hidden slash, backslash or NUL, no UTF-8 that is none."""
    with pytest.raises(BadRequestError):
        decode(raw)


def test_decode__too_long() -> None:
    """An address longer than that of any file is not even looked at."""
    with pytest.raises(URITooLongError):
        decode(b"/" + b"%" * MAX_PATH)


@repeatable
@given(st.text(st.characters(exclude_characters="/\\\0", exclude_categories=["Cs"]), max_size=30))
def test_decode__undoes_quote(text: str) -> None:
    """What a client quotes comes out as it was."""
    assert decode(quote(text, safe="").encode()) == text


@repeatable
@given(st.binary(max_size=12) | st.text("%2f5cC0/\\.", max_size=12).map(str.encode))
def test_decode__any_bytes(raw: bytes) -> None:
    """Whatever the bytes, escapes add no slash, and no NUL."""
    try:
        path = decode(raw)
    except BadRequestError:
        return
    assert path.count("/") == raw.count(b"/")
    assert path.count("\0") == raw.count(b"\0")


@pytest.mark.parametrize(
    ("path", "target"),
    [
        *(("", HomeTarget()), ("/", HomeTarget())),
        *(("/pypi/", ListTarget()), ("/simple/", ListTarget())),
        *(("/pypi/index.html", ListTarget(TEXT_HTML)), ("/simple/index.json", ListTarget(JSON_V1))),
        *(("/pypi/foo-bar/", ProjectTarget(FOO)), ("/simple/Foo__Bar/", ProjectTarget(FOO))),
        ("/pypi/Foo.Bar/index.json", ProjectTarget(FOO, JSON_V1)),
        ("/pypi/foo-bar/index.html", ProjectTarget(FOO, TEXT_HTML)),
        (f"/pypi/foo-bar/{WHEEL}", FileTarget(FOO, WHEEL)),
        (f"/simple/FOO.bar/{WHEEL}.metadata", FileTarget(FOO, f"{WHEEL}.metadata")),
        *(("/pypi", RedirectTarget("/pypi/")), ("/simple", RedirectTarget("/simple/"))),
        ("/pypi/Foo.Bar", RedirectTarget("/pypi/Foo.Bar/")),
        ("/simple/pypi/", ProjectTarget(NormalizedName("pypi"))),
    ],
)
def test_resolve(path: str, target: Target) -> None:
    """The list, a project, a file; by any spelling of the name."""
    assert resolve(path) == target


@pytest.mark.parametrize(
    ("path", "target"),
    [
        *(("", RedirectTarget("/my/index/")), ("/", ListTarget())),
        *(("/foo-bar", RedirectTarget("/my/index/foo-bar/")), ("/foo-bar/", ProjectTarget(FOO))),
        *(
            ("/pypi/", ProjectTarget(NormalizedName("pypi"))),
            ("/a/b.zip", FileTarget(NormalizedName("a"), "b.zip")),
        ),
    ],
)
def test_resolve__mounted(path: str, target: Target) -> None:
    """Below a prefix that the server around has taken off, there is the index, and nothing else."""
    assert resolve(path, mounted="/my/index") == target


@pytest.mark.parametrize(
    "path",
    [
        *("/foo", "/pypix/", "/PYPI/", "pypi/", "//pypi/", "/favicon.ico", "/.eggproxy/"),
        *("/pypi//", "/pypi//foo/", "/pypi/foo//", "/pypi/foo/a/b", "/pypi/foo/a.zip/"),
        *("/pypi/.eggproxy/", "/pypi/.eggproxy/x", "/pypi/-foo/", "/pypi/foo-/a.zip", "/pypi/é/"),
        *("/pypi/foo/.htaccess", "/pypi/foo/index.html.gz", "/pypi/foo/stored.json", "/pypi/a b/"),
        *("/pypi/index.html.gz/x/y", "/pypi/<b>", "/pypi/%2e%2e/", f"/pypi/{'a' * 201}/"),
    ],
)
def test_resolve__nothing_there(path: str) -> None:
    """Where nothing can ever be, nobody looks."""
    with pytest.raises(NotFoundError):
        resolve(path)


@pytest.mark.parametrize("name", ["a" * 230, "é" * 115])
def test_resolve__longest_filename(name: str) -> None:
    """The longest filename that a page may list can be asked for."""
    assert resolve(f"/pypi/foo/{name}") == FileTarget(NormalizedName("foo"), name)


def test_resolve__metadata_of_longest_filename() -> None:
    """Whatever the page may list, its metadata can be asked for too."""
    assert is_filename("a" * 230)
    wanted = FileTarget(NormalizedName("foo"), "a" * 230 + ".metadata")
    assert resolve(f"/pypi/foo/{wanted.filename}") == wanted


@pytest.mark.parametrize(
    "path",
    [
        *("/pypi/../", "/..", "/pypi/./", "/pypi/foo/..", "/../etc/passwd", "/pypi/foo/."),
        *("/pypi/\\", "/pypi/a\nb/", "/pypi/a\rb", "/\0", "/pypi/\x7f/", "/a\x85", "/\u2028"),
    ],
)
@pytest.mark.parametrize("mounted", [None, "/pypi"])
def test_resolve__traps(path: str, mounted: str | None) -> None:
    """Steps of dots, backslashes and control characters are refused, wherever they stand."""
    with pytest.raises(BadRequestError):
        resolve(path, mounted=mounted)


def test_resolve__too_long() -> None:
    """An address longer than that of any file is refused."""
    with pytest.raises(URITooLongError):
        resolve("/pypi/" + "a" * MAX_PATH)


@repeatable
@given(st.lists(segments, max_size=5), st.sampled_from([None, "", "/pypi"]))
def test_resolve__only_safe_targets(parts: list[str], mounted: str | None) -> None:
    """Whatever is found has a normalized project, and a file in its folder."""
    try:
        target = resolve("/".join(["", *parts]), mounted=mounted)
    except (BadRequestError, NotFoundError):
        return
    if isinstance(target, ProjectTarget | FileTarget):
        assert is_project_name(target.project)
        assert normalize(target.project) == target.project
    if isinstance(target, FileTarget):
        assert is_filename(target.filename)


@repeatable
@given(st.lists(segments | st.text(string.printable, max_size=6), max_size=4))
def test_resolve__redirects_stay_here(parts: list[str]) -> None:
    """A redirect adds a slash to the same path; it never leads to another host."""
    path = "/".join(["", *parts])
    try:
        target = resolve(path)
    except (BadRequestError, NotFoundError):
        return
    if isinstance(target, RedirectTarget):
        assert decode(target.path.encode()) == f"{path}/"
        assert not target.path.startswith("//")
        assert resolve(f"{path}/") != target
