"""Rows for a file of 100 MB: stored, cold, and with clients that stop reading."""

import statistics
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.client import HTML, get, load, stop_reading
from bench.content import file_entry, write_noise, write_pages
from bench.lab import Lab, Site, median
from bench.programs import free_port
from bench.report import Row

SIZE = 100_000_000
RATE = 50e6
"""Bytes a second of the link before the upstream."""

MORE = 3
"""How many times as many rounds a cold file gets: its first byte comes soon, and that varies."""

STOPPED = 100
HELD = 0.5
"""Clients that stop reading, and how many MB each may cost: a block and what asyncio buffers."""


def write_big(root: Path, count: int, base: str) -> list[str]:
    """Write a project `big` with so many files of 100 MB below a URL, and give their names."""
    names = [f"big-{number}.0.tar.gz" for number in range(count)]
    first = root / "files" / names[0]
    write_noise(first, SIZE)
    for name in names[1:]:
        (root / "files" / name).hardlink_to(first)
    entry = file_entry(first, "")
    files = [entry | {"filename": name, "url": f"{base}{name}"} for name in names]
    write_pages(root / "simple" / "big", "big", files, [f"{n}.0" for n in range(count)])
    return names


def stored(lab: Lab) -> Iterator[Row]:
    """Measure megabytes a second of a stored file, beside nginx."""
    root, eggs = lab.folder("upstream"), lab.folder("eggs")
    (name,) = write_big(root, 1, "../../files/")
    with (
        lab.upstream(root) as upstream,
        lab.proxy(upstream.url, eggs, "stored file") as proxy,
        lab.reference(eggs) as nginx,
    ):
        get(f"{proxy.url}big/{name}", keep=False)
        for connections in (1, 4):
            yield _compare(lab, f"big/{name}", proxy, nginx, connections)


def _compare(lab: Lab, path: str, proxy: Site, nginx: Site, connections: int) -> Row:
    ours, theirs = lab.by_turns(
        *(partial(load, lab, site, path, {}, connections) for site in (proxy, nginx))
    )
    speeds = [median([each.speed / 1e6 for each in loads]) for loads in (ours, theirs)]
    costs = [median([each.cpu_per_byte * 1e9 for each in loads]) for loads in (ours, theirs)]
    return Row(
        f"stored file of 100 MB, {connections} connection{'s' * (connections > 1)}",
        f"{speeds[0]:,.0f} MB/s, {costs[0]:.2f} s CPU/GB",
        f"{speeds[1]:,.0f} MB/s, {costs[1]:.2f} s CPU/GB",
        value=speeds[0] / speeds[1],
        target=0.8,
        better="more",
    )


def cold(lab: Lab) -> Iterator[Row]:
    """Measure a file that is not stored yet, over a link of 50 MB/s, beside the link itself."""
    root, port = lab.folder("upstream"), free_port()
    base = f"http://127.0.0.1:{port}/files/"
    names = iter(write_big(root, 2 * lab.rounds * MORE, base))
    with (
        lab.upstream(root) as upstream,
        lab.link(upstream, port, 0.0, RATE) as link,
        lab.proxy(link.url, lab.folder("eggs"), "cold file") as proxy,
    ):
        get(proxy.url + "big/", HTML)
        ours, theirs = lab.by_turns(
            lambda: get(f"{proxy.url}big/{next(names)}", keep=False),
            lambda: get(base + next(names), keep=False),
            more=MORE,
        )
    firsts = [median([each.first * 1000 for each in side]) for side in (ours, theirs)]
    totals = [median([each.total for each in side]) for side in (ours, theirs)]
    later = firsts[0] - firsts[1]
    yield Row(
        "cold file of 100 MB, 50 MB/s: first byte",
        f"{firsts[0]:.1f} ms ({later:+.1f} ms)",
        f"{firsts[1]:.1f} ms",
        value=later,
        target=10,
        unit=" ms",
    )
    yield Row(
        "cold file of 100 MB, 50 MB/s: whole",
        f"{totals[0]:.3f} s",
        f"{totals[1]:.3f} s",
        value=totals[0] / totals[1],
        target=1.03,
    )


def stopped(lab: Lab) -> Iterator[Row]:
    """Measure what 100 clients that stop reading do to memory and to others."""
    root, eggs = lab.folder("upstream"), lab.folder("eggs")
    (name,) = write_big(root, 1, "../../files/")
    with (
        lab.upstream(root) as upstream,
        lab.proxy(upstream.url, eggs, "stopped readers") as proxy,
        lab.reference(eggs) as nginx,
    ):
        get(f"{proxy.url}big/{name}", keep=False)
        ours, theirs = (_with_stopped(site, f"big/{name}") for site in (proxy, nginx))
    yield Row(
        f"{STOPPED} stopped readers: memory more",
        f"{ours[0]:.1f} MB",
        f"{theirs[0]:.1f} MB",
        value=ours[0],
        target=STOPPED * HELD,
        unit=" MB",
    )
    yield Row(
        f"{STOPPED} stopped readers: a page meanwhile",
        f"{ours[1]:.1f} ms, slowest {ours[2]:.0f} ms",
        f"{theirs[1]:.1f} ms, slowest {theirs[2]:.0f} ms",
        value=ours[1],
        target=10,
        unit=" ms",
    )


def _with_stopped(site: Site, path: str) -> tuple[float, float, float]:
    get(site.url + "big/", HTML)
    site.program.forget_peak()
    before = site.program.memory().rss
    readers = [stop_reading(site.url + path) for _ in range(STOPPED)]
    times = [get(site.url + "big/", HTML).total * 1000 for _ in range(100)]
    site.program.settled_cpu()
    more = site.program.memory().peak - before
    for reader in readers:
        reader.close()
    return more, statistics.median(times), max(times)
