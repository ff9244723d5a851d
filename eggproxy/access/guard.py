"""The one decision about who may read and upload, for all routes and all front ends."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from eggproxy.access.callers import Action, Caller
from eggproxy.access.errors import ForbiddenError, SignInError
from eggproxy.access.files import Files
from eggproxy.access.identification import Identification
from eggproxy.access.rules import ANYONE, OWN_USERS, Rule, Rules
from eggproxy.names import NormalizedName
from eggproxy.responses import Request


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
        self._rules = Rules(rules, groups)
        self._files = Files(users_file, tokens_file)
        self._identification = Identification(self._files, uses, clock)
        self.is_open = self._rules.is_open
        # Differs where `is_listed` does; empty where all names may be listed.
        self.listing = self._rules.listing

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
        ForbiddenError, TooManyFailuresError, OverloadedError.
        """
        if self._is_free(action, project):
            return request.user
        caller = self._identification.caller(request)
        if caller is None:
            raise self._nobody(action, project)
        if not self._allows(action, project, caller):
            raise _forbidden(action, project, caller)
        return caller.name

    def recall(self, project: NormalizedName | None, request: Request) -> bool:
        """Say whether somebody surely may read this, as far as that can be told at once."""
        if self._is_free("read", project):
            return True
        caller = self._identification.recall(request)
        return caller is not None and self._rules.allows("read", project, caller)

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
