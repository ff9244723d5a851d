"""Who asks, as far as it has been proved, and what such a proof is good for."""

import math
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from eggproxy.names import NormalizedName, normalize

Action = Literal["read", "upload"]


class Scope(NamedTuple):
    """One thing that a token is good for: an action, and a pattern of normalized names."""

    action: Action
    pattern: str

    def __str__(self) -> str:
        return f"{self.action}:{self.pattern}"

    def covers(self, action: Action, project: NormalizedName | None) -> bool:
        """Say whether it is good for that; None is the list of all projects."""
        if action != self.action:
            return False
        return self.pattern == "*" if project is None else fnmatchcase(project, self.pattern)


_SCOPE = re.compile(r"(read|upload):([A-Za-z0-9*?](?:[A-Za-z0-9._*?-]*[A-Za-z0-9*?])?)")


def scope_of(text: str) -> Scope | None:
    """Read a scope such as `upload:acme-*`; None if it is none."""
    found = _SCOPE.fullmatch(text)
    if found is None:
        return None
    return Scope("read" if found[1] == "read" else "upload", normalize(found[2]))


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who has proved to be this user.

    `proof` is "server" if the server around has asked for it; of a token there are its scopes, the
    end of its time, in seconds since the epoch, and its identifier.
    """

    name: str
    proof: Literal["server", "password", "token"]
    scopes: tuple[Scope, ...] = ()
    until: float = math.inf
    token: str = ""

    def is_in_scope(self, action: Action, project: NormalizedName | None) -> bool:
        """Say whether the proof is good for that: a password is for all that its user may."""
        if self.proof != "token":
            return True
        return any(scope.covers(action, project) for scope in self.scopes)
