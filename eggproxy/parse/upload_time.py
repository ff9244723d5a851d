"""The time of upload of a file (PEP 700)."""

import re

_SECONDS = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
USUAL_UPLOAD_TIME = rf"{_SECONDS}(?:\.[0-9]{{1,6}}+)?+Z"
"""Pattern of what the standard asks for: `yyyy-mm-ddThh:mm:ss.ffffffZ`."""

# As servers write it too: nanoseconds (Go), UTC as an offset (Python's isoformat).
_NEARLY = re.compile(rf"({_SECONDS}(?:\.[0-9]{{1,6}})?)[0-9]*(?:Z|\+00:?00)")


def upload_time(claim: str) -> str | None:
    """Read a time of upload; None unless it is a time in UTC."""
    nearly = _NEARLY.fullmatch(claim)
    return f"{nearly[1]}Z" if nearly else None
