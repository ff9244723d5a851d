"""What was read from a distribution, and the error that says why it could not be."""

from dataclasses import dataclass
from http import HTTPStatus

from eggproxy.errors import EggProxyError


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What a distribution says of itself; name and version agree with its filename.

    `metadata` has the exact bytes of its METADATA or PKG-INFO, `name` and `version` are as
    written there.
    """

    name: str
    version: str
    requires_python: str | None
    metadata: bytes


class DamagedArchiveError(EggProxyError):
    """A distribution that is damaged, malicious, or not what its filename says (400)."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, filename: str, why: str) -> None:
        self.filename = filename
        self.why = why
        super().__init__(f"{filename} cannot be accepted: {why}. Build it anew with current tools.")


class Flaw(Exception):  # noqa: N818  not yet an error: it does not know the file's name
    """What is wrong with an archive; said by those who do not know its filename."""
