"""When a stored page may be served without a word to upstream."""

import pytest

from eggproxy.freshness import CLOCK_SKEW, REVALIDATING, Lifetime, age, is_removed

CHECKED = 1_700_000_000.0


@pytest.mark.parametrize(
    ("after", "fresh"),
    [(0, True), (59.9, True), (60, False), (1e9, False), (-CLOCK_SKEW, True), (-6, False)],
)
def test_is_fresh__for_its_lifetime(after: float, *, fresh: bool) -> None:
    """A page is fresh for its lifetime from when it was confirmed, but not long before that."""
    assert Lifetime(interval=60).is_fresh(CHECKED, CHECKED + after) is fresh


@pytest.mark.parametrize("after", [0, 1, 59, 61])
def test_is_fresh__never_with_always_refresh(after: float) -> None:
    """With always_refresh no page is ever fresh."""
    assert not Lifetime(interval=60, always_refresh=True).is_fresh(CHECKED, CHECKED + after)


def test_is_fresh__never_with_always_refresh_and_a_skewed_clock() -> None:
    """With always_refresh not even a page is fresh that another machine's clock confirmed."""
    assert not Lifetime(interval=60, always_refresh=True).is_fresh(CHECKED + 2, CHECKED)


def test_fresh_until__is_when_it_stops_being_fresh() -> None:
    """Until `fresh_until` a page is fresh, and from then on it is stale."""
    lifetime = Lifetime(interval=30)
    until = lifetime.fresh_until(CHECKED)
    assert lifetime.is_fresh(CHECKED, until - 0.1)
    assert not lifetime.is_fresh(CHECKED, until)


def test_fresh_until__with_always_refresh() -> None:
    """With always_refresh a page was fresh only in the moment when it was confirmed."""
    assert Lifetime(interval=30, always_refresh=True).fresh_until(CHECKED) == CHECKED


def test_is_fresh__no_lifetime_at_all() -> None:
    """An interval of 0 means that each page is asked for each time."""
    assert not Lifetime(interval=0).is_fresh(CHECKED, CHECKED)


@pytest.mark.parametrize(("after", "seconds"), [(0, 0), (0.9, 0), (61.5, 61), (-3, 0)])
def test_age(after: float, seconds: int) -> None:
    """The age is in whole seconds, and never negative."""
    assert age(CHECKED, CHECKED + after) == seconds


@pytest.mark.parametrize(
    ("interval", "past"), [(600, 60), (50, 5), (86_400, REVALIDATING), (1e9, REVALIDATING)]
)
def test_is_passable__for_a_tenth_more(interval: float, past: float) -> None:
    """For a tenth of its lifetime more, and a minute at most, a page need not be waited for."""
    lifetime, end = Lifetime(interval=interval), CHECKED + interval + past
    assert lifetime.is_passable(CHECKED, end - 0.1)
    assert not lifetime.is_passable(CHECKED, end)


def test_is_passable__no_lifetime_at_all() -> None:
    """An interval of 0 means that each page is asked for first."""
    assert not Lifetime(interval=0).is_passable(CHECKED, CHECKED)


def test_is_passable__not_from_the_future() -> None:
    """A page that was confirmed in the future is asked for first."""
    assert not Lifetime(interval=600).is_passable(CHECKED + 6, CHECKED)


def test_is_passable__never_with_always_refresh() -> None:
    """With always_refresh no page is served without a question before."""
    assert not Lifetime(interval=600, always_refresh=True).is_passable(CHECKED, CHECKED)


@pytest.mark.parametrize(
    ("times", "hours", "removed"),
    [(1, 100, False), (2, 100, False), (3, 24, True), (3, 23.9, False), (99, 1, False)],
)
def test_is_removed__denied_often_and_for_long(times: int, hours: float, *, removed: bool) -> None:
    """A project is removed when upstream has denied it three times, over a day."""
    now = CHECKED + hours * 3600
    assert is_removed(since=CHECKED, times=times, now=now, grace=86_400) is removed
