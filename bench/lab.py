"""What all rows share: directories, the programs around the one that is measured, medians."""

import itertools
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench.link import start_link
from bench.nginx import start_nginx
from bench.programs import Memory, Program, free_port
from bench.servers import SERVERS, start_server

T = TypeVar("T")


@dataclass(frozen=True)
class Site:
    """A running server and the URL of its projects, ending in a slash."""

    program: Program
    url: str


@dataclass
class Lab:
    """The settings of one run, and the memory that was seen in it."""

    server: str
    rounds: int
    seconds: float
    work: Path
    # Survives the run: what was copied from the public index.
    results: Path
    # What the server's largest process used, by the name of the rows.
    memory: dict[str, Memory] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def folder(self, name: str) -> Path:
        """Make a new and empty folder."""
        path = self.work / f"{name}-{next(self._numbers)}"
        path.mkdir()
        return path

    @contextmanager
    def upstream(self, root: Path, *, html: bool = False) -> Iterator[Site]:
        """Serve `simple` and `files` of a folder as an index, in JSON or in HTML only."""
        port = free_port()
        if html and not (root / "html").exists():
            (root / "html").symlink_to("simple")
        with start_nginx(root, port, self.work) as program:
            program.wait_until_listening(port)
            yield Site(program, f"http://127.0.0.1:{port}/{'html' if html else 'simple'}/")

    @contextmanager
    def link(self, site: Site, port: int, round_trip: float, rate: float) -> Iterator[Site]:
        """Put a link before a server: round trip in seconds, rate in bytes a second."""
        target = int(site.url.split(":")[2].split("/")[0])
        url = site.url.replace(f":{target}/", f":{port}/")
        with start_link(port, target, round_trip, rate, self.work) as program:
            program.wait_until_listening(port)
            yield Site(program, url)

    @contextmanager
    def proxy(self, index: str, eggs: Path, rows: str, **settings: object) -> Iterator[Site]:
        """Run the measured server over a folder, and note its memory for these rows."""
        port = free_port()
        url = f"http://127.0.0.1:{port}{SERVERS[self.server].prefix}"
        with start_server(self.server, eggs, index, port, self.work, **settings) as program:
            program.wait_until_listening(port)
            yield Site(program, url)
            self.memory[rows] = max(
                program.memory(), self.memory.get(rows, Memory(0, 0, 0)), key=lambda m: m.peak
            )

    @contextmanager
    def reference(self, eggs: Path) -> Iterator[Site]:
        """Serve the very same ready files by nginx."""
        root, port = self.folder("reference"), free_port()
        (root / "pypi").symlink_to(eggs)
        with start_nginx(root, port, self.work) as program:
            program.wait_until_listening(port)
            yield Site(program, f"http://127.0.0.1:{port}/pypi/")

    def by_turns(self, *measures: Callable[[], T], more: int = 1) -> list[list[T]]:
        """Take each measure once a round, the order reversed each time; a list for each.

        `more` multiplies the rounds, for what is quick and varies much.
        """
        taken: list[list[T]] = [[] for _ in measures]
        for turn in range(self.rounds * more):
            order = list(enumerate(measures))
            for place, measure in reversed(order) if turn % 2 else order:
                taken[place].append(measure())
        return taken


def median(values: list[float]) -> float:
    """Give the median of figures."""
    return statistics.median(values)
