"""A file system of 20 MB, and twice as much to install."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.distributions import Distribution, make_wheel
from tests.faults import checker, processes
from tests.faults.clients import download
from tests.frontends import clean_environment
from tests.servers import Server, wait_until
from tests.upstream import Upstream

ROOM = 20 << 20
PROJECTS = 40
SIZE = 1_000_000
"""Bytes of each file: together twice as many as there is room for."""


class NoFileSystemError(Exception):
    """No file system can be mounted here; the message says why."""


@dataclass(kw_only=True)
class Outcome:
    """What came of it: `failed` are addresses, `recovered` whether it stores again.

    That nothing is left of transfers, `run` itself waits for; `torn` is as in the checker's report.
    """

    asked: int
    failed: list[str]
    installs_failed: list[str]
    stored: int
    torn: list[str]
    recovered: bool
    problems: list[str]


@contextmanager
def small_file_system(folder: Path) -> Iterator[Path]:
    """Mount a file system of `ROOM` bytes in memory. Raises NoFileSystemError."""
    if os.geteuid() != 0:
        raise NoFileSystemError("only root can mount a file system")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "eggproxy-faults", str(folder)]
    mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    if mounted.returncode:
        raise NoFileSystemError(mounted.stderr.strip() or "no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def run(home: Path) -> Outcome:
    """Install more than there is room for, then make room. Raises NoFileSystemError."""
    wheels = [make_wheel(f"project-{number}", "1.0", size=SIZE) for number in range(PROJECTS)]
    with small_file_system(home / "small") as disk, Upstream() as upstream:
        for number, wheel in enumerate(wheels):
            upstream.add(f"project-{number}", wheel.filename, wheel.content,
                         metadata=wheel.metadata)  # fmt: skip
        with processes.several(1, home, upstream.index_url, disk / "eggs") as [server]:
            failed = _fetch_all(server, wheels)
            installs_failed = [name for name in ("project-0", f"project-{PROJECTS - 1}")
                               if not _installs(server, name, home)]  # fmt: skip
            stored = len(list(server.eggs.glob("*/*.whl")))
            wait_until(lambda: not _leftovers(server))
            report = checker.check(server.eggs)
            recovered = _recovers(server, wheels)
        return Outcome(
            asked=3 * PROJECTS,
            failed=failed,
            installs_failed=installs_failed,
            stored=stored,
            recovered=recovered,
            torn=report.torn,
            problems=report.problems,
        )


def _fetch_all(server: Server, wheels: list[Distribution]) -> list[str]:
    """Ask for everything, as eight clients; give the addresses that failed."""

    def fetch(number: int) -> list[str]:
        wheel = wheels[number]
        url = f"{server.index}project-{number}/"
        failed = [] if server.get(f"/pypi/project-{number}/").status == 200 else [url]
        for end, content in (("", wheel.content), (".metadata", wheel.metadata)):
            got = download(f"{url}{wheel.filename}{end}", content)
            if not got.whole or got.wrong:
                failed.append(f"{url}{wheel.filename}{end}: {got}")
        return failed

    with ThreadPoolExecutor(8) as pool:
        return [url for failed in pool.map(fetch, range(PROJECTS)) for url in failed]


def _installs(server: Server, name: str, home: Path) -> bool:
    options = ["--no-cache-dir", "--disable-pip-version-check", "--no-deps"]
    where = ["--index-url", server.index, "--target", str(home / f"installed-{name}")]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *options, *where, name]
    done = subprocess.run(command, env=clean_environment(HOME=str(home)), check=False)
    return done.returncode == 0


def _recovers(server: Server, wheels: list[Distribution]) -> bool:
    """Make room as an administrator does, and see whether a file is stored again."""
    paths = [server.eggs / f"project-{n}" / wheel.filename for n, wheel in enumerate(wheels)]
    missing = next(number for number, path in enumerate(paths) if not path.exists())
    for path in [path for path in paths if path.exists()][:5]:
        path.unlink()
    url = f"{server.index}project-{missing}/{wheels[missing].filename}"

    def stores_again() -> bool:
        assert download(url, wheels[missing].content).whole
        return paths[missing].exists()

    wait_until(stores_again)
    return True


def _leftovers(server: Server) -> list[str]:
    own = server.eggs / ".eggproxy"
    return [str(path) for folder in ("partial", "tmp") for path in (own / folder).iterdir()]
