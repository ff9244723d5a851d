"""A disk that takes half of what is installed."""

from pathlib import Path

import pytest

from tests.faults import disk


def test_disk__too_small(tmp_path: Path) -> None:
    """Nothing fails for want of room, nothing partial stays, and room is used again."""
    try:
        outcome = disk.run(tmp_path)
    except disk.NoFileSystemError as error:
        pytest.skip(str(error))
    assert (outcome.failed, outcome.installs_failed) == ([], [])
    assert outcome.problems == []
    assert outcome.stored > 0
    assert outcome.recovered
