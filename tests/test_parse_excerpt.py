"""Some files of a page, read without the others: the same as if all were read."""

from collections.abc import Sequence

import pytest

from eggproxy import parse
from eggproxy.model import ProjectDetail
from eggproxy.names import NormalizedName
from tests.saved_pages import PAGES, SavedPage

FOO = NormalizedName("foo")
JSON = "application/vnd.pypi.simple.v1+json"
ENTRY = '{"filename":"foo-1.tar.gz","url":"foo-1.tar.gz","hashes":{}}'


def every_third(names: Sequence[str]) -> list[int]:
    """Choose some of the files."""
    return list(range(0, len(names), 3))


def excerpt(
    body: str, content_type: str = JSON, choose: parse.Choose = every_third
) -> ProjectDetail | None:
    """Read some files of the page of foo."""
    return parse.excerpt(
        body.encode("latin-1"),
        content_type=content_type,
        url="https://index.example/simple/foo/",
        project=FOO,
        choose=choose,
    )


@pytest.mark.parametrize("saved", PAGES, ids=lambda saved: saved.file)
def test_excerpt__as_in_the_whole(saved: SavedPage) -> None:
    """What is read of some files is what is read of them when all are read, in their order."""
    arguments = {"content_type": saved.content_type, "url": saved.url}
    chosen: list[str] = []

    def choose(names: Sequence[str]) -> list[int]:
        places = every_third(names)
        chosen.extend(names[place] for place in places)
        return places

    found = parse.excerpt(saved.body, **arguments, project=saved.project, choose=choose)
    if saved.nonsense is not None or not saved.file.endswith(".json"):
        assert found is None
        return
    if found is None:
        # Some are too short, or odd.
        assert saved.file not in {"six.json", "zope-interface.json"}
        return
    whole = parse.project_detail(saved.body, **arguments, project=saved.project)
    assert found.files == [file for file in whole.files if file.filename in chosen]
    assert (found.name, found.status) == (whole.name, whole.status)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, f'{{"name":"foo","files":[{",".join([ENTRY] * 3)}'),
        (JSON, f'{{"name":"bar","files":[{",".join([ENTRY] * 3)}]}}'),
        (JSON, f'{{"meta":{{"api-version":"2.0"}},"files":[{",".join([ENTRY] * 3)}]}}'),
        (JSON, f'{{"files":[{ENTRY},{{"filename":"\xff","url":""}},{ENTRY}]}}'),
        (JSON, '{"files":[{"url":"foo-1.tar.gz"}]}'),
        (JSON, '{"files":{}}'),
        (JSON, "[]"),
        (JSON, "[" * 100_000),
        ("text/html", '<a href="foo-1.tar.gz">foo-1.tar.gz</a>' * 3),
        ("text/plain", f'{{"files":[{",".join([ENTRY] * 3)}]}}'),
    ],
)
def test_excerpt__of_nonsense(content_type: str, body: str) -> None:
    """There is no excerpt of what is broken, nor of HTML."""
    assert excerpt(body, content_type) is None


def test_excerpt__of_most_files() -> None:
    """Where most files are chosen, nothing would be gained."""
    page = f'{{"files":[{",".join([ENTRY] * 10)}]}}'
    assert excerpt(page, choose=lambda _names: range(5)) is not None
    assert excerpt(page, choose=lambda _names: range(6)) is None


def test_excerpt__long_names() -> None:
    """A name that no file can have is not looked into, for it may be as long as the page."""
    seen: list[str] = []

    def choose(names: Sequence[str]) -> list[int]:
        seen.extend(names)
        return []

    long = ENTRY.replace("foo-1", f"foo-{'9' * 5000}")
    assert excerpt(f'{{"files":[{long},{ENTRY}]}}', choose=choose) is not None
    assert seen == ["", "foo-1.tar.gz"]
