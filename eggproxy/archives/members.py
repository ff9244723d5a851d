"""What names the members of an archive may have: none that leaves the place it is unpacked in."""

import re

from eggproxy.archives.contents import Flaw

_DRIVE = re.compile(r"[A-Za-z]:")

MAX_MEMBERS = 200_000
"""Most members an archive may have."""

RATIO = 50
"""How many times bigger an archive may become when it is unpacked, once it is big at all."""

ALWAYS_ALLOWED = 64 << 20
"""Unpacked bytes that are no bomb, however small the archive is."""


def check_name(name: str) -> None:
    """Refuse names that are absolute, climb, or mean different things to different readers.

    Raises Flaw.
    """
    if not name or name.startswith("/") or _DRIVE.match(name):
        raise Flaw(f"it holds the absolute name {shown(name)}")
    if "\\" in name or "\0" in name or "\n" in name or "\r" in name:
        raise Flaw(f"it holds the ambiguous name {shown(name)}")
    if ".." in name.split("/"):
        raise Flaw(f"it holds the climbing name {shown(name)}")


def check_total(unpacked: int, packed: int) -> None:
    """Refuse a bomb: so many bytes, unpacked, of so few. Raises Flaw."""
    if unpacked > max(ALWAYS_ALLOWED, RATIO * packed):
        raise Flaw(f"it would unpack to more than {RATIO} times its size")


def shown(name: str) -> str:
    """Write a name so that it can stand in a sentence."""
    return "".join(c if c.isprintable() else "?" for c in name[:100])
