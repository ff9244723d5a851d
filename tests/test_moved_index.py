"""An index whose address has changed in the configuration: what is stored is the old one's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.indexes import about, names, proxying, section
from tests.upstream import Upstream

DATE = "Tue, 02 Jan 2024 03:04:05 GMT"


@pytest.fixture(params=[True, False], ids=["alone", "of-several"])
def alone(request: pytest.FixtureRequest) -> bool:
    """Say whether the index is the only one."""
    return bool(request.param)


@pytest.fixture
def other() -> Iterator[Upstream]:
    """Give the index of the new address, whose pages have the same validators."""
    with Upstream() as index:
        index.add("foo", "foo-2.0.tar.gz", b"two")
        yield index


def ask_again(tmp_path: Path, first: Upstream, second: Upstream, *, alone: bool) -> list[str]:
    """Have a page from one index, then give the other its name; tell what is listed then."""
    more = [] if alone else [section("more", first)]
    with proxying(tmp_path, section("main", first), *more) as proxy:
        assert names(proxy, "foo") == ["foo-1.0.tar.gz"]
    for index in (first, second):
        index.forget()
    with proxying(tmp_path, section("main", second), *more) as proxy:
        return names(proxy, "foo")


def test_moved__is_asked_at_once(
    tmp_path: Path, upstream: Upstream, other: Upstream, *, alone: bool
) -> None:
    """A page of the old address is expired, and its validators are not sent to the new one."""
    upstream.add("foo", "foo-1.0.tar.gz", b"one")
    for index in (upstream, other):
        index.etags, index.last_modified = False, DATE
    assert ask_again(tmp_path, upstream, other, alone=alone) == ["foo-2.0.tar.gz"]
    (asked,) = other.asked("/foo/")
    assert not {"If-None-Match", "If-Modified-Since"} & {*asked.headers.keys()}


def test_moved__not(tmp_path: Path, upstream: Upstream, *, alone: bool) -> None:
    """Where nothing has changed, a fresh page stays fresh."""
    upstream.add("foo", "foo-1.0.tar.gz", b"one")
    assert ask_again(tmp_path, upstream, upstream, alone=alone) == ["foo-1.0.tar.gz"]
    assert about(upstream, "foo") == []


def test_moved__and_down(tmp_path: Path, upstream: Upstream, other: Upstream) -> None:
    """Until the new address answers, what is stored is served."""
    upstream.add("foo", "foo-1.0.tar.gz", b"one")
    with proxying(tmp_path, section("main", upstream), outage_pages="all") as proxy:
        assert names(proxy, "foo") == ["foo-1.0.tar.gz"]
    with proxying(tmp_path, section("main", other), outage_pages="all") as proxy, other.down():
        assert names(proxy, "foo") == ["foo-1.0.tar.gz"]
