"""What both HTML pages have in common: how they are read, and what cannot be one."""

import re

from eggproxy.parse import wellformed
from eggproxy.parse.nonsense import Nonsense
from eggproxy.parse.page import Page
from eggproxy.parse.urls import Base

_MARKUP = re.compile(rb"<(?:!doctype\s+html|html|head|title|body|h1|a)\b", re.IGNORECASE)


def check(body: bytes) -> None:
    """Raise Nonsense for an empty page, for what is no HTML, and for what breaks off in a tag."""
    if not body or body.isspace():
        raise Nonsense("sent an empty page")
    if not _MARKUP.search(body):
        raise Nonsense("sent something that is no HTML")
    if body.rfind(b"<") > body.rfind(b">"):
        raise Nonsense("sent a page that breaks off")


def read(text: str) -> Page:
    """Read the links of a page, or of a piece of one cut behind an anchor."""
    page = wellformed.read(text)
    if page is not None:
        return page
    # Loading it costs 10 MB of memory and a tenth of a second, which most pages can do without.
    from eggproxy.parse import soup  # noqa: PLC0415

    return soup.read(text)


def base(page: Page, url: str) -> Base:
    """Give what the links of a page are relative to; `url` is that of the page."""
    address = Base(url).absolute(page.base) if page.base else None
    return Base(address.url if address else url)
