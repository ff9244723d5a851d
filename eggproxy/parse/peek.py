"""The first of a stream of projects, read ahead: most of what is wrong with a page shows there."""

from collections.abc import Iterator
from itertools import chain, islice

from eggproxy.model import ListedProject


def peeked(projects: Iterator[ListedProject]) -> Iterator[ListedProject]:
    """Read the first project now, so that its errors are raised now; give them all."""
    return chain(list(islice(projects, 1)), projects)
