"""Rows for packages of our own: 20,000 files in a directory, as somebody would drop them there."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.lab import Lab, median
from bench.report import Row
from eggproxy.answers import Answer
from eggproxy.names import NormalizedName
from eggproxy.negotiation import Preference
from eggproxy.own import Own
from eggproxy.packages import Packages
from eggproxy.paths import ProjectTarget, Target
from tests.distributions import make_wheel

PROJECTS, RELEASES = 400, 50
PAGE = ProjectTarget(NormalizedName("acme-7"))


def packages(lab: Lab) -> Iterator[Row]:
    """Measure the first look, warm, and a page of 50 files, with and without a look at folders."""
    directory = lab.folder("own")
    _fill(directory)
    _read_all(Packages(directory))
    starts, firsts, again, looking = [], [], [], []
    for _round in range(lab.rounds):
        fresh = Packages(directory)
        starts.append(_seconds(fresh.projects))
        own = Own(fresh)
        firsts.append(_page(own))
        again += [_page(own) for _time in range(20)]
        while not fresh.is_due():
            time.sleep(0.05)
        looking.append(_page(own))
    value = median(starts)
    name = f"{PROJECTS * RELEASES} own files, start"
    yield Row(name, f"{value:.2f} s", value=value, target=2.0, unit=" s")
    for what, taken in (("first page", firsts), ("page", again), ("page after a look", looking)):
        value = 1000 * median(taken)
        yield Row(f"own files, {what}", f"{value:.1f} ms", value=value, target=5.0, unit=" ms")


def _fill(directory: Path) -> None:
    for project in range(PROJECTS):
        folder = directory / f"acme-{project}"
        folder.mkdir()
        for release in range(RELEASES):
            wheel = make_wheel(f"acme-{project}", f"1.{release}")
            path = folder / wheel.filename
            path.write_bytes(wheel.content)
            os.utime(path, (1_700_000_000, 1_700_000_000))


def _read_all(first: Packages) -> None:
    first.look()
    while first.catalogue.unread():
        first.catalogue.read_for(1.0)


def _page(own: Own) -> float:
    return _seconds(lambda: own.answer(PAGE, Preference(), _nobody))


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _nobody(_target: Target, _preference: Preference) -> Answer:
    raise AssertionError("an index was asked")
