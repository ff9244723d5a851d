"""The time of upload of a file (PEP 700)."""

import re
from collections.abc import Sequence

_SECONDS = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
_USUAL = re.compile(rf"{_SECONDS}(?:\.[0-9]{{1,6}})?Z").fullmatch
_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")

# As servers write it too: nanoseconds (Go), UTC as an offset (Python's isoformat).
_NEARLY = re.compile(rf"({_SECONDS}(?:\.[0-9]{{1,6}})?)[0-9]*(?:Z|\+00:?00)")


def upload_time(claim: str) -> str | None:
    """Read a time of upload; None unless it is a time in UTC."""
    nearly = _NEARLY.fullmatch(claim)
    return f"{nearly[1]}Z" if nearly else None


def are_upload_times(claims: Sequence[str]) -> bool:
    """Say whether all are as the standard asks for: `yyyy-mm-ddThh:mm:ss.ffffffZ`."""
    if not claims or not _USUAL(claims[0]):
        return not claims
    # An index writes all of them alike: then they differ in nothing but digits.
    text = "\n".join(claims).encode(errors="replace")
    shape = claims[0].encode().translate(_AS_ZEROS)
    return text.translate(_AS_ZEROS) == b"\n".join([shape] * len(claims)) or all(
        map(_USUAL, claims)
    )
