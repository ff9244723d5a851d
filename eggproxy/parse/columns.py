"""Values of many files at a time, made fit for the model.

A page has thousands of files: whether all values of a key are as they should be is one question,
not thousands. Only where the answer is no is there a look at each.
"""

import re
from collections.abc import Callable, Sequence

import msgspec

Metadata = bool | dict[str, str] | None
"""What is said of metadata, or in part of a file itself: its digests, by algorithm."""


def usual(one: str) -> re.Pattern[str]:
    """Compile the pattern of a usual value, which matches no newline, for `mended`."""
    return re.compile(rf"(?:{one}\n)*+")


def mended(
    column: Sequence[str | None], pattern: re.Pattern[str], mend: Callable[[str], str | None]
) -> Sequence[str | None]:
    """Mend each value of a column, unless all are usual; None stays None."""
    present = [value for value in column if value is not None]
    text = "\n".join([*present, ""])
    if pattern.fullmatch(text) and text.count("\n") == len(present):
        return column
    return [None if value is None else mend(value) for value in column]


def lower_case(column: Sequence[Metadata]) -> Sequence[Metadata]:
    """Write digests and the names of their algorithms in lower case (PEP 691)."""
    # Of all questions to thousands of dictionaries, this one is answered fastest.
    if msgspec.json.encode(column).islower():
        return column
    return [
        {name.lower(): digest.lower() for name, digest in value.items()}
        if isinstance(value, dict)
        else value
        for value in column
    ]
