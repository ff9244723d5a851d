"""How a page that is served stands: fresh until when, how old, and how it came."""

from collections.abc import Mapping
from dataclasses import dataclass

from eggproxy import freshness
from eggproxy.errors import EggProxyError
from eggproxy.flights import Given
from eggproxy.freshness import Lifetime
from eggproxy.negotiation import Form
from eggproxy.outcome import FIRST, Outcome
from eggproxy.publishing import UnstoredError
from eggproxy.upstream import NotAskedError, OfflineError


@dataclass(frozen=True, kw_only=True, slots=True)
class PageState:
    """A stored page: fresh until then, confirmed `age` seconds ago, and how it came (RFC 9211)."""

    fresh_until: float
    age: int
    cache_status: str
    # What the caches behind this one said, the nearest to the origin first.
    chain: str = ""
    # The page itself, where the disk does not take it.
    unstored: Mapping[Form, bytes] | None = None
    # The page itself, in JSON and packed, while it is being put in place.
    given: bytes | None = None


def confirmed(outcome: Outcome, checked: float, lifetime: Lifetime, now: float) -> PageState:
    """Make the state of a page that upstream confirmed when it was `checked`."""
    return PageState(
        fresh_until=lifetime.fresh_until(checked),
        age=freshness.age(checked, now),
        cache_status=outcome.cache_status,
        chain=outcome.chain,
    )


def on_its_way(page: Given, *, joined: bool) -> PageState:
    """Make the state of a page that upstream has just sent, and that is being put in place."""
    outcome = Outcome(FIRST, page.chain)
    how, chain, *_rest = outcome.collapsed() if joined else outcome
    return PageState(fresh_until=0.0, age=0, cache_status=how, chain=chain, given=page.body)


def left_alone(checked: float, now: float, *, offline: bool) -> PageState:
    """Make the state of a stored page of which nobody may ask upstream now."""
    why = "offline" if offline else "upstream-unavailable"
    return _stale(checked, now, f"hit; detail={why}")


def instead_of(
    error: EggProxyError, checked: float | None, now: float, *, offline: bool
) -> PageState:
    """Make the state of what is served instead of an error; where there is nothing, raise it."""
    if isinstance(error, UnstoredError):
        how = "fwd=uri-miss; detail=not-stored"
        return PageState(fresh_until=0.0, age=0, cache_status=how, unstored=error.pages)
    if checked is None:
        raise error.again()
    if isinstance(error, NotAskedError | OfflineError):
        return left_alone(checked, now, offline=offline)
    status = f"fwd=stale; fwd-status={int(error.status)}; detail=stale-if-error"
    return _stale(checked, now, status)


def _stale(checked: float, now: float, cache_status: str) -> PageState:
    age = freshness.age(checked, now)
    return PageState(fresh_until=0.0, age=age, cache_status=cache_status)
