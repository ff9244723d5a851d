"""Rows for the server as a process: how soon it is there, and what it weighs."""

import time
from collections.abc import Iterator

from bench.client import HTML, get
from bench.content import synthetic_files, write_pages
from bench.lab import Lab, median
from bench.report import Row

STARTS = 5


def start(lab: Lab) -> Iterator[Row]:
    """Measure the time from the start of the program to its first answer, a stored page."""
    root, eggs = lab.folder("upstream"), lab.folder("eggs")
    write_pages(root / "simple" / "small", "small", synthetic_files("small", 20, "/files/"), [])
    with lab.upstream(root) as upstream:
        with lab.proxy(upstream.url, eggs, "start") as proxy:
            get(proxy.url + "small/", HTML)
        times = [_start(lab, upstream.url, eggs) for _ in range(STARTS)]
    yield Row(
        "start to first answer",
        f"{median(times):.2f} s",
        f"slowest {max(times):.2f} s",
        value=median(times),
        target=0.5,
        unit=" s",
    )


def _start(lab: Lab, index: str, eggs: object) -> float:
    raise NotImplementedError
