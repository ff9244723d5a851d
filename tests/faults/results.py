"""All experiments, small or full: what they did and what came of it, as rows of a table."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.faults import disk, herd, kills, soak
from tests.faults.herd import Herd


class Row(NamedTuple):
    """An experiment, what was seen, and whether that is what is promised."""

    experiment: str
    seen: str
    kept: bool


FLAT = 1.1
"""By how much memory may grow, once all is warm, and be called flat."""

LONG = 300
"""Seconds after which all is warm."""

SMALL = Herd(processes=4, clients=6, size=20_000_000, rate=10e6)
LARGE = Herd(processes=8, clients=12, size=200_000_000, rate=8e6)

SLOWEST = 1.1
"""How long the last client may take, over a direct download."""

POINTS = ((0.002, 0.02), (0.4, 0.6), (0.98, 0.995))
"""Between which parts of a file its writer is killed: when it has begun, midway, near the end."""


def experiments(*, full: bool) -> list[Callable[[Path], Row]]:
    """List all experiments; the full ones take an hour."""
    herd = LARGE if full else SMALL
    found: list[Callable[[Path], Row]] = [lambda home: _one_transfer(home, herd)]
    times = 20 if full else 1
    found += [partial(_killed, it=herd, between=point, times=times) for point in POINTS]
    found.append(lambda home: _kills(home, 200 if full else 5))
    found.append(_disk)
    found.append(lambda home: _soak(home, 600 if full else 20))
    return found


def _fetched_twice(it: Herd) -> float:
    """Give the part of a file that may be fetched twice: what the sockets of the dead held."""
    return max(0.01, 1_000_000 / it.size)


def _told(it: Herd) -> str:
    clients = f"{it.processes} processes x {it.clients} clients"
    return f"{clients}, {it.size // 1_000_000} MB at {it.rate / 1e6:.0f} MB/s"


def _one_transfer(home: Path, it: Herd) -> Row:
    seen = herd.run(home, it)
    whole = sum(each.whole and not each.wrong for each in seen.downloads)
    kept = seen.asked == 1 and seen.ratio <= 1.01 and whole == len(seen.downloads)
    return Row(
        f"Cold file: {_told(it)}",
        f"{seen.asked} GET upstream, {seen.ratio:.3f} x its bytes; {whole} of "
        f"{len(seen.downloads)} clients right; the slowest {seen.slowest:.2f} x a direct download",
        kept and seen.slowest <= SLOWEST and not seen.problems,
    )


def _killed(home: Path, it: Herd, between: tuple[float, float], times: int) -> Row:
    runs: list[herd.Outcome] = []
    for number in range(times):
        folder = home / str(number)
        folder.mkdir()
        moment = Random(number).uniform(*between)  # noqa: S311
        direct = runs[0].direct if runs else None
        runs.append(herd.run(folder, it, kill_at=moment, direct=direct))
    others = [each for run in runs for each in run.downloads]
    whole = sum(each.whole for each in others)
    wrong = sum(each.wrong for run in runs for each in run.downloads + run.cut)
    most = max(run.ratio for run in runs)
    slowest = max(run.slowest for run in runs)
    struck = sum(run.killed for run in runs)
    where = " to ".join(f"{part * 100:.3g}" for part in between)
    return Row(
        f"Writer killed {times} times, each at another moment, {where} % of the file: {_told(it)}",
        f"{struck} killed; at most {most:.3f} x its bytes from upstream; {whole} of {len(others)} "
        f"clients of the other processes right; {wrong} wrong bytes; slowest {slowest:.2f} x a "
        "direct download",
        struck == times and most <= 1 + _fetched_twice(it) and whole == len(others) and wrong == 0
        and slowest <= SLOWEST and not any(run.problems for run in runs),
    )  # fmt: skip


def _kills(home: Path, rounds: int) -> Row:
    seen = kills.run(home, rounds)
    return Row(
        f"All processes killed under a mixed load, {seen.rounds} times",
        f"{seen.answers} answers right; {seen.files} files verified afterwards, "
        f"{_problems(seen.problems)}; {len(seen.torn)} times a page was new in one form and "
        "old in the other until it was asked for",
        not seen.problems,
    )


def _problems(problems: list[str]) -> str:
    """Count problems, and give the first of them."""
    return f"{len(problems)} problems" + (f", such as {problems[0]}" if problems else "")


def _disk(home: Path) -> Row:
    name = "A file system of 20 MB, and 40 MB to install"
    try:
        seen = disk.run(home)
    except disk.NoFileSystemError as error:
        return Row(name, f"not tried: {error}", kept=True)
    failed = len(seen.failed) + len(seen.installs_failed)
    return Row(
        name,
        f"{seen.asked} answers and 2 installs, {failed} failed; {seen.stored} files stored, none "
        f"partial; {len(seen.torn)} pages of two generations; stores again without restart",
        not failed and not seen.problems and seen.recovered,
    )


def _soak(home: Path, seconds: float) -> Row:
    seen = soak.run(home, seconds)
    statuses = sorted(seen.statuses.items(), key=str)
    answers = ", ".join(f"{count} {status}" for status, count in statuses)
    memory = ", ".join(f"{size / 1e6:.0f}" for size in seen.quarters)
    return Row(
        f"{soak.CLIENTS} clients, {soak.PROJECTS} projects, {sum(seen.faults.values())} faults one "
        f"after the other in {seconds:.0f} s",
        f"{answers}; {_problems(seen.problems)}; longest wait for what was had before "
        f"{seen.slowest:.1f} s; memory {memory} MB in the quarters of that time; open files "
        f"{seen.idle_before} idle before, {max(seen.descriptors)} at most, {seen.idle_after} after",
        not seen.problems and (seen.growth <= FLAT or seconds < LONG),
    )


def run(*, full: bool, tell: Callable[[Row], None]) -> list[Row]:
    """Do all experiments, one after the other."""
    rows = []
    for experiment in experiments(full=full):
        with tempfile.TemporaryDirectory(prefix="eggproxy-faults-") as home:
            row = experiment(Path(home))
        rows.append(row)
        tell(row)
    return rows
