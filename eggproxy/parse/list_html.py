"""The project list in HTML (PEP 503), a piece at a time: it can be 40 MB long."""

import re
from collections.abc import Iterator
from itertools import chain
from urllib.parse import unquote, urlsplit

from eggproxy.model import ListedProject, ProjectList
from eggproxy.names import PAGE_NAMES, is_project_name, normalize
from eggproxy.parse import html_text
from eggproxy.parse.api_version import api_version
from eggproxy.parse.nonsense import Nonsense
from eggproxy.parse.page import Page
from eggproxy.parse.peek import peeked
from eggproxy.parse.urls import Base

_USUAL_NAMES = re.compile(r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9._-]{0,198}[a-zA-Z0-9])?+\n)*+")
_PIECE = 64 * 1024
_AFTER_ANCHOR = re.compile(rb"</a\s*+>", re.IGNORECASE)


def project_list(body: bytes, *, charset: str, url: str) -> ProjectList:
    """Read the project list, of which the projects are read only as they are asked for.

    `charset` has ASCII as ASCII does; `url` is the page's own. Raises Nonsense for what is no HTML
    or breaks off, for a page that has links but none to a project or that asks people for
    something, and for an API version that is not ours.
    """
    html_text.check(body)
    pages = _pages(body, charset)
    first = next(pages)
    version = api_version(first.metas.get("pypi:repository-version"))
    return ProjectList(projects=peeked(_projects(first, pages, url)), api_version=version)


def _pages(body: bytes, charset: str) -> Iterator[Page]:
    start = 0
    while start < len(body):
        cut = _AFTER_ANCHOR.search(body, start + _PIECE)
        end = cut.end() if cut else len(body)
        yield html_text.read(body[start:end].decode(charset, "replace"))
        start = end


def _projects(first: Page, rest: Iterator[Page], url: str) -> Iterator[ListedProject]:
    names = _Names(html_text.base(first, url), only_children=first.is_for_people)
    links = usable = 0
    for page in chain((first,), rest):
        found = names.of(page)
        links += len(page.links)
        usable += len(found)
        yield from (ListedProject(name=name) for name in found)
    if not usable and (links or first.is_for_people):
        raise Nonsense("sent a page with no usable link")


class _Names:
    """Tells which links of the list at `base` are projects, and what those are called.

    `only_children`: take nothing but the addresses that PEP 503 gives the projects of this very
    list, for the page has something for people too.
    """

    def __init__(self, base: Base, *, only_children: bool) -> None:
        self._base = base
        self._only_children = only_children
        parts = urlsplit(base.url)
        self._root = f"{parts.scheme}://{parts.netloc}/"
        self._folder = parts.path[: parts.path.rfind("/") + 1] or "/"
        self._folders = {"", self._folder, self._root + self._folder[1:]}

    def of(self, page: Page) -> list[str]:
        """Give the names of the projects that a page, or a piece of it, links to."""
        texts = [link.text for link in page.links]
        if self._are_usual(texts, [link.href for link in page.links]):
            return texts
        names = [self._name(link.text, link.href) for link in page.links]
        return [name for name in names if name is not None]

    def _are_usual(self, texts: list[str], hrefs: list[str]) -> bool:
        """Say, of all links at once, whether they are as PEP 503 has them, under one folder.

        `_name` would say the same, and take far longer.
        """
        joined = "\n".join([*texts, ""])
        if self._only_children or not texts or not _USUAL_NAMES.fullmatch(joined):
            return False
        segments = normalize(joined).split("\n")[:-1]
        folder = hrefs[0].removesuffix(f"{segments[0]}/")
        return folder in self._folders and hrefs == [f"{folder}{name}/" for name in segments]

    def _name(self, text: str, href: str) -> str | None:
        """Give the name of the project that a link leads to; None if it leads elsewhere."""
        address = self._base.absolute(href)
        path = urlsplit(address.url).path if address else ""
        folder, _, segment = path.removesuffix("/").rpartition("/")
        segment = unquote(segment)
        if address is None or segment in PAGE_NAMES:
            return None
        # This page in another order, as directories offer, or one above it.
        if self._folder.startswith(f"{path.removesuffix('/')}/"):
            return None
        is_near = address.url.startswith(self._root)
        is_child = is_near and f"{folder}/" == self._folder and path.endswith("/")
        if self._only_children and not is_child:
            return None
        if is_project_name(text) and (is_near or normalize(text) == normalize(segment)):
            return text
        return segment if is_project_name(segment) else None
