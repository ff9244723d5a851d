"""Questions to upstream about pages: one at a time for each, and how long they are waited for."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from eggproxy.errors import NoSuchProjectError, UpstreamUnavailableError
from eggproxy.findings import Findings, Name
from eggproxy.flights import Flight, Flights, Given
from eggproxy.names import NormalizedName
from eggproxy.outcome import Outcome
from eggproxy.revalidation import SLACK, Revalidator, witness
from eggproxy.upstream import PageSource, shown

Result = TypeVar("Result")

MOMENT = 0.25
"""Seconds for which it is waited beyond upstream's timeout."""


class PageFlights:
    """Asks upstream about pages, in threads of their own.

    `keeps` says of a project that no index may be asked for it, `clock` gives seconds since the
    epoch. A name of None stands for the project list.
    """

    def __init__(
        self,
        revalidator: Revalidator,
        findings: Findings,
        keeps: Callable[[NormalizedName], bool],
        clock: Callable[[], float],
    ) -> None:
        self._revalidator = revalidator
        self._findings = findings
        self._keeps = keeps
        self._clock = clock
        self._flights: Flights[Name, Outcome] = Flights("page")
        # Told of each project whose page upstream has sent or confirmed, before that is answered.
        self.on_page: Callable[[NormalizedName, Outcome], None] = lambda _project, _outcome: None

    def join(self, name: Name, *, anew: bool = False) -> tuple[Flight[Outcome], bool]:
        """Begin to ask upstream, or join who does; say whether it was joined.

        With `anew` the page is taken again even if it has not changed upstream. Never for a name
        that is ours: raises NoSuchProjectError then.
        """
        if name is not None and self._keeps(name):
            raise NoSuchProjectError(name)
        now = self._clock()
        return self._flights.join(name, lambda: self._ask(name, now, anew=anew))

    def give(self, name: NormalizedName, page: Given) -> None:
        """Let who waits for a page have it, in JSON and packed, while it is being put in place."""
        self._flights.give(name, page)

    def __len__(self) -> int:
        """Count the pages about which upstream is being asked."""
        return len(self._flights)

    def wait(
        self, name: Name, flight: Flight[Outcome], upstream: PageSource, *, stored: bool
    ) -> Outcome:
        """Wait for a refresh no longer than the timeout in all, and a moment.

        In that moment it shows what upstream itself did in that time. Without a stored page there
        is time for waiting for another process, too. Raises EggProxyError.
        """
        return self._result(flight, name, flight, upstream, stored=stored)

    def wait_for_page(
        self, name: Name, flight: Flight[Outcome], upstream: PageSource
    ) -> Given | None:
        """Wait for a page that is not stored, as `wait` does; None if it was not given before.

        Raises UpstreamUnavailableError.
        """
        return self._result(flight.given, name, flight, upstream, stored=False)

    def _result(
        self,
        awaited: Future[Result],
        name: Name,
        flight: Flight[Outcome],
        upstream: PageSource,
        *,
        stored: bool,
    ) -> Result:
        timeout = upstream.timeout
        patience = timeout + MOMENT + (0 if stored else timeout * SLACK)
        try:
            # The project list takes its time, where there is none to show instead.
            return awaited.result(None if name is None and not stored else patience)
        except TimeoutError:
            # The refresh goes on; whoever comes later has its result, or does not wait as long.
            error = UpstreamUnavailableError(shown(upstream.index), "does not answer in time")
            self._findings.note_overdue(name, flight, error)
            upstream.doubt(witness(name, stored=stored), error.why)
            raise error from None

    def _ask(self, name: Name, now: float, *, anew: bool) -> Outcome:
        outcome = self._revalidator.run(name, now, anew=anew)
        if name is not None:
            self.on_page(name, outcome)
        return outcome
