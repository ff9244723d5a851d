"""Users as Apache's `htpasswd -B` writes them: one a line, NAME:HASH, bcrypt."""

import re
from collections.abc import Iterator, Mapping

import bcrypt

Users = Mapping[str, bytes]
"""Hashes by the users' names."""

COST = 12
"""Each more doubles the time that a guess takes; this is a quarter of a second."""

MAX_PASSWORD = 72
"""Bytes of a password that bcrypt looks at."""

# A cost above 16 would hold a thread for half a minute.
_HASH = re.compile(r"\$2[aby]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}")
_NAME = re.compile(r"[^\s:,@\x00-\x1f\x7f]{1,100}")
_RESERVED = frozenset({"anyone", "users", "__token__"})
_KINDS = {"$apr1$": "MD5, which htpasswd writes without -B", "{SHA}": "SHA-1", "$": "another crypt"}


def is_name(name: str) -> bool:
    """Say whether a user may have this name, which rules must be able to tell from other words."""
    return _NAME.fullmatch(name) is not None and name not in _RESERVED


def parse(text: str) -> tuple[dict[str, bytes], list[str]]:
    """Read a file: the users whose lines can be used, and a sentence for each line that cannot.

    A sentence begins with the line's number and shows no hash.
    """
    users: dict[str, bytes] = {}
    mistakes = []
    for number, name, word in _lines(text):
        why = _mistake(name, word) or ("its name is there twice" if name in users else None)
        if why is None:
            users[name] = word.encode("ascii")
        else:
            shown = name if is_name(name) else "what is written"
            mistakes.append(f"line {number}, {shown}: {why}")
    return users, mistakes


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            name, colon, rest = line.strip().partition(":")
            # Without a colon it may be anything, a password too.
            yield number, name if colon else "", rest.partition(":")[0]


def _mistake(name: str, word: str) -> str | None:
    if not is_name(name):
        return "this is no name of a user followed by : and a hash"
    if not word:
        return f"the password is empty, so run: eggproxy user add {name}"
    if not _HASH.fullmatch(word):
        kind = next((kind for start, kind in _KINDS.items() if word.startswith(start)), "no hash")
        return f"the password is not bcrypt (but {kind}), so run: eggproxy user add {name}"
    return None


def matches(users: Users, name: str, password: str) -> bool:
    """Say whether a password is that of a user; for a name that is nobody's it takes as long."""
    known = users.get(name)
    word = known or _nobodys(users, name)
    try:
        found = bcrypt.checkpw(password.encode()[:MAX_PASSWORD], word)
    except ValueError:
        return False
    return found and known is not None and password != ""


def _nobodys(users: Users, name: str) -> bytes:
    """Make up a hash that costs as much as a user's; the same one's for the same name."""
    words = sorted(users.values()) or [b"$2y$%02d$" % COST]
    return words[hash(name) % len(words)][:7] + b"." * 53


def hash_of(password: str) -> str:
    """Hash a password, so that Apache can read it too. Raises ValueError for an empty one."""
    if not password or len(password.encode()) > MAX_PASSWORD or not password.isprintable():
        raise ValueError
    word = bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).decode("ascii")
    # The same scheme; Apache knows it by this name alone.
    return word.replace("$2b$", "$2y$", 1)
