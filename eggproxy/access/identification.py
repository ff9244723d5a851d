"""Finding out who asks: what proves it, how long that is remembered, and who has to wait."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from eggproxy.access import tokens
from eggproxy.access.basic import Credentials, credentials
from eggproxy.access.callers import Caller
from eggproxy.access.delays import Delays
from eggproxy.access.errors import UnauthorizedError
from eggproxy.access.files import Files, Known
from eggproxy.access.memory import RIGHT_FOR, WRONG_FOR, Memory, Outcome
from eggproxy.errors import EggProxyError, OverloadedError
from eggproxy.flights import Flights
from eggproxy.responses import Request
from eggproxy.store.uses import Uses

TURNS = 2
"""How many passwords are looked at at once, in a process: guessers shall not have all cores."""

PATIENCE = 10.0
"""Seconds for which a password waits for its turn."""


class Identification:
    """Finds out who asks; safe to share among threads.

    In `uses` it is noted when tokens are used; `clock` gives seconds since the epoch.
    """

    def __init__(
        self, files: Files, uses: Path | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._files = files
        self._uses = uses and Uses(uses)
        self._clock = clock
        self._memory = Memory()
        self._delays = Delays()
        self._flights: Flights[tuple[bytes, str | None], Outcome] = Flights("password")
        self._turns = threading.BoundedSemaphore(TURNS)

    def caller(self, request: Request) -> Caller | None:
        """Find who asks; None if that is not said. May block while a password is looked at.

        Raises UnauthorizedError, TooManyFailuresError, OverloadedError.
        """
        if request.user is not None:
            # The server around has asked for a proof.
            return Caller(request.user, "server")
        given = credentials(request.authorization)
        if given is None:
            return None
        outcome = self._outcome(given, request)
        if isinstance(outcome, UnauthorizedError):
            raise outcome.again()
        return outcome

    def recall(self, request: Request) -> Caller | None:
        """Recall who asks; None if that takes a look at a password, or has turned out wrong."""
        if request.user is not None:
            return Caller(request.user, "server")
        if request.authorization is None:
            return None
        key = self._memory.key(request.authorization)
        outcome = self._memory.get(key, self._files.get(), self._clock())
        return outcome if isinstance(outcome, Caller) else None

    def _outcome(self, given: Credentials, request: Request) -> Outcome:
        known = self._files.get()
        key = self._memory.key(request.authorization or "")
        remembered = self._memory.get(key, known, self._clock())
        if remembered is not None:
            return remembered
        if tokens.is_token(given.password):
            # Nobody guesses 256 bits, and a look is quick: builds with tokens never wait.
            return self._look(key, given, known)
        # Clients send many requests at once: of all with the same password one is looked at.
        flight, _joined = self._flights.join(
            (key, request.client), lambda: self._look_in_turn(key, given, request.client, known)
        )
        try:
            return flight.result()
        except EggProxyError as error:
            raise error.again() from None

    def _look_in_turn(
        self, key: bytes, given: Credentials, client: str | None, known: Known
    ) -> Outcome:
        if not self._turns.acquire(timeout=PATIENCE):
            raise OverloadedError("too many passwords are being looked at")
        try:
            remembered = self._memory.get(key, known, self._clock())
            if remembered is not None:
                # It came while this one was waiting.
                return remembered
            self._delays.check(client, self._clock())
            outcome = self._look(key, given, known)
            if isinstance(outcome, Caller):
                self._delays.succeed(client, given.name)
            else:
                self._delays.fail(client, given.name, self._clock())
            return outcome
        finally:
            self._turns.release()

    def _look(self, key: bytes, given: Credentials, known: Known) -> Outcome:
        """Look at credentials, and remember what came of that."""
        outcome: Outcome
        try:
            outcome = known.identify(given, self._clock())
        except UnauthorizedError as error:
            outcome, until = error, self._clock() + WRONG_FOR
        else:
            until = min(outcome.until, self._clock() + RIGHT_FOR)
            if outcome.token and self._uses:
                self._uses.note(outcome.token)
        self._memory.put(key, outcome, known, until)
        return outcome
