"""The command: `python -m bench [ROW ...]`."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from bench import apache, files, installs, life, own, pages
from bench.lab import Lab
from bench.report import Row, show
from bench.servers import SERVERS

ROWS: dict[str, Callable[[Lab], Iterator[Row]]] = {
    "page": pages.stored,
    "file": files.stored,
    "cold-page": pages.cold,
    "hits": pages.hits,
    "cold-file": files.cold,
    "stopped": files.stopped,
    "start": life.start,
    "install": installs.warm,
    "cold-install": installs.cold,
    "apache": apache.stored,
    "own": own.packages,
    "apache-memory": apache.memory,
    # Last: it shows what all before it needed.
    "memory": life.memory,
}
PACKAGES = {"nginx": "nginx-light", "wrk": "wrk"}
"""The programs that are run, and the Debian packages that bring them."""


@click.command()
@click.argument("rows", nargs=-1, type=click.Choice(list(ROWS)))
@click.option("--server", type=click.Choice(list(SERVERS)), default="eggproxy", show_default=True)
@click.option("--rounds", default=3, show_default=True, help="Rounds to take the median of.")
@click.option("--seconds", default=3.0, show_default=True, help="Length of one load, in seconds.")
@click.option("--keep", is_flag=True, help="Keep the folder of the run, with the logs.")
def main(rows: tuple[str, ...], server: str, rounds: int, seconds: float, *, keep: bool) -> None:
    """Measure the speed of eggproxy, as ratios; without ROWS, all of it."""
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if missing:
        click.echo(f"First install: sudo apt-get install {' '.join(missing)}", err=True)
        return
    work = Path(tempfile.mkdtemp(prefix="bench-"))
    results = Path("bench/results").resolve()
    results.mkdir(parents=True, exist_ok=True)
    lab = Lab(server, rounds, seconds, work, results)
    # In the order of the table, whatever that of the arguments.
    chosen = [name for name in ROWS if name in rows or not rows]
    failures: list[str] = []
    measured = [row for name in chosen for row in _measure(lab, name, failures)]
    show(measured, f"{server}, {rounds} rounds")
    for failure in failures:
        click.echo(failure)
    if keep:
        click.echo(f"The logs are in {work}.")
    else:
        shutil.rmtree(work, ignore_errors=True)


def _measure(lab: Lab, name: str, failures: list[str]) -> Iterator[Row]:
    click.echo(f"measuring: {name}", err=True)
    try:
        yield from ROWS[name](lab)
    except (AssertionError, OSError, RuntimeError, subprocess.CalledProcessError) as error:
        failures.append(f"{name} failed: {type(error).__name__}: {error}")
        yield Row(name, "failed")


if __name__ == "__main__":
    main(prog_name="python -m bench")
