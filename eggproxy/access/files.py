"""Who somebody is, by the files of users and tokens."""

import math
from pathlib import Path
from typing import NamedTuple

from eggproxy.access import htpasswd, tokens
from eggproxy.access.basic import Credentials
from eggproxy.access.callers import Caller
from eggproxy.access.errors import WrongCredentialsError, WrongTokenError
from eggproxy.access.htpasswd import Users
from eggproxy.access.tokens import TOKEN_NAME, Tokens
from eggproxy.errors import ConfigurationError
from eggproxy.store.watched import Watched


class Known(NamedTuple):
    """All users and tokens, as the files have them at one moment."""

    users: Users
    tokens: Tokens

    def identify(self, credentials: Credentials, now: float) -> Caller:
        """Find who proves to be whom. Slow; raises UnauthorizedError."""
        name, password = credentials
        if name == TOKEN_NAME or tokens.is_token(password):
            return self._holder(name, password, now)
        if not htpasswd.matches(self.users, name, password):
            raise WrongCredentialsError
        return Caller(name, "password")

    def _holder(self, name: str, text: str, now: float) -> Caller:
        token = self.tokens.get(tokens.digest(text)) if tokens.is_token(text) else None
        if token is None or name not in {TOKEN_NAME, token.name}:
            raise WrongTokenError("is not known here, or has been revoked")
        if token.is_expired(now):
            raise WrongTokenError(f"has expired on {tokens.shown_time(token.expires)}")
        until = math.inf if token.expires is None else token.expires
        return Caller(token.name, "token", token.parsed_scopes(), until, token.id)


class Files:
    """The two files, each of which may be None."""

    def __init__(self, users: Path | None, tokens_: Path | None) -> None:
        self._users = None if users is None else Watched(users, _users)
        self._tokens = None if tokens_ is None else Watched(tokens_, _tokens)
        self._known = Known({}, {})

    def get(self) -> Known:
        """Give all there are; the same object as before while neither file has changed."""
        users = self._users.get() if self._users else self._known.users
        found = self._tokens.get() if self._tokens else self._known.tokens
        known = self._known
        if known.users is not users or known.tokens is not found:
            known = self._known = Known(users, found)
        return known

    def check(self) -> None:
        """Raise ConfigurationError if a file cannot be used as it is."""
        for key, file in (("users_file", self._users), ("tokens_file", self._tokens)):
            mistakes = file.mistakes() if file else []
            if file and mistakes:
                raise ConfigurationError(f"In {key} {file.path}, {mistakes[0]}.")


def _users(data: bytes) -> tuple[Users, list[str]]:
    try:
        return htpasswd.parse(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return {}, ["what is written is not UTF-8: save it as UTF-8"]


def _tokens(data: bytes) -> tuple[Tokens, list[str]]:
    try:
        return tokens.parse(data), []
    except ValueError as error:
        return {}, [f"{error}: take that out, or make tokens anew with eggproxy token create"]
