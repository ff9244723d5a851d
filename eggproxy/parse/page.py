"""What is read off an HTML page, whichever way it is read."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec


class Link(msgspec.Struct, frozen=True, gc=False):
    """An anchor that leads somewhere; its text is without space around it."""

    href: str
    text: str
    attributes: Mapping[str, str]


class Page(NamedTuple):
    """The anchors of a page and what else concerns an index.

    `metas` has the content of each `<meta name=...>`, `base` the address in `<base>`.
    `is_for_people` says that there are forms, scripts or automatic redirects: no index needs
    them, a login page or a captive portal does.
    """

    links: Sequence[Link]
    metas: Mapping[str, str] = {}
    base: str | None = None
    is_for_people: bool = False
