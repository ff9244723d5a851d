"""`eggproxy update`: ask upstream for news of all stored pages, before anybody waits for them."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from eggproxy.channels import Channel
from eggproxy.config import Configuration
from eggproxy.errors import ConfigurationError, EggProxyError, NoSuchProjectError
from eggproxy.front import Front
from eggproxy.names import NormalizedName
from eggproxy.pages import Pages
from eggproxy.progress import progress
from eggproxy.upstream import NotAskedError

Page = tuple[Pages, NormalizedName | None]
"""A page of a channel; None stands for its project list."""

THREADS = 8
"""How many pages are asked about at once: enough for a fast update, few enough to be polite."""

HOPE = 1
"""How often in a row an outage is waited for before what is left counts as failed."""


def update_all(configuration: Configuration, *, force: bool = False) -> int:
    """Revalidate all stored pages that are no longer fresh, with `force` all there are.

    Returns how many failed; each is named on standard error. Raises ConfigurationError.
    """
    began = time.monotonic()
    if configuration.offline:
        where = configuration.origins["offline"]
        raise ConfigurationError(f"{where} forbids asking the index: take it out, and update then.")
    front = Front(configuration)
    front.prepare(configuration)
    # Each failure is told once, below.
    logging.getLogger("eggproxy").addHandler(logging.NullHandler())
    stored = [
        (pages, name)
        for channel in front.channels.values()
        for pages, name in _stored(channel)
        if name is None or not front.packages.ownership.keeps(name)
    ]
    due = [(pages, name) for pages, name in stored if force or not pages.is_fresh(name)]
    outcomes = _revalidated(due)
    changed = sum(outcome is not None and outcome.endswith("stored") for outcome in outcomes)
    failed = sum(outcome is None for outcome in outcomes)
    print(  # noqa: T201  a command's own word
        f"{len(due)} of {len(stored)} pages asked about: {changed} changed, "
        f"{len(due) - changed - failed} unchanged, {failed} failed, "
        f"in {time.monotonic() - began:.1f} s."
    )
    return failed


def _stored(channel: Channel) -> list[Page]:
    names: list[NormalizedName | None] = list(channel.store.projects())
    if channel.store.checked(None) is not None:
        names.append(None)
    return [(channel.pages, name) for name in names]


def _revalidated(due: list[Page]) -> list[str | None]:
    """Ask about pages, several at once; None stands for a failure.

    Those that are refused because upstream is down are asked about again when it may be asked,
    until there is no hope.
    """
    outcomes: list[str | None] = []
    hope = HOPE
    with ThreadPoolExecutor(THREADS) as pool, progress("updating", len(due)) as (advance, tell):
        while due:
            asked = {pool.submit(page[0].revalidate, page[1]): page for page in due}
            answered, refused, pause = False, [], 0
            for future in as_completed(asked):
                error = future.exception()
                if isinstance(error, NotAskedError) and hope:
                    refused.append(asked[future])
                    pause = max(pause, error.retry_after)
                    continue
                outcomes.append(_outcome(future, asked[future][1], tell))
                answered = answered or outcomes[-1] is not None
                advance()
            due, hope = refused, HOPE if answered else hope - 1
            time.sleep(pause)
    return outcomes


def _outcome(
    future: "Future[str]", name: NormalizedName | None, tell: Callable[[str], None]
) -> str | None:
    try:
        return future.result()
    except NoSuchProjectError as error:
        # No failure: what is stored of it stays, and somebody should know.
        tell(f"{name}: {error} What is stored of it stays.")
        return "gone"
    except EggProxyError as error:
        tell(f"{name or 'project list'}: {error}")
        return None
