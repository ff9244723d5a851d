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
from eggproxy.parse.page import Link, Page
from eggproxy.parse.peek import peeked
from eggproxy.parse.urls import absolute

_PIECE = 256 * 1024
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
    name_of = _Names(html_text.base(first, url), only_children=first.is_for_people).name_of
    links = usable = 0
    for page in chain((first,), rest):
        links += len(page.links)
        for link in page.links:
            name = name_of(link)
            if name is not None:
                usable += 1
                yield ListedProject(name=name)
    if not usable and (links or first.is_for_people):
        raise Nonsense("sent a page with no usable link")


class _Names:
    """Tells which links of the list at `base` are projects, and what those are called.

    `only_children`: take nothing but the addresses that PEP 503 gives the projects of this very
    list, for the page has something for people too.
    """

    def __init__(self, base: str, *, only_children: bool) -> None:
        self._base = base
        self._only_children = only_children
        parts = urlsplit(base)
        self._root = f"{parts.scheme}://{parts.netloc}"
        self._folder = parts.path[: parts.path.rfind("/") + 1] or "/"

    def name_of(self, link: Link) -> str | None:
        """Give the name of the project that a link leads to; None if it leads elsewhere."""
        text, href = link.text, link.href
        if (
            href[-1:] == "/"
            and href[href.rfind("/", 0, -1) + 1 : -1] in {text, normalize(text)}
            and not self._only_children
            and not self._folder.startswith(href)
        ):
            # As in nearly all lists; what follows would say the same, and take far longer.
            return text if is_project_name(text) else None
        return self._unusual(text.strip(), href)

    def _unusual(self, text: str, href: str) -> str | None:
        address = absolute(self._base, href)
        path = urlsplit(address.url).path if address else ""
        folder, _, segment = path.removesuffix("/").rpartition("/")
        segment = unquote(segment)
        # This page in another order, as directories offer, or one above it.
        if address is None or self._folder.startswith(path) or segment in PAGE_NAMES:
            return None
        near = address.url.startswith(f"{self._root}/")
        if self._only_children and not (
            near and f"{folder}/" == self._folder and path.endswith("/")
        ):
            return None
        if is_project_name(text) and (near or normalize(text) == normalize(segment)):
            return text
        return segment if is_project_name(segment) else None
