"""When a stored page may be served without a word to upstream (RFC 9111, section 4.2, cut to size).

Pure: every function is given the time, in seconds since the epoch.
"""

from dataclasses import dataclass

CLOCK_SKEW = 5.0
"""Seconds that a record may lie in the future (clocks of machines differ) and still count."""

REVALIDATING = 60.0
"""Seconds past its lifetime in which a page is served while upstream is asked, at most."""

DENIALS = 3
"""How often upstream must deny a stored project until it counts as removed there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lifetime:
    """How long pages stay fresh.

    `interval` is the freshness lifetime in seconds; with `always_refresh` none is ever fresh.
    """

    interval: float
    always_refresh: bool = False

    def fresh_until(self, checked: float) -> float:
        """Say until when a page stays fresh that upstream last confirmed at `checked`."""
        return checked if self.always_refresh else checked + self.interval

    def is_fresh(self, checked: float, now: float) -> bool:
        """Say whether that page is fresh now; one confirmed in the future is not."""
        if self.always_refresh:
            return False
        return now < self.fresh_until(checked) and checked <= now + CLOCK_SKEW

    def is_passable(self, checked: float, now: float) -> bool:
        """Say whether it may be served while upstream is asked (RFC 5861, section 3).

        That is so for a tenth of its lifetime more, but a minute at most.
        """
        if self.always_refresh:
            return False
        past = min(self.interval / 10, REVALIDATING)
        return now < self.fresh_until(checked) + past and checked <= now + CLOCK_SKEW


def age(checked: float, now: float) -> int:
    """Whole seconds since upstream last confirmed a page, for the Age header (RFC 9111, 5.1)."""
    return max(0, int(now - checked))


def is_removed(*, since: float, times: int, now: float, grace: float) -> bool:
    """Say whether a project counts as removed that upstream has denied so many times since then.

    `grace` is for how many seconds at least it must have done so.
    """
    return times >= DENIALS and now - since >= grace
