"""The fast way of reading HTML, against BeautifulSoup's."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eggproxy.parse import soup, wellformed
from eggproxy.parse.page import Page
from tests.saved_pages import PAGES, SavedPage

SIMPLE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="pypi:repository-version" content="1.4" />
<title>Links for d&amp;mo</title></head>
<body>
<h1>Links for demo</h1>
<a href="../../f/demo-1.0.tar.gz#sha256=0a">demo-1.0.tar.gz</a><br/>
<!--here--><a href="https://files.example/demo-1.1.whl#md5=0b" data-yanked="" data-x="&lt;3">
demo-1.1.whl</a><br />
<a href="é.zip" data-yanked="it's «bad»">é.zip</a><br>
</body>
</html>
<!--SERIAL 1-->
"""
# What a page could have as well, and parsers treat in ways of their own.
SNIPPETS = [
    *("<", ">", '"', "'", "&", ";", "/", "=", " ", "\n", "\r\n", "\t", "-", "--", "!", "#", "?"),
    *("<!--", "-->", "--!>", "<!-->", "<a>", "</a>", "<a ", "<A HREF='x'>", '<a href="y">', "<b>"),
    *("</b>", "<br>", "</br>", "<p>", "</p>", "<head>", "</head>", "<body>", "</body>", "<html>"),
    *("</html>", "<title>", "</title>", "<h1>", "</h1>", "<h1/>", "<form>", "<script>", "<style>"),
    *("</script>", "<textarea>", "<table>", "<td>", "<base href='/z/'>", "<meta>", "<!DOCTYPE x>"),
    *('<meta http-equiv="refresh" content="0">', "<meta name=a content=b>", "<?xml?>", "<![CDATA["),
    *("&amp;", "&ampx", "&lt", "&gt;", "&quot;", "&apos;", "&eacute;", "&#39;", "&#x27;", "&#X41;"),
    *("&#0;", "&#128;", "&#xD800;", "&#1114112;", "&notit;", "\0", "\x01", "\x7f", "\x80", "\x85"),
    *("\xa0", "\u2028", "\ufffe", "\ufffd", "\U0001f600", "\U0001ffff", ' href="z"', ' rel="b a"'),
    *(' data-yanked="x"', " data-yanked", ' DATA-YANKED="Y"', ' a="1" a="2"', ' -="1"', ' :a="1"'),
]


def seen(page: Page) -> object:
    """Give all that a page says, in a form that can be compared."""
    links = [
        (link.href, link.text, {k: v for k, v in link.attributes.items() if k != "href"})
        for link in page.links
    ]
    return links, dict(page.metas), page.base, page.is_for_people


HTML_PAGES = [page for page in PAGES if page.file.endswith(".html")]


@pytest.mark.parametrize("page", HTML_PAGES, ids=lambda page: page.file)
def test_wellformed__equals_soup_on_saved_pages(page: SavedPage) -> None:
    """What the fast way reads, BeautifulSoup reads."""
    text = page.body.decode()
    fast = wellformed.read(text)
    assert fast is None or seen(fast) == seen(soup.read(text))


@pytest.mark.parametrize(
    "file",
    [
        *("six.html", "six-today.html", "pypiserver.html", "gitlab.html", "artifactory.html"),
        *("torch.html", "empty.html", "numpy.html", "setuptools.html", "boto3.html"),
    ],
)
def test_wellformed__takes_pages_of_living_indexes(file: str) -> None:
    """Nearly all pages that are asked for are read the fast way."""
    page = next(page for page in PAGES if page.file == file)
    assert wellformed.read(page.body.decode()) is not None


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Make a page that was simple: some of it is missing, moved, repeated or new."""
    text = SIMPLE
    for _ in range(draw(st.integers(1, 4))):
        tokens = [match.start() for match in re.finditer(r"[<>\"'&;= /#-]", text)] or [0]
        start = draw(st.sampled_from(tokens)) + draw(st.integers(0, 1))
        end = start + draw(st.sampled_from([0, 0, 0, 1, 1, 2, 5, 20, 90, 1000]))
        new = draw(st.sampled_from(["", text[start:end] * 2, *SNIPPETS]) | st.text(max_size=3))
        text = text[:start] + new + text[end:]
    return text


@settings(max_examples=400, deadline=None)
@given(mutated())
@example(SIMPLE)
def test_wellformed__equals_soup_or_leaves_it_to_it(text: str) -> None:
    """Whatever became of a page: the fast way reads it as BeautifulSoup does, or not at all."""
    fast = wellformed.read(text)
    assert fast is None or seen(fast) == seen(soup.read(text))


def test_wellformed__simple_page_is_simple() -> None:
    """The page that the mutations start from is read the fast way."""
    assert wellformed.read(SIMPLE) is not None


@pytest.mark.parametrize(
    "unit",
    [
        *("<a ", '<a href="', '<a href="x" ', '<a href="x" y="', "<!--", "<br", '<a href="x">'),
        *("<head>", "<meta ", '<meta a="b" ', "<title>", "&", "-", '" ', "<!DOCTYPE html ", " "),
    ],
)
def test_wellformed__takes_time_in_proportion(unit: str) -> None:
    """A page of one piece repeated a hundred thousand times does not keep us for hours."""
    assert wellformed.read(unit * 100_000 + "!") is None
