"""HTML in the simple shape that indexes write (PEP 503), read many times faster.

Only what every HTML parser reads alike is taken: the rest is BeautifulSoup's. Each pattern takes
time in proportion to the page, for its repetitions are possessive: they give nothing back.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from html import unescape

from eggproxy.parse.page import Link, Page

# Beyond ASCII: C1 controls, and what Unicode has no characters for.
_ODD_CHARACTER = re.compile(
    "[\x80-\x9f\ud800-\udfff\ufdd0-\ufdef\ufff0-\uffff\U0001fffe-\U0010ffff]"
)
# Any reference but those that HTML 4, HTML 5 and XML read alike.
_ODD_REFERENCE = re.compile(
    "&(?!(?:amp|lt|gt|quot|#(?:3[2-9]|[4-9][0-9]|1[01][0-9]|12[0-6])"
    "|#x(?:[2-6][0-9a-fA-F]|7[0-9a-eA-E]));)"
)

_CONTROL = r"\x00-\x08\x0b-\x1f\x7f"
_VALUE = rf'[^"<\t\n{_CONTROL}]*+'
_TEXT = rf"[^<>{_CONTROL}]*+"
_SPACE = r"[ \t\r\n]*+"
_GAP = rf"(?:[ \t\r\n]++|<br\ ?/?>|<!--[^<>{_CONTROL}-]*+-->)*+"

_HEAD = re.compile(
    rf"""{_SPACE}
    (?:<!(?:DOCTYPE|doctype)\ html(?:\ [^<>\[\]{_CONTROL}]*+)?+>{_SPACE})?+
    (?:<html(?:\ lang="[a-zA-Z-]*+")?+>{_SPACE})?+
    (?:<head>{_SPACE}
        (?:(?:<meta(?:\ [a-z]++="{_VALUE}")++\ ?/?>|<title>{_TEXT}</title>){_SPACE})*+
    </head>{_SPACE})?+
    (?:<body>)?+ {_GAP} (?:<h1>{_TEXT}</h1>)?+ {_GAP}""",
    re.VERBOSE,
)
_META = re.compile(rf'<meta((?: [a-z]++="{_VALUE}")++)')
# An anchor, or else all the rest: so a search never goes on behind what it did not understand.
_ANCHOR_OR_REST = re.compile(
    rf'<a href="({_VALUE})"((?:[ \n]++[a-z-]++="{_VALUE}")*+) ?>({_TEXT})</a>{_GAP}|(.++)',
    re.DOTALL,
)
_ATTRIBUTE = re.compile(rf'([a-z-]++)="({_VALUE})"')
_FOOT = re.compile(rf"(?:</body>{_SPACE})?+(?:</html>)?+{_GAP}")


def read(text: str) -> Page | None:
    """Read the links of a page, or of a piece of one cut behind anchors; None if it is not simple.

    The links are those that `soup.read` would find.
    """
    if not text.isascii() and _ODD_CHARACTER.search(text):
        return None
    if _ODD_REFERENCE.search(text):
        return None
    head = _HEAD.match(text)
    if head is None:
        return None
    found = _ANCHOR_OR_REST.findall(text, head.end())
    rest = found.pop()[3] if found and found[-1][3] else ""
    links = _links(found)
    metas = _metas(head[0])
    if links is None or metas is None or not _FOOT.fullmatch(rest):
        return None
    return Page(links, metas)


def _links(found: list[tuple[str, str, str, str]]) -> list[Link] | None:
    # Few sets of attributes differ, where files have no digests of their metadata; and of sets of
    # names there are never more than a few.
    shapes: dict[tuple[str, ...], tuple[str, ...]] = {}
    unescaped = lru_cache(maxsize=1000)(unescape)
    distinct = {
        raw: _attributes_of(raw, shapes, unescaped) for raw in {raw for _, raw, _, _ in found}
    }
    known = {raw: attributes for raw, attributes in distinct.items() if attributes is not None}
    if len(known) != len(distinct) or any("href" in attributes for attributes in known.values()):
        return None
    return [
        Link(unescape(href), unescape(text).strip(), known[raw]) for href, raw, text, _ in found
    ]


def _metas(head: str) -> Mapping[str, str] | None:
    metas: dict[str, str] = {}
    for raw in _META.findall(head):
        attributes = _attributes(raw)
        if attributes is None:
            return None
        metas.setdefault(attributes.get("name", ""), attributes.get("content", ""))
    return metas


def _attributes_of(
    raw: str, shapes: dict[tuple[str, ...], tuple[str, ...]], unescaped: Callable[[str], str]
) -> Mapping[str, str] | None:
    """Do as `_attributes` does, in a fraction of the time, for what `_ANCHOR_OR_REST` has found."""
    parts = raw.split('"')
    written = tuple(parts[:-1:2])
    names = shapes.get(written)
    if names is None:
        names = shapes[written] = tuple(name.strip(" \n=") for name in written)
    values = parts[1::2]
    if "&" in raw:
        values = [unescaped(value) if "&" in value else value for value in values]
    attributes = dict(zip(names, values, strict=True))
    return attributes if len(attributes) == len(names) else None


def _attributes(raw: str) -> Mapping[str, str] | None:
    """Read attributes; None if one is there twice, of which parsers take the one or the other."""
    pairs = _ATTRIBUTE.findall(raw)
    attributes = {name: unescape(value) for name, value in pairs}
    return attributes if len(attributes) == len(pairs) else None
