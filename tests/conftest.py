"""Fixtures for all tests."""

from collections.abc import Iterator

import pytest

from tests.upstream import Upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Give an index of one's own, empty."""
    with Upstream() as index:
        yield index
