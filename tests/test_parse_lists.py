"""Project lists, in HTML and JSON, of which some are very long."""

import tracemalloc
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eggproxy import parse
from eggproxy.model import ListedProject, ProjectList
from eggproxy.names import is_project_name, normalize
from eggproxy.parse import list_json, wellformed

URL = "https://index.example/simple/"
SOME = [("0-0-1/", "0.0.1"), ("zope-interface/", "zope.interface"), ("six/", "six")]
# Longer than any piece that is read at a time.
MANY = [f"Some.Project_{number:05}" for number in range(20_000)]


def html_page(links: Iterable[tuple[str, str]], head: str = "", gap: str = "<br/>") -> bytes:
    """Write a list as HTML."""
    body = "".join(f'<a href="{href}">{text}</a>{gap}\n' for href, text in links)
    title = "<title>Simple index</title>"
    page = f"<!DOCTYPE html>\n<html><head>{head}{title}</head><body>\n{body}</body></html>"
    return page.encode()


def json_page(projects: object, **keys: object) -> bytes:
    """Write a list as JSON."""
    return msgspec.json.encode({"meta": {"api-version": "1.1"}, "projects": projects, **keys})


def read_html(body: bytes, url: str = URL) -> ProjectList:
    """Read a list in HTML."""
    return parse.project_list(body, content_type="text/html", url=url)


def read_json(body: bytes) -> ProjectList:
    """Read a list in JSON."""
    return parse.project_list(body, content_type="application/json", url=URL)


def names(projects: ProjectList) -> list[str]:
    """Name the projects of a list."""
    return [project.name for project in projects.projects]


@pytest.mark.parametrize("prefix", ["", "/simple/", URL, "/pypi/", "https://other.example/simple/"])
@pytest.mark.parametrize("gap", ["", "<br/>", "<hr>"])
def test_html__names_as_shown(prefix: str, gap: str) -> None:
    """The text of a link is the name as people wrote it, wherever the link leads."""
    page = html_page([(prefix + href, text) for href, text in SOME], gap=gap)
    assert names(read_html(page)) == [text for _, text in SOME]


@pytest.mark.parametrize(
    ("href", "text", "name"),
    [
        ("foo-bar/", " Foo.Bar ", "Foo.Bar"),
        ("Foo_Bar", "Foo_Bar", "Foo_Bar"),
        ("foo-bar/", "Foo Bar, the framework", "foo-bar"),
        ("foo-bar/", "foo-b..&gt;", "foo-bar"),
        ("foo-bar/", "foo-bar/", "foo-bar"),
        ("view?name=foo", "foo", "foo"),
        ("foo%2Dbar/", "", "foo-bar"),
        ("https://other.example/foo-bar/", "Foo.Bar", "Foo.Bar"),
        ("https://other.example/", "Foo", None),
        ("foo bar/", "foo bar", None),
        ("föö/", "föö", None),
        ("../", "simple", None),
        ("/simple/", "simple", None),
        ("/", "Home", None),
        ("/s", "s", "s"),
        ("", "self", None),
        ("#top", "top", None),
        ("?C=N;O=D", "Name", None),
        ("index.html", "index.html", None),
        ("mailto:a@b.example", "mail", None),
        ("x" * 201 + "/", "x" * 201, None),
    ],
)
def test_html__name_of_link(href: str, text: str, name: str | None) -> None:
    """A link is a project by its text, else by its address, or it is none."""
    page = html_page([("six/", "six"), (href, text)])
    assert names(read_html(page)) == ["six", *([name] if name else [])]


def test_html__directory() -> None:
    """The listing that a web server makes of a directory is a list too."""
    page = b"""<html><head><title>Index of /simple</title></head><body><h1>Index of /simple</h1>
<pre><img src="/icons/blank.gif" alt="Icon "> <a href="?C=N;O=D">Name</a> <hr>
<a href="/">Parent Directory</a>                     -
<img src="/icons/folder.gif" alt="[DIR]"> <a href="a-long-name-of-one/">a-long-nam..&gt;</a>
<img src="/icons/folder.gif" alt="[DIR]"> <a href="six/">six/</a>    2025-11-02 10:20    -
<a href="index.html">index.html</a></pre></body></html>"""
    assert names(read_html(page)) == ["a-long-name-of-one", "six"]


def test_html__version() -> None:
    """The version is that of the page's head."""
    page = html_page(SOME, head='<meta name="pypi:repository-version" content="1.3">')
    assert read_html(page).api_version == (1, 3)


@pytest.mark.parametrize("odd", [None, 0, 9_000, -1])
def test_html__many_pieces(odd: int | None) -> None:
    """A long list is read in pieces, of which BeautifulSoup reads those that are not simple."""
    links = [(f"{normalize(name)}/", name) for name in MANY]
    expected = list(MANY)
    if odd is not None:
        links[odd] = (links[odd][0], f"<b>{MANY[odd]}</b>")
    assert names(read_html(html_page(links))) == expected


def test_html__fast_way_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """BeautifulSoup alone finds the same projects."""
    page = html_page([(f"/simple/{normalize(name)}/", name) for name in MANY[:2000]])
    fast = names(read_html(page))
    monkeypatch.setattr(wellformed, "read", lambda _text: None)
    assert names(read_html(page)) == fast == MANY[:2000]


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (b"", "sent an empty page"),
        (b"Service unavailable", "sent something that is no HTML"),
        (html_page(SOME)[:-40], "sent a page that breaks off"),
        (html_page([("/", "Home"), ("#top", "top")]), "sent a page with no usable link"),
        (b"<html><form><input type=password></form>", "sent a page with no usable link"),
        (
            b'<html><form></form><a href="/help">help</a><a href="/terms/">terms</a>',
            "sent a page with no usable link",
        ),
        (
            b'<html><meta http-equiv=refresh content=1><a href="terms">terms</a>',
            "sent a page with no usable link",
        ),
        (
            html_page(SOME, head='<meta name="pypi:repository-version" content="2.0">'),
            'speaks version "2.0" of the Simple API, not 1',
        ),
    ],
)
def test_html__nonsense(page: bytes, why: str) -> None:
    """What is no list is told at once, before any project."""
    with pytest.raises(parse.Nonsense) as caught:
        read_html(page)
    assert caught.value.why == why


def test_html__list_with_a_form() -> None:
    """Beside a form, only the addresses of this list's own projects are taken for such."""
    form = '<form action="/search"><input name="q"></form>'
    links = [("/simple/six/", "six"), ("numpy/", "numpy"), ("/help/", "help"), ("terms", "terms")]
    page = html_page(links).replace(b"<body>", f"<body>{form}".encode())
    assert names(read_html(page)) == ["six", "numpy"]


def test_html__empty() -> None:
    """An index without projects is one."""
    assert names(read_html(html_page([]))) == []


def test_json__names_and_unknown_keys() -> None:
    """Names are as they are shown; unknown keys are handed on, names that cannot be are not."""
    projects = [{"name": "0.0.1", "_last-serial": 3}, {"name": "a b"}, {"name": None}, 5, {}]
    found = read_json(json_page([*projects, {"name": "six"}], meta={"_last-serial": 9}))
    listed = [ListedProject(name="0.0.1", extra={"_last-serial": 3}), ListedProject(name="six")]
    assert (list(found.projects), found.meta) == (listed, {"_last-serial": 9})


def test_json__version() -> None:
    """The version is that of `meta`, which keeps no other copy of it."""
    found = read_json(json_page([]))
    assert (found.api_version, found.meta, names(found)) == ((1, 1), {}, [])


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (b"", "sent broken JSON"),
        (json_page([{"name": name} for name in MANY])[:-2], "sent broken JSON"),
        (b"[]", "sent JSON that is no index page"),
        (b'{"files": []}', "sent JSON without projects"),
        (json_page({"six": {}}), "sent JSON without projects"),
        (json_page(None), "sent JSON without projects"),
        (json_page([{"name": ""}, "six", None]), "sent a project list with no usable name"),
        (
            json_page([], meta={"api-version": "9.1"}),
            'speaks version "9.1" of the Simple API, not 1',
        ),
    ],
)
def test_json__nonsense(page: bytes, why: str) -> None:
    """What is no list is told at once, before any project."""
    with pytest.raises(parse.Nonsense) as caught:
        read_json(page)
    assert caught.value.why == why


def test_json__broken_entry() -> None:
    """A fault inside an entry shows when it is reached."""
    page = json_page([{"name": name} for name in MANY]).replace(b"Project_19000", b"Project\xff")
    projects = read_json(page).projects
    with pytest.raises(parse.Nonsense, match="sent broken JSON"):
        list(projects)


entries = st.recursive(
    st.none() | st.integers(-9, 9) | st.sampled_from(["", "a", "},{", "}, {", '"},{"', "[{", "\\"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "},{", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(entries, max_size=9), st.integers(1, 40), st.sampled_from([None, 1]))
def test_json__batches_lose_nothing(items: list[Any], size: int, indent: int | None) -> None:
    """However an array is cut into batches, its entries are those that it has."""
    text = msgspec.json.encode(items)
    array = msgspec.Raw(msgspec.json.format(text, indent=indent) if indent else text)
    assert list(list_json._items(array, size)) == items


def peak_memory(form: str, repeat: int) -> int:
    """Measure the memory, in bytes, that a list takes beside its page while it is read."""
    many = MANY * repeat
    html = form == "html"
    page = (
        html_page((f"{name}/", name) for name in many)
        if html
        else json_page([{"name": name, "_last-serial": 1} for name in many])
    )
    tracemalloc.start()
    count = sum(1 for _ in (read_html if html else read_json)(page).projects)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == len(many)
    return peak


@pytest.mark.parametrize("form", ["html", "json"])
def test_memory_stays_flat(form: str) -> None:
    """A list three times as long takes no more memory than its page does."""
    assert peak_memory(form, 3) < 1.2 * peak_memory(form, 1)


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_names_are_valid(name: str) -> None:
    """Whatever a list holds, the names that come out of it are such."""

    def found() -> Iterator[str]:
        try:
            yield from names(read_json(json_page([{"name": name}])))
            yield from names(read_html(html_page([(name, name)])))
        except parse.Nonsense:
            return

    assert all(map(is_project_name, found()))
