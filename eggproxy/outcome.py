"""What came of asking upstream about a page."""

from enum import Enum
from typing import NamedTuple

from eggproxy.model import ProjectDetail


class Outcome(NamedTuple):
    """What came of it; its words are those of Cache-Status (RFC 9211)."""

    cache_status: str
    # What the caches behind this one said, the nearest to the origin first.
    chain: str = ""
    # What a project's page says that has been put in place; None if it is as it was, or if there
    # is nothing more to be found out of what it says.
    news: ProjectDetail | None = None
    is_complete: bool = False
    # Whether nothing was known of the project before.
    is_first: bool = False

    def collapsed(self) -> "Outcome":
        """Make of it what it is for who has joined who asked."""
        return Outcome(f"{self.cache_status}; collapsed", self.chain)


FIRST = "fwd=uri-miss; fwd-status=200; stored"
"""How a page comes of which nothing was known."""


class Taken(Enum):
    """Whether another process has put a new page in place, and whether that page lacks anything."""

    NOT = 0
    INCOMPLETE = 1
    COMPLETE = 2
