"""When a stored page may be served without a word to upstream (RFC 9111, section 4.2, cut to size).

Pure: every function is given the time, in seconds since the epoch.
"""

from dataclasses import dataclass

CLOCK_SKEW = 5.0
"""Seconds that a record may lie in the future (clocks of machines differ) and still count."""


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


def age(checked: float, now: float) -> int:
    """Whole seconds since upstream last confirmed a page, for the Age header (RFC 9111, 5.1)."""
    return max(0, int(now - checked))
