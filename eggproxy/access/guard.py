"""The one decision about who may read and upload, for all routes and all front ends."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from eggproxy.access.basic import Credentials, credentials
from eggproxy.access.callers import Action, Caller
from eggproxy.access.delays import Delays
from eggproxy.access.errors import ForbiddenError, SignInError, UnauthorizedError
from eggproxy.access.files import Files, Known
from eggproxy.access.memory import RIGHT_FOR, WRONG_FOR, Memory, Outcome
from eggproxy.access.rules import ANYONE, OWN_USERS, Rule, Rules
from eggproxy.errors import EggProxyError, OverloadedError
from eggproxy.flights import Flights
from eggproxy.names import NormalizedName
from eggproxy.responses import Request
from eggproxy.store.uses import Uses

TURNS = 2
"""How many passwords are looked at at once, in a process: guessers shall not have all cores."""

PATIENCE = 10.0
"""Seconds for which a password waits for its turn."""


class Access:
    """Rules over users and tokens; safe to share among threads.

    `users_file` and `tokens_file` may be missing, and are read again when they change; in `uses` it
    is noted when tokens are used; `clock` gives seconds since the epoch. Raises ConfigurationError
    for rules that nobody can mean.
    """

    def __init__(  # noqa: PLR0913, PLR0917  each may be missing
        self,
        rules: Sequence[Rule] = (),
        groups: Mapping[str, Sequence[str]] = {},
        users_file: Path | None = None,
        tokens_file: Path | None = None,
        clock: Callable[[], float] = time.time,
        uses: Path | None = None,
    ) -> None:
        self._uses = uses and Uses(uses)
        self._rules = Rules(rules, groups)
        self._files = Files(users_file, tokens_file)
        self._clock = clock
        self._memory = Memory()
        self._delays = Delays()
        self._flights: Flights[tuple[bytes, str | None], Outcome] = Flights("password")
        self._turns = threading.BoundedSemaphore(TURNS)
        self.is_open = self._rules.is_open

    def check(self) -> None:
        """Raise ConfigurationError if users or tokens cannot be read, or one of them is unsafe."""
        self._files.check()

    def readable_by_anyone(self, project: NormalizedName | None) -> bool:
        """Say whether a project, or the list of projects (None), is open to all."""
        return ANYONE in self._rules.subjects("read", project)

    def is_listed(self, project: NormalizedName) -> bool:
        """Say whether a name may stand in the list: whoever may read that may read the project."""
        return self._rules.is_listed(project)

    def require(
        self, action: Action, project: NormalizedName | None, request: Request
    ) -> str | None:
        """Make sure that somebody may do this; return the user's name, None for anybody.

        Without a project, reading is that of the project list, and uploading that of anything at
        all. May block while a password is looked at. Raises SignInError, UnauthorizedError,
        ForbiddenError, TooManyFailuresError.
        """
        if self._is_free(action, project):
            return request.user
        caller = self._caller(request)
        if caller is None:
            raise self._nobody(action, project)
        if not self._allows(action, project, caller):
            raise _forbidden(action, project, caller)
        return caller.name

    def recall(self, project: NormalizedName | None, request: Request) -> bool:
        """Say whether somebody surely may read this, as far as that can be told at once."""
        if self._is_free("read", project):
            return True
        caller: Outcome | None
        if request.user is not None:
            caller = Caller(request.user, "server")
        else:
            key = self._memory.key(request.authorization or "")
            caller = self._memory.get(key, self._files.get(), self._clock())
        return isinstance(caller, Caller) and self._rules.allows("read", project, caller)

    def _is_free(self, action: Action, project: NormalizedName | None) -> bool:
        if action == "upload" and project is None:
            return self._rules.is_open_somewhere(action)
        return ANYONE in self._rules.subjects(action, project)

    def _allows(self, action: Action, project: NormalizedName | None, caller: Caller) -> bool:
        if action == "upload" and project is None:
            return self._rules.allows_some(action, caller)
        return self._rules.allows(action, project, caller)

    def _nobody(self, action: Action, project: NormalizedName | None) -> Exception:
        """Find what to tell somebody who has not said who it is."""
        subjects = self._rules.subjects(action, project)
        what = _what(action, project)
        known = self._files.get()
        if not subjects and project is not None:
            return ForbiddenError(f"Nobody may {what}", "an administrator can change [access]")
        if OWN_USERS in subjects and not known.users and not known.tokens:
            advice = "an administrator can make one with eggproxy user add or token create"
            return ForbiddenError(f"Nobody may {what} while there is no user", advice)
        return SignInError(what)

    def _caller(self, request: Request) -> Caller | None:
        """Find who asks; None if that is not said. Raises UnauthorizedError."""
        if request.user is not None:
            # The server around has asked for a proof.
            return Caller(request.user, "server")
        given = credentials(request.authorization)
        if given is None:
            return None
        outcome = self._identified(given, request)
        if isinstance(outcome, UnauthorizedError):
            raise outcome.again()
        return outcome

    def _identified(self, given: Credentials, request: Request) -> Outcome:
        known = self._files.get()
        key = self._memory.key(request.authorization or "")
        remembered = self._memory.get(key, known, self._clock())
        if remembered is not None:
            return remembered
        # Clients send many requests at once: of all with the same password one is looked at.
        flight, _joined = self._flights.join(
            (key, request.client), lambda: self._look(key, given, request.client, known)
        )
        try:
            return flight.result()
        except EggProxyError as error:
            raise error.again() from None

    def _look(self, key: bytes, given: Credentials, client: str | None, known: Known) -> Outcome:
        """Look at credentials, in turn, and remember what came of that."""
        if not self._turns.acquire(timeout=PATIENCE):
            raise OverloadedError("too many passwords are being looked at")
        try:
            remembered = self._memory.get(key, known, self._clock())
            if remembered is not None:
                # It came while this one was waiting.
                return remembered
            self._delays.check(client, self._clock())
            outcome = self._identify(given, known)
            self._memory.put(key, outcome, known, self._judge(outcome, given.name, client))
            return outcome
        finally:
            self._turns.release()

    def _judge(self, outcome: Outcome, name: str, client: str | None) -> float:
        """Count a failure, or forget those before; say until when the outcome holds."""
        now = self._clock()
        if isinstance(outcome, Caller):
            self._delays.succeed(client, name)
            if outcome.token and self._uses:
                self._uses.note(outcome.token)
            return min(outcome.until, now + RIGHT_FOR)
        self._delays.fail(client, name, now)
        return now + WRONG_FOR

    def _identify(self, given: Credentials, known: Known) -> Outcome:
        try:
            return known.identify(given, self._clock())
        except UnauthorizedError as error:
            return error


def _forbidden(action: Action, project: NormalizedName | None, caller: Caller) -> ForbiddenError:
    who = f"The token for {caller.name}" if caller.proof == "token" else f"User {caller.name}"
    advice = "an administrator can allow it in [access]"
    if not caller.is_in_scope(action, project):
        advice = f"an administrator can make one with --scope {action}:{project or '*'}"
    return ForbiddenError(f"{who} may not {_what(action, project)}", advice)


def _what(action: Action, project: NormalizedName | None) -> str:
    if action == "read":
        return "read the list of projects" if project is None else f"read {project}"
    return "upload" if project is None else f"upload {project}"
