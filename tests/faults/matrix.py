"""The matrix: every fault, for everything that can be asked, whatever of it is stored."""

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import get_args

from tests.faults import certificates
from tests.faults.cell import Cell, Kind, Outcome, State, Trial
from tests.faults.lab import FAULTS

BATCH = 24
"""How many cells are struck at once; their proxies are started before, two at a time."""

KINDS: tuple[Kind, ...] = get_args(Kind)
STATES: tuple[State, ...] = get_args(State)


def cells() -> list[Cell]:
    """List all cells."""
    return [Cell(*each) for each in product(FAULTS, KINDS, STATES) if _makes_sense(Cell(*each))]


def selection() -> list[Cell]:
    """Choose cells so that each fault, and each other pair, is met in a third of the time."""
    return [cell for number, cell in enumerate(cells()) if _is_chosen(number, cell)]


def run(
    chosen: Sequence[Cell],
    *,
    wait: float,
    patience: float,
    tell: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Try cells.

    `wait` is the time in seconds after which clients give up, `patience` that for a cell to
    recover.
    """
    with (
        tempfile.TemporaryDirectory(prefix="eggproxy-faults-") as home,
        ThreadPoolExecutor(4 * BATCH) as healers,
    ):
        tls = certificates.make(_folder(home, "tls")) if certificates.have_openssl() else None
        ends: list[Future[Outcome]] = []
        for begin in range(0, len(chosen), BATCH):
            batch = enumerate(chosen[begin : begin + BATCH], begin)
            trials = [
                Trial(cell, _folder(home, str(number)), tls, wait=wait) for number, cell in batch
            ]

            def strike(trial: Trial) -> Future[Outcome]:
                return healers.submit(_end, trial, trial.strike(), patience, tell)

            _prepare(trials)
            with ThreadPoolExecutor(BATCH) as strikers:
                ends += strikers.map(strike, trials)
        return [end.result() for end in ends]


def _prepare(trials: list[Trial]) -> None:
    try:
        with ThreadPoolExecutor(2) as starters:
            list(starters.map(Trial.prepare, trials))
    except BaseException:
        for trial in trials:
            trial.close(None)
        raise


def _end(
    trial: Trial, outcome: Outcome, patience: float, tell: Callable[[Outcome], None]
) -> Outcome:
    try:
        trial.recover(outcome, patience)
    finally:
        trial.close(outcome)
    tell(outcome)
    return outcome


def _folder(home: str, name: str) -> Path:
    folder = Path(home) / name
    folder.mkdir()
    return folder


def _makes_sense(cell: Cell) -> bool:
    if cell.state == "page" and cell.kind in {"page", "list"}:
        return False
    if cell.fault == "TLS expired" and not certificates.have_openssl():
        return False
    # No page tells its own digest.
    return cell.fault != "wrong digest" or cell.kind in {"file", "metadata"}


def _is_chosen(number: int, cell: Cell) -> bool:
    return number % 5 == 0 or (cell.kind, cell.state) == ("page", "stale")
