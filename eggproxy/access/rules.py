"""Rules: which of them decides about a project, and whom it lets in."""

import hashlib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Protocol

from eggproxy.access.callers import Action, Caller
from eggproxy.errors import ConfigurationError
from eggproxy.names import NormalizedName

ANYONE = "anyone"
USERS = "users"

OWN_USERS = "users of this server's own files"
"""Who may upload where no rule says: not those whom Apache knows, who may be a whole company."""

_TOKEN = "token:"  # noqa: S105  it is how a subject begins
_DEFAULT = {"read": (ANYONE,), "upload": (OWN_USERS,)}
_MISTAKEN = {
    "*": ANYONE,
    **dict.fromkeys(("all", "any", "anybody", "anonymous", "everybody", "everyone"), ANYONE),
    **dict.fromkeys(("user", "authenticated", "valid-user"), USERS),
}


class Rule(Protocol):
    """Who may do what with the projects of a pattern."""

    @property
    def pattern(self) -> str:
        """Pattern of normalized names."""

    @property
    def read(self) -> tuple[str, ...] | None:
        """Who may read; None if the rule does not say."""

    @property
    def upload(self) -> tuple[str, ...] | None:
        """Who may upload; None if the rule does not say."""

    @property
    def where(self) -> str:
        """Beginning of a sentence about the rule."""


class Rules:
    """All rules: of those that fit a project the one with the most particular pattern decides.

    That is a whole name before any pattern, then the pattern with the most letters; of equals the
    first. A rule that does not speak of an action leaves it to the next. Raises ConfigurationError
    for a subject that nobody can be.
    """

    def __init__(self, rules: Sequence[Rule], groups: Mapping[str, Sequence[str]] = {}) -> None:
        _check(rules, groups)
        self._rules = sorted(rules, key=_particularity)
        self._groups = {name: frozenset(members) for name, members in groups.items()}
        self.is_open = all(ANYONE in self.subjects("read", None, rule) for rule in rules)
        # Differs where other names may be listed; empty where all may.
        self.listing = "" if self.is_open else _digest(self._rules)

    def subjects(
        self, action: Action, project: NormalizedName | None, only: Rule | None = None
    ) -> tuple[str, ...]:
        """Tell who may; None is the list of all projects, for which the pattern `*` stands."""
        for rule in self._rules if only is None else (only,):
            fits = only is not None or _fits(rule.pattern, project)
            said = rule.read if action == "read" else rule.upload
            if fits and said is not None:
                return said
        return _DEFAULT[action]

    def allows(self, action: Action, project: NormalizedName | None, caller: Caller) -> bool:
        """Say whether somebody may: by a rule, and within the scopes of a token."""
        subjects = self.subjects(action, project)
        if ANYONE in subjects:
            return True
        return caller.is_in_scope(action, project) and self._names(subjects, caller)

    def is_open_somewhere(self, action: Action) -> bool:
        """Say whether there may be a project for which everybody is allowed this."""
        return any(ANYONE in each for each in self._all(action))

    def allows_some(self, action: Action, caller: Caller) -> bool:
        """Say whether there may be a project for which somebody is allowed this."""
        scoped = caller.proof != "token" or any(scope.action == action for scope in caller.scopes)
        return scoped and any(self._names(each, caller) for each in self._all(action))

    def _all(self, action: Action) -> list[tuple[str, ...]]:
        """List whom each rule lets in, with what holds where there is none."""
        said = [self.subjects(action, None, rule) for rule in self._rules]
        return (
            said if any(rule.pattern == "*" for rule in self._rules) else [*said, _DEFAULT[action]]
        )

    def is_listed(self, project: NormalizedName) -> bool:
        """Say whether everybody who may read the list of projects may read this one."""
        subjects = self.subjects("read", project)
        return ANYONE in subjects or set(subjects) >= set(self.subjects("read", None))

    def _names(self, subjects: tuple[str, ...], caller: Caller) -> bool:
        return any(self._is(subject, caller) for subject in subjects)

    def _is(self, subject: str, caller: Caller) -> bool:
        if subject in {ANYONE, USERS}:
            return True
        if subject == OWN_USERS:
            return caller.proof != "server"
        if subject.startswith("@"):
            return any(self._is(member, caller) for member in self._groups[subject[1:]])
        if subject.startswith(_TOKEN):
            return caller.proof == "token" and subject == f"{_TOKEN}{caller.name}"
        return subject == caller.name


def _fits(pattern: str, project: NormalizedName | None) -> bool:
    return pattern == "*" if project is None else fnmatchcase(project, pattern)


def _digest(rules: Sequence[Rule]) -> str:
    said = repr([(rule.pattern, rule.read) for rule in rules])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _particularity(rule: Rule) -> tuple[bool, int, int]:
    letters = len(rule.pattern.replace("*", "").replace("?", ""))
    return letters < len(rule.pattern), -letters, rule.pattern.count("*")


def _check(rules: Sequence[Rule], groups: Mapping[str, Sequence[str]]) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.pattern in seen:
            raise ConfigurationError(
                f"{rule.where} is of a second section [[{rule.pattern}]] within [access]: "
                "write both into one."
            )
        seen.add(rule.pattern)
        for subject in (*(rule.read or ()), *(rule.upload or ())):
            _check_subject(subject, f"{rule.where}, of [[{rule.pattern}]]", groups)
    for name, members in groups.items():
        for member in members:
            if member.startswith("@") or member in {ANYONE, USERS}:
                raise ConfigurationError(
                    f"The group {name} in [groups] names {member!r}: write names of users, or "
                    "token:NAME."
                )
            _check_subject(member, f"The group {name} in [groups]", groups)


def _check_subject(subject: str, where: str, groups: Mapping[str, Sequence[str]]) -> None:
    if subject.startswith("@") and subject[1:] not in groups:
        known = ", ".join(f"@{name}" for name in groups) or "none so far"
        raise ConfigurationError(
            f"{where} names {subject!r}, which [groups] does not have ({known}): "
            "write the group there, or another name here."
        )
    meant = _MISTAKEN.get(subject.lower())
    if meant is not None:
        raise ConfigurationError(
            f"{where} names {subject!r}, which is no user: did you mean {meant}?"
        )
