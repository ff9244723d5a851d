"""The commands `serve`, `update`, `apache-config`; see also `cli_access`, `cli_packages`."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click

from eggproxy import __version__, cli_packages
from eggproxy.cli_access import token, user
from eggproxy.cli_options import CONTEXT, bindir, config_file_option, fail, load
from eggproxy.config import KEYS, Configuration
from eggproxy.config import file as configfile
from eggproxy.errors import ConfigurationError
from eggproxy.upstream import shown


def _settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--config` and an option for each key of the configuration."""
    for key in reversed(KEYS):
        default = f"  [default: {key.default}]" if key.default else ""
        option = click.option(
            f"--{key.name.replace('_', '-')}", metavar="VALUE", help=f"{key.help}{default}"
        )
        command = option(command)
    return config_file_option(command)


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, message="eggproxy %(version)s")
def main() -> None:
    """Cache Python package indexes, for builds that must not fail.

    What has been fetched once stays: a build that has worked never fails because an index is slow,
    down or wrong.
    """


main.add_command(user)
main.add_command(token)
for _each in cli_packages.COMMANDS:
    main.add_command(_each)


@main.command(context_settings=CONTEXT)
@_settings
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Processes that share the eggs directory.",
)
def serve(config_file: Path | None, workers: int, **options: Any) -> None:
    """Serve the index at http://LISTEN:PORT/pypi/."""
    # Imported here: `eggproxy --help` need not wait for a server.
    from eggproxy.server import run as server  # noqa: PLC0415

    try:
        configuration = load(config_file, options)
        server.check_directory(configuration)
        listener = server.listening_socket(configuration)
    except ConfigurationError as error:
        fail(error)
    click.echo(greeting(configuration, listener.getsockname()[1]), err=True)
    server.serve(configuration, listener, workers)
    click.echo("eggproxy: ended.", err=True)
    server.end_process()


def greeting(configuration: Configuration, port: int) -> str:
    """Tell how to point clients at the server."""
    host = configuration.listen
    # From where the person who reads this sits, a wildcard is no address.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    host = f"[{host}]" if ":" in host else host
    url = f"http://{host}:{port}/pypi/"
    trust = "" if host in {"127.0.0.1", "[::1]", "localhost"} else f" --trusted-host {host}"
    return (
        f"eggproxy {__version__} serves {url}\n"
        f"  from {shown(configuration.index)} into {configuration.eggs_directory}\n\n"
        f"  pip            pip install --index-url {url}{trust} NAME\n"
        f"  uv             uv pip install --default-index {url} NAME\n"
        f"  zc.buildout    [buildout]\n"
        f"                 index = {url}\n"
        f"  easy_install   easy_install -i {url} NAME\n\n"
        f"Ctrl-C ends it. Requests follow, one a line.\n"
    )


@main.command(context_settings=CONTEXT, short_help="Ask the index for news of stored pages.")
@_settings
@click.option("--force", is_flag=True, help="Ask about fresh pages too.")
def update(config_file: Path | None, force: bool, **options: Any) -> None:  # noqa: FBT001
    """Ask the index for news of all stored pages older than update_interval.

    Exits with 1 if some could not be asked about; those stay as they are.
    """
    from eggproxy.update import update_all  # noqa: PLC0415

    try:
        configuration = load(config_file, options)
        failed = update_all(configuration, force=force)
    except ConfigurationError as error:
        fail(error)
    sys.exit(1 if failed else 0)


@main.command(
    "apache-config", context_settings=CONTEXT, short_help="Print a configuration of Apache."
)
@click.option(
    "--module",
    type=click.Choice(["mod_python", "mod_wsgi", "static"]),
    required=True,
    help="What Apache runs eggproxy by; static is Apache alone, over what is stored already.",
)
@click.option("--prefix", default="/pypi", show_default=True, help="Where the index stands.")
@click.option(
    "--server-name",
    metavar="NAME[:PORT]",
    help="Make a virtual host of this name; else the index is in all virtual hosts.",
)
@config_file_option
def apache_config(
    config_file: Path | None,
    module: Literal["mod_python", "mod_wsgi", "static"],
    prefix: str,
    server_name: str | None,
) -> None:
    """Print a configuration of Apache for this installation, ready for a2ensite.

    What will keep it from working is said at its head and on standard error.
    """
    from eggproxy import apache_checks, apache_config  # noqa: PLC0415
    from eggproxy.access import Access  # noqa: PLC0415

    environment = apache_config.Environment.running()
    try:
        configuration = load(config_file, {})
        file = configfile.find(config_file, os.environ, bindir())
        site = apache_config.Site(
            module=module,
            prefix=prefix,
            server_name=server_name,
            eggs_directory=configuration.eggs_directory,
            config_file=file and file.absolute(),
            restricted=not Access(configuration.access, configuration.groups).is_open,
        )
        apache = apache_checks.Apache.found(os.environ)
        warnings = apache_checks.warnings(site, environment, configuration, apache)
        text = apache_config.write(site, environment, warnings)
    except ConfigurationError as error:
        fail(error)
    for warning in warnings:
        click.echo(f"eggproxy: {warning}", err=True)
    click.echo(text, nl=False)


def run() -> None:
    """Be `eggproxy_run`, the old name of `eggproxy serve`."""
    serve.main(prog_name="eggproxy_run")


def old_update() -> None:
    """Be `eggproxy_update`, the old name of `eggproxy update`."""
    update.main(prog_name="eggproxy_update")
