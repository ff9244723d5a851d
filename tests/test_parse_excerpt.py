"""Some files of a page, read without the others: the same as if all were read."""

from collections.abc import Sequence

import pytest

from eggproxy import parse
from eggproxy.names import NormalizedName
from tests.saved_pages import PAGES, SavedPage

FOO = NormalizedName("foo")
JSON = "application/vnd.pypi.simple.v1+json"
ENTRY = '{"filename":"foo-1.tar.gz","url":"foo-1.tar.gz","hashes":{}}'
# What HTML in the simple shape leaves to another parser, which takes its time, has no excerpts.
SIMPLE = [
    *("six.html", "numpy.html", "boto3.html", "zope-interface.html", "setuptools.html"),
    *("cryptography.html", "six.json", "zope-interface.json"),
]


def every_third(names: Sequence[str]) -> list[int]:
    """Choose some of the files."""
    return list(range(0, len(names), 3))


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
    if saved.nonsense is not None or found is None:
        assert saved.file not in SIMPLE
        return
    whole = parse.project_detail(saved.body, **arguments, project=saved.project)
    assert found.files == [file for file in whole.files if file.filename in chosen]
    assert (found.name, found.status) == (whole.name, whole.status)
    if saved.file in SIMPLE:
        assert found.files


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, f'{{"name":"foo","files":[{ENTRY}'),
        (JSON, f'{{"name":"bar","files":[{ENTRY}]}}'),
        (JSON, f'{{"meta":{{"api-version":"2.0"}},"files":[{ENTRY}]}}'),
        (JSON, '{"files":[{"url":"foo-1.tar.gz"}]}'),
        (JSON, '{"files":{}}'),
        (JSON, "[]"),
        (JSON, "[" * 100_000),
        ("text/html", ""),
        ("text/html", '<a href="foo-1.tar.gz">foo-1.tar.gz</a><a href="foo-2'),
        ("text/html", '<a href="foo-1.tar.gz">foo-1.tar.gz<a href="foo-2.tar.gz">2</a>'),
        ("text/html", '<table><a href="foo-1.tar.gz">foo-1.tar.gz</a></table>'),
        ("text/plain", '<a href="foo-1.tar.gz">foo-1.tar.gz</a>'),
    ],
)
def test_excerpt__of_nonsense(content_type: str, body: str) -> None:
    """There is no excerpt of what is no page, or none that is read quickly."""
    excerpt = parse.excerpt(
        body.encode(),
        content_type=content_type,
        url="https://index.example/simple/foo/",
        project=FOO,
        choose=every_third,
    )
    assert excerpt is None
