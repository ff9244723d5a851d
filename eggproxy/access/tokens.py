"""API tokens: 256 random bits, of which only a SHA-256 is kept."""

import hashlib
import re
import secrets
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from eggproxy.access.callers import Scope, scope_of

PREFIX = "eggproxy_"
"""By this, and by the checksum at its end, a token that has leaked is found."""

TOKEN_NAME = "__token__"  # noqa: S105  it is a name
"""The name that clients give where there is a token in place of a password."""

USES = Path(".eggproxy", "tokens")
"""Where in the eggs directory it is noted when a token was used last: there eggproxy may write."""

_ID = re.compile(r"[0-9a-z]{1,40}")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BITS = 256
_LENGTH = 43
_CHECK = 6


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of a token; times are in seconds since the epoch."""

    id: str
    # The user's name for whom it stands.
    name: str
    sha256: str
    scopes: tuple[str, ...]
    created: int
    # None if it never expires.
    expires: int | None = None

    def parsed_scopes(self) -> tuple[Scope, ...]:
        """Read its scopes; one that is not understood is worth nothing."""
        return tuple(scope for text in self.scopes if (scope := scope_of(text)))

    def is_expired(self, now: float) -> bool:
        """Say whether its time is over."""
        return self.expires is not None and now >= self.expires


class _File(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    tokens: list[Token]
    version: int = 1


Tokens = Mapping[str, Token]
"""Tokens by their SHA-256."""


def make() -> str:
    """Make a token: prefix, 256 random bits, and a checksum of both."""
    body = PREFIX + _base62(secrets.randbits(_BITS), _LENGTH)
    return body + _checksum(body)


def is_token(text: str) -> bool:
    """Say whether a text is a token, of whomever: by its prefix and its checksum."""
    body, check = text[:-_CHECK], text[-_CHECK:]
    whole = len(text) == len(PREFIX) + _LENGTH + _CHECK and text.startswith(PREFIX)
    return whole and text.isascii() and _checksum(body) == check


def digest(token: str) -> str:
    """Hash a token. One of 256 random bits needs no slow hash: nobody can try them all."""
    return hashlib.sha256(token.encode()).hexdigest()


def parse(data: bytes) -> dict[str, Token]:
    """Read a file of tokens. Raises ValueError with a reason that shows no secret."""
    if not data.strip():
        return {}
    try:
        file = msgspec.json.decode(data, type=_File)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    for token in file.tokens:
        if not _ID.fullmatch(token.id):
            raise ValueError("the id of a token is not of a-z and 0-9")
        if len(token.sha256) != len(digest("")) or token.sha256 == digest(""):
            raise ValueError(f"the hash of token {token.id!r} is that of an empty one, or none")
        if len(token.parsed_scopes()) < len(token.scopes):
            raise ValueError(f"a scope of token {token.id!r} is not such as upload:acme-*")
    return {token.sha256: token for token in file.tokens}


def write(tokens: Tokens) -> bytes:
    """Write a file of tokens."""
    data = msgspec.json.encode(_File(tokens=list(tokens.values())))
    return msgspec.json.format(data, indent=2) + b"\n"


def shown_time(seconds: float | None) -> str:
    """Write a time for people, to the day."""
    return "never" if seconds is None else datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
