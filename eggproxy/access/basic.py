"""Names and passwords as HTTP's Basic scheme sends them (RFC 7617)."""

import base64
import binascii
from typing import NamedTuple


class Credentials(NamedTuple):
    """A name and what is to prove it."""

    name: str
    password: str

    def __repr__(self) -> str:
        """Show nothing that is secret."""
        return f"Credentials({self.name!r})"


def credentials(authorization: str | None) -> Credentials | None:
    """Read an Authorization header: None if there is none, or it is of another scheme.

    One that is broken gives credentials that are nobody's. What is not UTF-8 is ISO 8859-1, which
    pip and twine write.

    >>> credentials("Basic am9lOnNlY3JldA==").password
    'secret'
    """
    scheme, _, word = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(word.strip(), validate=True)
    except (binascii.Error, ValueError):
        return Credentials("", "")
    try:
        text = pair.decode()
    except UnicodeDecodeError:
        text = pair.decode("latin-1")
    name, _, password = text.partition(":")
    return Credentials(name, password)
