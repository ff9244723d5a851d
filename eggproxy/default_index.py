"""The address of the Python Package Index, as a library publishes it."""

from urllib.parse import urljoin


def default_index() -> str:
    """Give the address of the public index's Simple API (PEP 503), ending in a slash.

    It comes from distlib because that library is pure Python, maintained by people of the
    packaging community and needs nothing else; pypi-simple says it too, and brings pydantic and
    mailbits along. Imported here and not above: it costs a few megabytes, which a proxy of
    another index need not pay.
    """
    from distlib.index import DEFAULT_INDEX  # noqa: PLC0415

    return urljoin(str(DEFAULT_INDEX), "/simple/")
