"""Real pages, broken at random: they are read or refused, and nothing of theirs runs or leads away.

With HYPOTHESIS_EXAMPLES in the environment as many pages are tried as it says.
"""

import json
import os
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eggproxy import parse, render
from eggproxy.model import ProjectDetail
from eggproxy.names import is_filename
from tests.saved_pages import PAGES, SavedPage

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "12"))
EVIL = [
    b"<script>alert(1)</script>",
    b'<a href="javascript:alert(1)#sha256=ab">x-1.0.tar.gz</a>',
    b'<a href="//evil.example/../../x-1.0.tar.gz#sha256=ab">x-1.0.tar.gz</a>',
    b'<base href="https://evil.example/">',
    b'<a href="https://user:secret@evil.example/x-1.0.tar.gz">x-1.0.tar.gz</a>',
    b'" onmouseover="alert(1)',
    b'{"filename":"../../etc/passwd","url":"https://x.example/","hashes":{}}',
    b'"url":"file:///etc/passwd",',
    b"\x00\xff\xfe",
    "\ufeff\u202e\u2028".encode(),
    b"&#0;&#x110000;&lt;script&gt;",
    b"[" * 2000,
]
TAGS = {"html", "head", "meta", "title", "body", "h1", "a", "br"}
ATTRIBUTES = {"lang", "charset", "name", "content", "href"}


@st.composite
def broken(draw: st.DrawFn, page: SavedPage) -> bytes:
    """Cut pieces out of a page, move them, repeat them, and put evil in their place."""
    body = page.body[:20_000]
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(body)))
        end = start + draw(st.sampled_from([0, 0, 1, 2, 7, 60, 500, 5000]))
        new = draw(st.sampled_from([b"", body[start:end] * 2, *EVIL]) | st.binary(max_size=4))
        body = body[:start] + new + body[end:]
    return body


class Rendered(HTMLParser):
    """Reads what browsers and clients would find in a page."""

    def __init__(self, page: bytes) -> None:
        """Read a page."""
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs if not name.startswith("data-")}
        self.links += [value or "" for name, value in attrs if name == "href"]


def check(detail: ProjectDetail) -> None:
    """See that a page that we make of it holds nothing but links to files beside it."""
    html = Rendered(render.project_detail_html(detail))
    assert html.tags <= TAGS
    assert html.attributes <= ATTRIBUTES
    entries = json.loads(render.project_detail_json(detail))["files"]
    for link in [*html.links, *(entry["url"] for entry in entries)]:
        parts = urlsplit(link)
        assert (parts.scheme, parts.netloc, "/" in parts.path) == ("", "", False)
    assert all(is_filename(file.filename) for file in detail.files)
    assert all(urlsplit(file.url).scheme in {"http", "https"} for file in detail.files)
    assert len(html.links) == len(entries) == len(detail.files)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.file)
def test_broken_page(page: SavedPage) -> None:
    """It is read or refused, never an accident, and what is made of it is harmless."""

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(broken(page))
    def try_out(body: bytes) -> None:
        try:
            detail = parse.project_detail(
                body, content_type=page.content_type, url=page.url, project=page.project
            )
        except parse.Nonsense:
            return
        check(detail)

    try_out()
