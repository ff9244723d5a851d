"""HTML of whatever shape, as browsers would read it: through BeautifulSoup."""

import re

from bs4 import BeautifulSoup
from bs4.element import CData, NavigableString, Tag
from bs4.exceptions import ParserRejectedMarkup
from bs4.filter import SoupStrainer

from eggproxy.parse.page import Link, Page

_TAGS = ("a", "base", "meta", "form", "input", "script")
# The strings that a person sees: comments and scripts are of other types.
_TEXT = frozenset({NavigableString, CData})
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
    reader = _Reader()
    reader.read(soup)
    return reader.page()


class _Reader:
    """Goes through a page once, in its order.

    `Tag.get_text` for each anchor would go through the rest of the page each time, where anchors
    lie in anchors.
    """

    def __init__(self) -> None:
        self._links: list[tuple[dict[str, str], list[str]]] = []
        self._metas: dict[str, str] = {}
        self._bases: list[str] = []
        self._is_for_people = False
        # The text of the anchor that is open: one ends where the next begins.
        self._text: list[str] = []

    def read(self, soup: BeautifulSoup) -> None:
        """Read all tags below this one."""
        way = [(soup.name, iter(soup.contents))]
        while way:
            name, nodes = way[-1]
            for node in nodes:
                if isinstance(node, Tag):
                    self._enter(node)
                    way.append((node.name, iter(node.contents)))
                    break
                if type(node) in _TEXT:
                    self._text.append(str(node))
            else:
                way.pop()
                if name == "a":
                    self._text = []

    def page(self) -> Page:
        """Give what was read."""
        links = [
            Link(attributes["href"], "".join(text).strip(), attributes)
            for attributes, text in self._links
            if "href" in attributes
        ]
        base = self._bases[0] if self._bases else None
        return Page(links, self._metas, base, self._is_for_people)

    def _enter(self, tag: Tag) -> None:
        attributes = {name: str(value) for name, value in tag.attrs.items()}
        if tag.name == "a":
            self._text = []
            self._links.append((attributes, self._text))
        elif tag.name == "base":
            self._bases += [attributes["href"]] if "href" in attributes else []
        elif tag.name == "meta" and attributes.get("http-equiv", "").lower() != "refresh":
            self._metas.setdefault(attributes.get("name", ""), attributes.get("content", ""))
        elif tag.name in _TAGS:
            self._is_for_people = True
