"""A bar on a terminal, for commands that take a while."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress(title: str, total: int) -> Iterator[tuple[Callable[[], None], Callable[[str], None]]]:
    """Show a bar on a terminal; yields how to advance it and how to tell something beside it."""
    console = Console(file=sys.stderr, highlight=False)
    columns: Iterable[str | BarColumn | TextColumn | MofNCompleteColumn | TimeRemainingColumn] = (
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        task = shown.add_task(title, total=total)
        yield (
            lambda: shown.advance(task),
            lambda text: console.print(text, markup=False, soft_wrap=True),
        )
