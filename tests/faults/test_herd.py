"""Many clients of several processes and one file: one transfer, whoever is killed."""

import random
from pathlib import Path

import pytest

from tests.faults import herd
from tests.faults.results import SMALL


def test_herd__one_transfer(tmp_path: Path) -> None:
    """Upstream is asked once, and sends the file once, for all clients of all processes."""
    outcome = herd.run(tmp_path, SMALL)
    assert (outcome.asked, outcome.problems) == (1, [])
    assert outcome.ratio <= 1.01
    assert all(each.whole and not each.wrong for each in outcome.downloads)
    # Everybody gets it as it comes; the room is for a machine with much else to do.
    assert outcome.slowest < 2


@pytest.mark.parametrize("kill_at", [0.5, None])
def test_herd__writer_killed(tmp_path: Path, kill_at: float | None) -> None:
    """When the process that fetches is killed, another goes on where it stopped."""
    moment = random.uniform(0.01, 0.99) if kill_at is None else kill_at  # noqa: S311
    outcome = herd.run(tmp_path, SMALL, kill_at=moment)
    assert (outcome.killed, outcome.problems) == (True, [])
    # What the sockets held when it was killed is more of a small file than of a large one.
    assert outcome.ratio <= 1.05, moment
    assert all(each.whole for each in outcome.downloads), moment
    assert not any(each.wrong for each in outcome.downloads + outcome.cut), moment
