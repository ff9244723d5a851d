"""The matrix of faults, in a selection; `python -m tests.faults --full` tries all of it."""

import pytest

from tests.faults import certificates, matrix
from tests.faults.cell import TIMEOUT, Cell, Outcome
from tests.faults.lab import FAULTS
from tests.httpd import lacking

LATE = {"404 for all", "wrong digest", "garbage"}
"""What is remembered for a minute: that is too long to wait for here."""


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """Try the selection of cells once for all tests."""
    if not certificates.have_openssl():
        lacking("openssl, which makes certificates")
    return matrix.run(matrix.selection(), wait=6, patience=15)


def test_selection__has_every_fault_kind_and_state() -> None:
    """What runs each time leaves out no fault, nothing that is asked, and no state."""
    chosen = matrix.selection()
    assert {cell.fault for cell in chosen} == set(FAULTS)
    assert {(cell.kind, cell.state) for cell in chosen} == {
        (cell.kind, cell.state) for cell in matrix.cells()
    }


def test_matrix__no_wrong_answer(outcomes: list[Outcome]) -> None:
    """Whatever upstream does, an answer is right or an honest error, and so is the disk."""
    assert not [(outcome.cell, outcome.problems) for outcome in outcomes if outcome.problems]


def test_matrix__stored_things_come_in_time(outcomes: list[Outcome]) -> None:
    """Nobody waits much longer than the timeout for what is stored, and not twice."""
    stored = [outcome for outcome in outcomes if outcome.cell.state in {"stale", "fresh"}]
    assert max(outcome.first.seconds for outcome in stored) < 2 * TIMEOUT + 2
    assert max(outcome.again.seconds for outcome in stored) < TIMEOUT


def test_matrix__one_waits_for_all(outcomes: list[Outcome]) -> None:
    """Once it is known that upstream is down, stale pages of other projects come without a wait."""
    others = [outcome.other for outcome in outcomes if outcome.other is not None]
    assert len(others) >= len(FAULTS) - 1
    assert max(seen.seconds for seen in others) < TIMEOUT


def test_matrix__recovers_by_itself(outcomes: list[Outcome]) -> None:
    """When the fault is over, everything is well again soon."""
    ill = {outcome.cell for outcome in outcomes if not outcome.recovered}
    assert not {cell for cell in ill if not _may_be_late(cell)}


def _may_be_late(cell: Cell) -> bool:
    return cell.fault in LATE and cell.state != "fresh"
