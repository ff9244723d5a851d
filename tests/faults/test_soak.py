"""A short soak; `python -m tests.faults --full` has a long one."""

from pathlib import Path

from tests.faults import soak


def test_soak__no_wrong_byte_and_no_leak(tmp_path: Path) -> None:
    """While upstream fails in ever other ways, what was had once is had again, and all is right."""
    outcome = soak.run(tmp_path, seconds=20)
    assert not outcome.problems
    assert outcome.statuses[200] > 0
    assert outcome.growth < 1.5
