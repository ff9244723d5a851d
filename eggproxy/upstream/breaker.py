"""When a host is left alone: after a failure it is asked once an interval, by one request.

Everything that decides so is in this file. Pure: the time is given, in seconds of any clock that
does not go back, and so is the chance, from 0 to 1, that keeps hosts of ours from asking in step.

    closed   everybody asks
    open     nobody asks, until the interval is over
    due      the first who comes asks, the others do not wait for that
    lapsed   nobody came for another interval: what was known is too old to go by; as closed,
             but who has something stored should ask before relying on it
"""

FIRST = 2.0
"""Seconds for which a host is left alone after its first failure; each further one doubles them."""

LONGEST = 60.0
"""Seconds for which it is left alone at most, unless it asks for more itself."""

LONGEST_ASKED = 600.0
"""Seconds for which it is left alone if it asks for that long or longer (`Retry-After`)."""

JITTER = 0.25
"""By how much of itself an interval is longer at most."""

DOUBTS = 3
"""How many different pages must make no sense in a row until that is no matter of the page."""


class Breaker:
    """What is known of one host; `patience` is how many seconds a question may take."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._failures = 0
        # Until then nobody asks; until then somebody does; from then on all this is too old.
        self._until = self._asking = self._lapses = 0.0
        self._doubted: set[str] = set()

    def is_open(self, now: float) -> bool:
        """Say whether the host is down, as far as is known."""
        return self._failures > 0 and now < self._lapses

    def is_doubtful(self, now: float) -> bool:
        """Say whether it was down when it was last heard of, and that is too long ago."""
        return self._failures > 0 and now >= self._lapses

    def pause(self, now: float) -> float:
        """Say in how many seconds somebody may ask; 0 if at once."""
        if not self.is_open(now):
            return 0.0
        if now < self._asking:
            # That it takes as long is the worst case.
            return min(FIRST, self._asking - now)
        return max(0.0, self._until - now)

    def admit(self, now: float) -> float:
        """Let somebody ask, and return 0; or say in how many seconds to come again."""
        pause = self.pause(now)
        if pause == 0.0 and self.is_open(now):
            # Whoever asks may never come back to tell; then another one may.
            self._asking = now + self._patience
            self._lapses = max(self._lapses, self._asking)
        return pause

    def succeeded(self) -> None:
        """Note that it has answered, with sense."""
        self._failures, self._asking = 0, 0.0
        self._doubted.clear()

    def failed(self, now: float, chance: float, asked_for: float = 0.0) -> None:
        """Note that it could not be asked; `asked_for` is its own wish, in seconds.

        Of those that were under way when it was found to be down, the first one counts.
        """
        if not self.is_open(now):
            self._failures = 0
        elif now >= self._asking:
            return
        self._failures += 1
        interval = min(LONGEST, FIRST * 2 ** min(self._failures - 1, 10)) * (1 + JITTER * chance)
        interval = max(interval, min(asked_for, LONGEST_ASKED))
        self._until = now + interval
        self._lapses = self._until + interval
        self._asking = 0.0

    def doubted(self, now: float, chance: float, page: str | None) -> None:
        """Note that it has answered, but not with what it was asked for.

        That may be a matter of this page alone; with None it is one that proves nothing.
        """
        if page is not None and len(self._doubted) < DOUBTS:
            self._doubted.add(page)
        asking = now < self._asking
        if len(self._doubted) == DOUBTS and (asking or page is not None):
            self.failed(now, chance)
        elif asking:
            # It is not down: it has spoken.
            self._failures, self._asking = 0, 0.0
