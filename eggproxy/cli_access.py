"""The commands `eggproxy user` and `eggproxy token`: who may sign in, and with what."""

import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from eggproxy.cli_options import CONTEXT, config_file_option, fail, load
from eggproxy.errors import ConfigurationError
from eggproxy.store.uses import Uses


def _command(group: click.Group, name: str) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command of a function that gets its file; what goes wrong is one sentence."""
    key = f"{group.name}s_file"

    def decorate(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def run(config_file: Path | None, given: str | None, **options: Any) -> None:
            try:
                configuration = load(config_file, {key: given})
                path = _given(getattr(configuration, key), key)
                function(path, configuration.eggs_directory, **options)
            except ConfigurationError as error:
                fail(error)

        option = click.option(f"--{group.name}s-file", "given", metavar="PATH", help="The file.")
        return group.command(name, context_settings=CONTEXT)(config_file_option(option(run)))

    return decorate


def _given(path: Path | None, key: str) -> Path:
    if path is None:
        place = f"/etc/eggproxy.{key.removesuffix('_file')}"
        raise ConfigurationError(
            f"No {key} is set: write {key} = {place} below [eggproxy] into the configuration file."
        )
    return path


@click.group(context_settings=CONTEXT)
def user() -> None:
    """Add, remove and list users, in the file that users_file names.

    It is of the form that Apache's htpasswd -B writes, and may be shared with Apache.
    """


@_command(user, "add")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def add(users_file: Path, eggs: Path, name: str, password_stdin: bool) -> None:  # noqa: FBT001
    """Add a user, or give one another password."""
    from eggproxy.access import keeping  # noqa: PLC0415  `eggproxy --help` need not wait for it

    keeping.check_name(name)
    if password_stdin:
        password = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    is_new = keeping.add_user(users_file, name, password, like=eggs)
    done = "Added" if is_new else "Changed the password of"
    click.echo(f"{done} {name} in {users_file}. It counts at once.", err=True)


@_command(user, "remove")
@click.argument("name")
def remove(users_file: Path, eggs: Path, name: str) -> None:
    """Remove a user. Tokens stay: see `eggproxy token list`."""
    from eggproxy.access import keeping  # noqa: PLC0415

    keeping.remove_user(users_file, name, like=eggs)
    click.echo(f"Removed {name} from {users_file}. It counts at once.", err=True)
    click.echo(f"Tokens for {name} stay: eggproxy token list shows them.", err=True)


@_command(user, "list")
def users(users_file: Path, _eggs: Path) -> None:
    """List the names of all users."""
    from eggproxy.access import keeping  # noqa: PLC0415

    for name in sorted(keeping.read_users(users_file)):
        click.echo(name)


@click.group(context_settings=CONTEXT)
def token() -> None:
    """Create, revoke and list API tokens, in the file that tokens_file names.

    Clients send one as the password of the user __token__.
    """


@_command(token, "create")
@click.option("--for", "name", required=True, metavar="NAME", help="The user it stands for.")
@click.option(
    "--scope",
    "scopes",
    required=True,
    multiple=True,
    metavar="ACTION:PATTERN",
    help="What it is good for: upload:acme-*, read:*; may be given several times.",
)
@click.option(
    "--expires", default="365d", show_default=True, metavar="TIME", help="Such as 90d, 12h, never."
)
def create(tokens_file: Path, eggs: Path, name: str, scopes: tuple[str, ...], expires: str) -> None:
    """Create a token and print it: this once, for only a hash of it is kept."""
    from eggproxy.access import keeping, tokens  # noqa: PLC0415

    text, made = keeping.create_token(
        tokens_file, name, scopes, expires=expires, now=time.time(), like=eggs
    )
    until = tokens.shown_time(made.expires)
    click.echo(f"Token {made.id} for {name}: {', '.join(made.scopes)}; expires: {until}.", err=True)
    click.echo("It is shown this once. User: __token__   Password:", err=True)
    click.echo(text)


@_command(token, "revoke")
@click.argument("identifier", metavar="ID")
def revoke(tokens_file: Path, eggs: Path, identifier: str) -> None:
    """Revoke a token, by the ID that `eggproxy token list` shows."""
    from eggproxy.access import keeping, tokens  # noqa: PLC0415

    revoked = keeping.revoke_token(tokens_file, identifier, like=eggs)
    Uses(eggs / tokens.USES).forget(revoked.id)
    click.echo(f"Revoked token {revoked.id} for {revoked.name}. It counts at once.", err=True)


@_command(token, "list")
def all_tokens(tokens_file: Path, eggs: Path) -> None:
    """List all tokens; of none is there more than a hash. USED is to the day."""
    from eggproxy.access import keeping, tokens  # noqa: PLC0415

    uses = Uses(eggs / tokens.USES)
    row = "{:<10} {:<16} {:<10} {:<10} {:<10} {}".format
    click.echo(row("ID", "FOR", "CREATED", "EXPIRES", "USED", "SCOPES"))
    for each in sorted(keeping.read_tokens(tokens_file).values(), key=lambda each: each.created):
        times = (each.created, each.expires, uses.last(each.id))
        over = "  (expired)" if each.is_expired(time.time()) else ""
        days = map(tokens.shown_time, times)
        click.echo(row(each.id, each.name, *days, " ".join(each.scopes)) + over)
