"""Links from a page to what lies beside it: files, and their provenance."""

from string import ascii_letters, digits
from urllib.parse import quote

from eggproxy.characters import consists_of
from eggproxy.model import File
from eggproxy.names import PROVENANCE, has_room

# RFC 3986: what may stand in a path segment unescaped, among what filenames hold.
_SAFE_IN_LINK = "+!@=,()~"
_PLAIN_IN_LINK = f"{ascii_letters}{digits}_.+!-".encode()


def link(filename: str) -> str:
    """Write the relative URL of a file beside the page."""
    return (
        filename if consists_of(filename, _PLAIN_IN_LINK) else quote(filename, safe=_SAFE_IN_LINK)
    )


def all_plain(files: list[File]) -> bool:
    """Say whether all filenames are the same quoted, escaped and as they stand."""
    return consists_of("".join([file.filename for file in files]), _PLAIN_IN_LINK)


def provenance_links(files: list[File]) -> list[str | None]:
    """Say where the provenance of each file is: beside it, where there is room for its name."""
    theirs = [file.provenance for file in files]
    if not any(theirs):
        return theirs
    longest = max([len(file.filename) for file in files])
    if all_plain(files) and has_room("x" * longest, PROVENANCE):
        return [f"{file.filename}{PROVENANCE}" if file.provenance else None for file in files]
    return [
        _provenance(file.filename, url) if url else None
        for file, url in zip(files, theirs, strict=True)
    ]


def _provenance(filename: str, upstream: str) -> str:
    """Write the URL of provenance, which is upstream's own where ours could not be stored."""
    return f"{link(filename)}{PROVENANCE}" if has_room(filename, PROVENANCE) else upstream
