"""What both JSON pages have in common: an object with `meta`, or else nonsense."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from eggproxy.parse.nonsense import Nonsense

_BOM = b"\xef\xbb\xbf"


@contextmanager
def broken_is_nonsense() -> Iterator[None]:
    """Raise Nonsense for JSON that breaks off, is malformed, or nested beyond reason."""
    try:
        yield
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Nonsense("sent broken JSON") from None


def without_mark(body: bytes) -> bytes:
    """Leave out the byte order mark that some servers begin with; RFC 8259, 8.1, lets us."""
    return body.removeprefix(_BOM)


def top_level(body: bytes) -> dict[str, msgspec.Raw]:
    """Split a page into its keys, the values left as they are. Raises Nonsense."""
    try:
        return msgspec.json.decode(without_mark(body), type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        raise Nonsense("sent JSON that is no index page") from None


def meta(page: dict[str, msgspec.Raw]) -> dict[str, Any]:
    """Read the `meta` of a page; {} if it has none (PEP 691: it MUST)."""
    found = msgspec.json.decode(page["meta"]) if "meta" in page else None
    return found if isinstance(found, dict) else {}
