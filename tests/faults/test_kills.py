"""Killed in the middle of anything, the directory is whole, and the next start needs no repair."""

from pathlib import Path

from tests.faults import kills


def test_kills__leave_a_whole_directory(tmp_path: Path) -> None:
    """After kill -9 of all processes, each file is whole and verified, and each page valid."""
    outcome = kills.run(tmp_path, rounds=5)
    assert not outcome.problems
    assert outcome.answers > 0
