"""Values of a file's keys, made fit for the model or dropped."""

import re

# PEP 700: `yyyy-mm-ddThh:mm:ss.ffffffZ`, of which the fraction may be shorter, or missing.
_UPLOAD_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)
# As servers write it too: nanoseconds (Go), UTC as an offset (Python's isoformat).
_NEARLY = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*(?:Z|\+00:?00)", re.ASCII)


def upload_time(claim: str | None) -> str | None:
    """Read a time of upload; None unless it is one, in UTC (PEP 700)."""
    if claim is None or _UPLOAD_TIME.fullmatch(claim):
        return claim
    nearly = _NEARLY.fullmatch(claim)
    return f"{nearly[1]}Z" if nearly else None


def digests(claim: dict[str, str] | None) -> dict[str, str]:
    """Read digests by algorithm; hexadecimal is written in lower case (PEP 691)."""
    if not claim:
        return {}
    for digest in claim.values():
        if not digest.islower():
            return {name: digest.lower() for name, digest in claim.items()}
    return claim


def size(claim: int | None) -> int | None:
    """Read a size in bytes; None unless it can be one (PEP 700)."""
    return claim if claim is not None and claim >= 0 else None
