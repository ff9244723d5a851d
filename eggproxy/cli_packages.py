"""The commands for packages of our own: yank, unyank, remove, status, check, import."""

import functools
import os
import shlex
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eggproxy.cli_options import CONTEXT, config_file_option, fail, load
from eggproxy.config import Configuration
from eggproxy.errors import ConfigurationError, EggProxyError
from eggproxy.names import NormalizedName, is_project_name, normalize

if TYPE_CHECKING:
    from eggproxy.packages import Packages
    from eggproxy.packages.states import Status

COMMANDS: list[click.Command] = []
"""All of them, for the group of all commands."""


def _command(
    name: str, short_help: str | None = None
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command of a function that gets the packages; what goes wrong is one sentence."""

    def decorate(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def run(config_file: Path | None, directory: str | None, **options: Any) -> None:
            from eggproxy.channels import packages_of  # noqa: PLC0415  --help need not wait

            try:
                configuration = load(config_file, {"packages_directory": directory})
                with _given_to_owner(configuration.packages_directory):
                    function(packages_of(configuration), configuration, **options)
            except ConfigurationError as error:
                fail(error)
            except EggProxyError as error:
                click.echo(f"eggproxy: {error}", err=True)
                sys.exit(1)

        option = click.option(
            "--packages-directory", "directory", metavar="PATH", help="The directory of packages."
        )
        command = click.command(name, context_settings=CONTEXT, short_help=short_help)
        made = command(config_file_option(option(run)))
        COMMANDS.append(made)
        return made

    return decorate


@contextmanager
def _given_to_owner(directory: Path) -> Iterator[None]:
    """As root, leave what was made to the directory's owner: the server has to change it."""
    try:
        yield
    finally:
        if os.geteuid() == 0 and directory.is_dir():
            owner = directory.stat()
            for folder, _folders, names in os.walk(directory):
                for path in (folder, *(f"{folder}/{name}" for name in names)):
                    _give(path, owner)


def _give(path: str, owner: os.stat_result) -> None:
    """Give a file or folder of root's to somebody, unless it lies in another place as well."""
    with suppress(OSError):
        facts = os.lstat(path)
        is_elsewhere = not stat.S_ISDIR(facts.st_mode) and facts.st_nlink > 1
        if facts.st_uid == 0 and not is_elsewhere:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _project(_context: click.Context, _parameter: click.Parameter, name: str) -> NormalizedName:
    if not is_project_name(name):
        raise click.BadParameter("write letters, digits, and - _ . within.")
    return normalize(name)


_name = click.argument("project", metavar="NAME", callback=_project)


@_command("yank")
@_name
@click.argument("version")
@click.option("--reason", default="", help="Why, for those who see it.")
def yank(
    packages: "Packages",
    _configuration: Configuration,
    project: NormalizedName,
    version: str,
    reason: str,
) -> None:
    """Yank a version: installers take it only where exactly that version is asked for (PEP 592)."""
    files = packages.yank(project, version, reason)
    click.echo(f"Yanked {', '.join(files)}. It shows at once.", err=True)
    click.echo(f"To take it back: eggproxy unyank {project} {version}", err=True)


@_command("unyank")
@_name
@click.argument("version")
def unyank(
    packages: "Packages", _configuration: Configuration, project: NormalizedName, version: str
) -> None:
    """Take a yank back."""
    files = packages.unyank(project, version)
    click.echo(f"No longer yanked: {', '.join(files)}. It shows at once.", err=True)


@_command("remove")
@_name
@click.argument("version", required=False)
def remove(
    packages: "Packages",
    configuration: Configuration,
    project: NormalizedName,
    version: str | None,
) -> None:
    """Remove a project, or one version of it, into the trash."""
    place, files = packages.remove(project, version)
    days = f"{configuration.trash_days:g}"
    target = shlex.quote(str(packages.directory / project))
    click.echo(f"Removed {', '.join(files)}. It shows at once.", err=True)
    click.echo(f"For {days} days {project} stays ours, and it can be had back:", err=True)
    click.echo(f"  mkdir -p {target} && mv {shlex.quote(str(place))}/* {target}/", err=True)


@_command("status")
@_name
@click.argument("status", type=click.Choice(["active", "archived", "deprecated", "quarantined"]))
@click.option("--reason", default="", help="Why, for those who see it.")
def status(
    packages: "Packages",
    _configuration: Configuration,
    project: NormalizedName,
    status: "Status",
    reason: str,
) -> None:
    """Give a project a status (PEP 792).

    archived and quarantined ones take no uploads; quarantined ones offer no files.
    """
    packages.set_status(project, status, reason)
    click.echo(f"{project} is {status}. It shows at once.", err=True)


@_command("check", short_help="Look for what is wrong with packages of our own.")
@click.option("--online", is_flag=True, help="Ask the index for its list of projects first.")
def check(packages: "Packages", configuration: Configuration, online: bool) -> None:  # noqa: FBT001
    """Look for what is wrong with packages of our own.

    Files that are damaged or misnamed, or that have changed without a trace; names that exist both
    here and upstream, by the list of projects that is stored. Exits with 1 if something is wrong.
    """
    from eggproxy.packages import checking  # noqa: PLC0415
    from eggproxy.progress import progress  # noqa: PLC0415
    from eggproxy.upstream_names import upstream_names  # noqa: PLC0415

    wrong = [packages.ownership.trouble] if packages.ownership.trouble else []
    wrong += checking.unlisted(packages)
    entries = packages.catalogue.everything()[0]
    with progress("checking", len(entries)) as (advance, _tell):
        wrong += checking.changed(packages, advance)
    wrong += checking.doubles(packages)
    names = upstream_names(configuration, packages, online=online)
    wrong += checking.shared(packages, names or ())
    _report(wrong)
    if names is None:
        click.echo("No list of upstream's projects is stored: --online fetches it.", err=True)
    projects = len({entry.project for entry in entries})
    click.echo(
        f"{len(entries)} files of {projects} projects in {packages.directory}: "
        f"{len(wrong) or 'nothing'} wrong.",
        err=True,
    )
    sys.exit(1 if wrong else 0)


@_command("import", short_help="Take the packages of another server's directory.")
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
def import_(packages: "Packages", _configuration: Configuration, source: Path) -> None:
    """Take the packages in a directory, at any depth, such as that of pypiserver or localshop.

    They are linked where that can be, else copied; nothing in the directory changes. Exits with 1
    if a package could not be taken.
    """
    from eggproxy.packages import importing  # noqa: PLC0415
    from eggproxy.progress import progress  # noqa: PLC0415

    source = source.resolve()
    if source.is_relative_to(packages.directory.resolve()):
        raise ConfigurationError(f"{source} is within the packages directory already.")
    paths, others = importing.found(source)
    new = known = failed = 0
    with progress("importing", len(paths)) as (advance, tell):
        for path, why, is_here in importing.take_all(packages, paths):
            new, known = new + (is_here and not why), known + (is_here and bool(why))
            failed += not is_here
            if why:
                tell(f"{path.relative_to(source)}: {why}")
            advance()
    _report(f"{path.relative_to(source)}: is no package by its name" for path in others)
    click.echo(
        f"{new} taken into {packages.directory}, {known} were here already, {failed} not taken, "
        f"{len(others)} other files.",
        err=True,
    )
    sys.exit(1 if failed else 0)


def _report(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
