"""`eggproxy update`: ask upstream for news of all stored pages, before anybody waits for them."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from eggproxy.config import Configuration
from eggproxy.errors import EggProxyError, NoSuchProjectError
from eggproxy.front import Front
from eggproxy.names import NormalizedName
from eggproxy.pages import Pages

THREADS = 8
"""How many pages are asked about at once: enough for a fast update, few enough to be polite."""


def update_all(configuration: Configuration, *, force: bool = False) -> int:
    """Revalidate all stored pages that are no longer fresh, with `force` all there are.

    Returns how many failed; each is named on standard error. Raises ConfigurationError.
    """
    began = time.monotonic()
    front = Front(configuration)
    front.prepare(configuration)
    # Each failure is told once, below.
    logging.getLogger("eggproxy").addHandler(logging.NullHandler())
    names: list[NormalizedName | None] = list(front.store.projects())
    if front.store.checked(None) is not None:
        names.append(None)
    due = [name for name in names if force or not front.pages.is_fresh(name)]
    outcomes = _revalidated(front.pages, due)
    changed = sum(outcome is not None and outcome.endswith("stored") for outcome in outcomes)
    failed = sum(outcome is None for outcome in outcomes)
    print(  # noqa: T201  a command's own word
        f"{len(due)} of {len(names)} pages asked about: {changed} changed, "
        f"{len(due) - changed - failed} unchanged, {failed} failed, "
        f"in {time.monotonic() - began:.1f} s."
    )
    return failed


def _revalidated(pages: Pages, names: list[NormalizedName | None]) -> list[str | None]:
    """Ask about pages, several at once; None stands for a failure."""
    outcomes: list[str | None] = []
    with ThreadPoolExecutor(THREADS) as pool:
        asked = {pool.submit(pages.revalidate, name): name for name in names}
        with _progress(len(asked)) as (advance, tell):
            for future in as_completed(asked):
                outcomes.append(_outcome(future, asked[future], tell))
                advance()
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


@contextmanager
def _progress(total: int) -> Iterator[tuple[Callable[[], None], Callable[[str], None]]]:
    """Show a bar on a terminal; yields how to advance it and how to tell something beside it."""
    console = Console(file=sys.stderr, highlight=False)
    columns: Iterable[str | BarColumn | TextColumn | MofNCompleteColumn | TimeRemainingColumn] = (
        TextColumn("updating"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("updating", total=total)
        yield (
            lambda: progress.advance(task),
            lambda text: console.print(text, markup=False, soft_wrap=True),
        )
