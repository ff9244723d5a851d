"""What the Content-Type header says of a page: its form, and its charset."""

import codecs
import re
from typing import Literal, NamedTuple

from eggproxy.parse.api_version import api_version
from eggproxy.parse.nonsense import Nonsense, quoted

Form = Literal["json", "html"]

_PLAIN_TYPES: dict[str, Form] = {
    "application/json": "json",
    "text/html": "html",
    "application/xhtml+xml": "html",
}
# PEP 691: `application/vnd.pypi.simple.$version+format`, and `latest`, which no server should say.
_SIMPLE_TYPE = re.compile(r"application/vnd\.pypi\.simple\.(?:v(\d+)|latest)\+(json|html)")
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([\w.:-]+)', re.IGNORECASE | re.ASCII)
# All are ASCII where ASCII is, so that a page can be cut into pieces before it is decoded; among
# the others that Python knows are some that take hours over a megabyte.
_CHARSETS = frozenset({"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252"})


class ContentType(NamedTuple):
    """The form of a page, and the charset to decode it with."""

    form: Form
    charset: str


def read(header: str) -> ContentType:
    """Read a Content-Type header (RFC 9110, 8.3).

    Raises Nonsense for all that is no page of the Simple API.
    """
    media_type = header.partition(";")[0].strip().lower()
    form = _PLAIN_TYPES.get(media_type)
    if form is not None:
        return ContentType(form, _charset(header))
    match = _SIMPLE_TYPE.fullmatch(media_type)
    if match is None:
        raise Nonsense(f"sent {quoted(media_type)} instead of an index page")
    api_version(match[1])
    return ContentType("json" if match[2] == "json" else "html", _charset(header))


def _charset(header: str) -> str:
    match = _CHARSET.search(header)
    try:
        charset = codecs.lookup(match[1]).name if match else "utf-8"
    except LookupError:
        return "utf-8"
    return charset if charset in _CHARSETS else "utf-8"
