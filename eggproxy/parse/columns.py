"""Values of many files at a time, made fit for the model.

A page has thousands of files: whether all values of a key are as they should be is one question,
not thousands. Only where the answer is no is there a look at each.
"""

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, cast

from eggproxy.characters import consists_of

Metadata = bool | dict[str, str] | None
"""What is said of metadata, or in part of a file itself: its digests, by algorithm."""


def all_match(one: str) -> Callable[[Sequence[str]], bool]:
    """Make a question to many values at once: whether all match a pattern without newlines."""
    pattern = re.compile(rf"(?:{one}\n)*+")

    def are_usual(values: Sequence[str]) -> bool:
        text = "\n".join([*values, ""])
        return bool(pattern.fullmatch(text)) and text.count("\n") == len(values)

    return are_usual


def mended(
    column: Sequence[str | None],
    are_usual: Callable[[Sequence[str]], bool],
    mend: Callable[[str], str | None],
) -> Sequence[str | None]:
    """Mend each value of a column, unless all are usual; None stays None."""
    if None in column:
        present = [value for value in column if value is not None]
    else:
        present = cast("list[str]", column)
    if are_usual(present):
        return column
    return [None if value is None else mend(value) for value in column]


def lower_case(column: Sequence[Metadata]) -> Sequence[Metadata]:
    """Write digests and the names of their algorithms in lower case (PEP 691)."""
    if _are_lower_case(column):
        return column
    return [
        {name.lower(): digest.lower() for name, digest in value.items()}
        if isinstance(value, dict)
        else value
        for value in column
    ]


def _are_lower_case(column: Sequence[Metadata]) -> bool:
    """Say whether all are lower-case digests; what has nothing to write so counts as well."""
    # Its class is asked for directly: `isinstance` takes four times as long.
    present: list[Any] = [value for value in column if value.__class__ is dict]
    try:
        # Nearly all indexes give this one, and no other.
        digests = "".join(map(itemgetter("sha256"), present))
    except KeyError:
        return False
    return sum(map(len, present)) == len(present) and consists_of(digests, b"0123456789abcdef")
