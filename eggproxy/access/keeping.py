"""Changing the files of users and tokens, as the commands do it; never over HTTP."""

import contextlib
import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from eggproxy.access import htpasswd, tokens
from eggproxy.access.callers import scope_of
from eggproxy.access.tokens import Token, Tokens
from eggproxy.errors import ConfigurationError
from eggproxy.store import private

_DURATION = re.compile(r"([1-9][0-9]{0,4}) ?([hdwmy])", re.ASCII)
_SECONDS = {"h": 3600, "d": 86400, "w": 7 * 86400, "m": 30 * 86400, "y": 365 * 86400}
_LONGEST = 100 * 365 * 86400


def check_name(name: str) -> None:
    """Raise ConfigurationError if no user can have this name."""
    if not htpasswd.is_name(name):
        raise ConfigurationError(
            f"{name[:40]!r} cannot be the name of a user: write one without spaces and , : @, "
            "and not anyone, users or __token__."
        )


def read_users(path: Path) -> dict[str, bytes]:
    """Read all users. Raises ConfigurationError for a file that holds anything else."""
    with _troubles(path):
        users, mistakes = htpasswd.parse(private.read(path))
    if mistakes:
        raise ConfigurationError(f"In users_file {path}, {mistakes[0]}.")
    return users


def add_user(path: Path, name: str, password: str, *, like: Path) -> bool:
    """Add a user, or change the password; say whether the user is new.

    A new file belongs to whom the directory `like` belongs. Raises ConfigurationError.
    """
    check_name(name)
    try:
        word = htpasswd.hash_of(password)
    except ValueError:
        raise ConfigurationError(
            f"That cannot be a password: write 1 to {htpasswd.MAX_PASSWORD} bytes that can be seen."
        ) from None
    was_there = False

    def edit(text: str) -> str:
        nonlocal was_there
        others = _others(text, name)
        was_there = len(others) < len(text.splitlines())
        return "".join(f"{line}\n" for line in [*others, f"{name}:{word}"])

    with _troubles(path):
        private.change(path, edit, like=like)
    return not was_there


def remove_user(path: Path, name: str, *, like: Path) -> None:
    """Remove a user, even one whose line cannot be used. Raises ConfigurationError."""

    def edit(text: str) -> str:
        others = _others(text, name)
        if len(others) == len(text.splitlines()):
            raise ConfigurationError(
                f"{path} has no user {name[:40]!r}: see eggproxy user list for those there are."
            )
        return "".join(f"{line}\n" for line in others)

    with _troubles(path):
        private.change(path, edit, like=like)


def _others(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.partition(":")[0].strip() != name]


def read_tokens(path: Path) -> dict[str, Token]:
    """Read all tokens. Raises ConfigurationError for a file that holds anything else."""
    with _troubles(path):
        return _tokens(path, private.read(path))


def create_token(  # noqa: PLR0913  so much is said of a token
    path: Path, name: str, scopes: Sequence[str], *, expires: str, now: float, like: Path
) -> tuple[str, Token]:
    """Create a token; `expires` is such as 90d, or never. Raises ConfigurationError."""
    check_name(name)
    text = tokens.make()
    made = Token(
        id=secrets.token_hex(4),
        name=name,
        sha256=tokens.digest(text),
        scopes=tuple(map(_scope, scopes)),
        created=int(now),
        expires=_until(expires, now),
    )
    with _troubles(path):
        private.change(
            path, lambda old: _written({**_tokens(path, old), made.sha256: made}), like=like
        )
    return text, made


def revoke_token(path: Path, identifier: str, *, like: Path) -> Token:
    """Revoke a token by its identifier. Raises ConfigurationError."""
    revoked: list[Token] = []

    def edit(text: str) -> str:
        known = _tokens(path, text)
        revoked.extend(token for token in known.values() if token.id == identifier)
        if not revoked:
            raise ConfigurationError(
                f"{path} has no token {identifier[:40]!r}: see eggproxy token list for their IDs."
            )
        return _written({k: token for k, token in known.items() if token not in revoked})

    with _troubles(path):
        private.change(path, edit, like=like)
    return revoked[0]


def _tokens(path: Path, text: str) -> dict[str, Token]:
    try:
        return tokens.parse(text.encode())
    except ValueError as error:
        raise ConfigurationError(
            f"In tokens_file {path}, {error}: take that out, or make tokens anew."
        ) from None


def _written(known: Tokens) -> str:
    return tokens.write(known).decode()


def _scope(text: str) -> str:
    scope = scope_of(text)
    if scope is None:
        raise ConfigurationError(
            f"The option --scope is {text[:40]!r}: write upload: or read: and a pattern of "
            "projects, such as upload:acme-* or read:*."
        )
    return str(scope)


def _until(expires: str, now: float) -> int | None:
    if expires == "never":
        return None
    found = _DURATION.fullmatch(expires)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 0 < seconds <= _LONGEST:
        raise ConfigurationError(
            f"The option --expires is {expires[:40]!r}: write a number with h, d, w, m or y after "
            "it, such as 90d, or never."
        )
    return int(now) + seconds


@contextlib.contextmanager
def _troubles(path: Path) -> Iterator[None]:
    """Turn what the operating system says into a sentence."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be changed or read ({error.strerror}): make its directory, or run "
            "this as a user who may (sudo)."
        ) from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8: save it as UTF-8.") from None
