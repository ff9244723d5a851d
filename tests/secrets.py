"""Users and tokens for the tests, and what clients send for them."""

import base64
import time
from pathlib import Path

import bcrypt
import msgspec

from eggproxy.access import tokens
from eggproxy.access.tokens import Token


def basic(name: str, password: str) -> str:
    """Write an Authorization header."""
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def write_users(path: Path, **passwords: str) -> Path:
    """Write a file of users, whose hashes cost as little as can be."""
    lines = [
        f"{name}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n"
        for name, password in passwords.items()
    ]
    path.write_text("".join(lines))
    return path


def write_tokens(path: Path, **entries: tuple[str, *tuple[str, ...]]) -> dict[str, str]:
    """Write a file of tokens; an entry is the name for whom one stands, and its scopes.

    Gives the tokens. One whose key is `expired` is, and the one `revoked` is not written.
    """
    made = {key: tokens.make() for key in entries}
    written = {
        tokens.digest(made[key]): Token(
            id=key,
            name=entry[0],
            sha256=tokens.digest(made[key]),
            scopes=entry[1:],
            created=1,
            expires=2 if key == "expired" else int(time.time()) + 3600,
        )
        for key, entry in entries.items()
        if key != "revoked"
    }
    path.write_bytes(tokens.write(written))
    return made


def stored_tokens(path: Path) -> list[dict[str, object]]:
    """Read a file of tokens as it lies there."""
    entries: list[dict[str, object]] = msgspec.json.decode(path.read_bytes())["tokens"]
    return entries
