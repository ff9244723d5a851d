"""Rows for a real install set: pip and uv, warm beside nginx, cold beside no proxy at all."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import disk
from bench.environment import clean_environment
from bench.lab import Lab, Site, median
from bench.packages import REQUIREMENTS, copy_packages, tools, write_index
from bench.programs import free_port
from bench.report import Row

ROUND_TRIP, RATE = 0.05, 50e6
"""Seconds and bytes a second of the link before the upstream, for the cold rows."""

ROUNDS = {"pip": 1, "uv": 2}
"""How many installs make a round."""

MEMORY = Path("/dev/shm")  # noqa: S108 - made for this
CLIENT_FOLDER = MEMORY if os.access(MEMORY, os.W_OK) else None
"""Where the clients unpack: in memory if possible, for a slow disk there would hide the rest."""


def warm(lab: Lab) -> Iterator[Row]:
    """Measure installs through the proxy with all stored, beside nginx with the same files."""
    root, eggs = lab.folder("upstream"), lab.folder("eggs")
    count = write_index(copy_packages(lab.results), root, "../../files/")
    with (
        lab.upstream(root) as upstream,
        lab.proxy(upstream.url, eggs, "warm installs") as proxy,
        lab.reference(eggs) as nginx,
    ):
        for client, install in _clients(lab.results).items():
            install(proxy.url)
            pair = lab.by_turns(
                lambda: install(proxy.url),  # noqa: B023
                lambda: install(nginx.url),  # noqa: B023
                more=ROUNDS[client],
            )
            yield _row(f"{client} install, {count} packages, warm", pair, 1.1)


def cold(lab: Lab) -> Iterator[Row]:
    """Measure installs through an empty proxy over a slow link, beside the link itself."""
    yield disk.new_file(lab)
    root, port = lab.folder("upstream"), free_port()
    # Absolute, as the public index has them, and through the link.
    base = f"http://127.0.0.1:{port}/files/"
    count = write_index(copy_packages(lab.results), root, base)
    with lab.upstream(root) as upstream, lab.link(upstream, port, ROUND_TRIP, RATE) as link:
        for client, install in _clients(lab.results).items():
            install(link.url)
            pair = lab.by_turns(
                lambda: _through_empty_proxy(lab, link, install),  # noqa: B023
                lambda: install(link.url),  # noqa: B023
                more=ROUNDS[client],
            )
            yield _row(f"{client} install, {count} packages, cold", pair, 1.15)


def _through_empty_proxy(lab: Lab, link: Site, install: Callable[[str], float]) -> float:
    with lab.proxy(link.url, lab.folder("eggs"), "cold installs") as proxy:
        # What a start costs is another row.
        proxy.program.settled_cpu()
        return install(proxy.url)


def _clients(results: Path) -> dict[str, Callable[[str], float]]:
    folder = tools(results)
    python = str(folder / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--no-compile"]
    pip += ["--disable-pip-version-check", "--index-url"]
    uv = [str(folder / "uv"), "pip", "install", "--quiet", "--no-cache", "--python", python]
    uv += ["--default-index"]
    return {
        "pip": lambda url: _install([*pip, url]),
        "uv": lambda url: _install([*uv, url]),
    }


def _install(command: list[str]) -> float:
    with tempfile.TemporaryDirectory(prefix="bench-client-", dir=CLIENT_FOLDER) as name:
        target = Path(name) / "target"
        begin = time.monotonic()
        done = subprocess.run(
            [*command, "--target", str(target), *REQUIREMENTS],
            env=clean_environment(Path(name)),
            capture_output=True,
            text=True,
            check=False,
        )
        took = time.monotonic() - begin
        if done.returncode or not (target / "numpy").is_dir():
            raise RuntimeError(f"{' '.join(done.args)}\nfailed: {done.stderr[-1000:]}")
    return took


def _row(what: str, pair: list[list[float]], target: float) -> Row:
    ours, theirs = (median(side) for side in pair)
    return Row(what, f"{ours:.2f} s", f"{theirs:.2f} s", value=ours / theirs, target=target)
