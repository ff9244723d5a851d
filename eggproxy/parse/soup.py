"""HTML of whatever shape, as browsers would read it: through BeautifulSoup."""

import re
from collections.abc import Iterable

from bs4 import BeautifulSoup, SoupStrainer
from bs4.element import Tag
from bs4.exceptions import ParserRejectedMarkup

from eggproxy.parse.page import Link, Page

_TAGS = ("a", "base", "meta", "form", "input", "script")
_XML_DECLARATION = re.compile(r"\s*<\?xml[^>]*>")


def read(text: str) -> Page:
    """Read the links of any HTML page; of what is no HTML, none."""
    if "<" not in text:
        # BeautifulSoup would warn that this looks like a filename.
        return Page([])
    declaration = _XML_DECLARATION.match(text)
    if declaration:
        # It would warn of this too: that XHTML is read as HTML.
        text = text[declaration.end() :]
    try:
        soup = BeautifulSoup(
            text, "lxml", parse_only=SoupStrainer(_TAGS), multi_valued_attributes=None
        )
    except ParserRejectedMarkup:
        return Page([])
    page = _page(soup.find_all(_TAGS))
    # Its tags refer to each other: without this they wait for the garbage collector.
    soup.decompose()
    return page


def _page(tags: Iterable[Tag]) -> Page:
    links: list[Link] = []
    metas: dict[str, str] = {}
    bases: list[str] = []
    is_for_people = False
    for tag in tags:
        attributes = {name: str(value) for name, value in tag.attrs.items()}
        if tag.name == "a":
            if "href" in attributes:
                links.append(Link(attributes["href"], tag.get_text().strip(), attributes))
        elif tag.name == "base":
            bases += [attributes["href"]] if "href" in attributes else []
        elif tag.name == "meta" and attributes.get("http-equiv", "").lower() != "refresh":
            metas.setdefault(attributes.get("name", ""), attributes.get("content", ""))
        else:
            is_for_people = True
    return Page(links, metas, bases[0] if bases else None, is_for_people)
