"""Fixtures for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.frontends import FRONT_ENDS
from tests.servers import Server, serving
from tests.upstream import Upstream


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let some tests do more than there is time for each day."""
    parser.addoption("--kills", type=int, default=20, help="uploads during which to kill a server")
    parser.addoption("--large", type=int, default=300, help="size of a large upload, in MB")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Give an index of one's own, empty."""
    with Upstream() as index:
        yield index


@pytest.fixture(params=FRONT_ENDS)
def proxy(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[Server]:
    """Give a proxy over that index, with each front end in turn."""
    with serving(tmp_path, upstream.index_url, front_end=request.param) as server:
        yield server
