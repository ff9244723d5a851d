"""Rows for the server as a process: how soon it is there, and what it weighs."""

import time
from collections.abc import Iterator
from pathlib import Path

from bench.client import HTML, get
from bench.content import synthetic_files, write_pages
from bench.lab import Lab, median
from bench.report import Row

STARTS = 5
IDLE, BUSY = 60, 120
"""How many MB a worker may use."""


def start(lab: Lab) -> Iterator[Row]:
    """Measure the time from the start of the program to its first answer, a stored page."""
    root, eggs = lab.folder("upstream"), lab.folder("eggs")
    write_pages(root / "simple" / "small", "small", synthetic_files("small", 20, "/files/"), [])
    with lab.upstream(root) as upstream:
        # The first start stores the page, and compiles what was never run.
        times = [_start(lab, upstream.url, eggs) for _ in range(STARTS + 1)][1:]
    yield Row(
        "start to first answer",
        f"{median(times):.2f} s, slowest {max(times):.2f} s",
        value=median(times),
        target=0.5,
        unit=" s",
    )


def _start(lab: Lab, index: str, eggs: Path) -> float:
    begin = time.monotonic()
    with lab.proxy(index, eggs, "idle") as proxy:
        get(proxy.url + "small/", HTML)
        took = time.monotonic() - begin
        proxy.program.settled_cpu()
    return took


def memory(lab: Lab) -> Iterator[Row]:
    """Show the memory of the server's largest process, idle and in all rows before."""
    for rows, used in lab.memory.items():
        target = IDLE if rows == "idle" else BUSY
        yield Row(
            f"memory, {rows}",
            f"peak RSS {used.peak:.0f} MB, PSS {used.pss:.0f} MB",
            value=used.peak,
            target=target,
            unit=" MB",
        )
