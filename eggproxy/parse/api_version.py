"""The version of the Simple API that a page claims (PEP 629)."""

import re

from eggproxy.model import API_VERSION
from eggproxy.parse.nonsense import Nonsense, quoted

_VERSION = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,4}))?")


def api_version(claim: object) -> tuple[int, int]:
    """Read a `Major.Minor` as it stands in a page; None, for there is no claim, is 1.0.

    Raises Nonsense where the major version is not ours: clients MUST fail then (PEP 629).
    """
    if claim is None:
        return (1, 0)
    match = _VERSION.match(str(claim))
    if match is None or int(match[1]) != API_VERSION[0]:
        raise Nonsense(f"speaks version {quoted(str(claim))} of the Simple API, not 1")
    return (int(match[1]), int(match[2] or 0))
