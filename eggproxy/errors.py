"""What can go wrong: each error carries facts, writes its sentence, and knows its HTTP status."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Self

RETRY_AFTER = 5
"""Seconds after which a client is asked to come again when upstream is down."""


class EggProxyError(Exception):
    """Base of all errors that are answers to a request.

    `status` is the HTTP status, `reason` the reason phrase (ASCII, one line: pip, uv and
    buildout show it), `str(error)` the sentence for the body, `headers` what else to send.
    """

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def reason(self) -> str:
        """One ASCII line, safe in a status line whatever the facts hold."""
        line = str(self).split(". ")[0].rstrip(".")
        return "".join(c if " " <= c <= "~" else "?" for c in line)[:200]

    @property
    def headers(self) -> dict[str, str]:
        """Further response headers."""
        return {}

    def again(self) -> Self:
        """Make the same error anew: one that is kept must not keep all it was raised through."""
        fresh = type(self).__new__(type(self), *self.args)
        fresh.__dict__.update(self.__dict__)
        return fresh


class BadRequestError(EggProxyError):
    """The request cannot be understood, and is not passed on."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, why: str) -> None:
        super().__init__(f"Bad request: {why}.")


class NotFoundError(EggProxyError):
    """Nothing of this kind can be at this address."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self, why: str) -> None:
        super().__init__(why)


class NoSuchProjectError(NotFoundError):
    """Upstream says that it has no such project."""

    def __init__(self, project: str) -> None:
        self.project = project
        super().__init__(f"The index has no project {project}. Check the spelling of the name.")


class NoSuchFileError(NotFoundError):
    """The project's page does not name such a file, or upstream no longer has it."""

    def __init__(self, project: str, filename: str, why: str = "") -> None:
        self.project = project
        self.filename = filename
        why = why or "its page lists no such file"
        super().__init__(f"Project {project} has no file {filename}: {why}.")


class NothingStoredError(NotFoundError):
    """No file of the project is on disk, so there is no page of such files."""

    def __init__(self, project: str) -> None:
        self.project = project
        super().__init__(
            f"No file of project {project} is stored here. Its page is at /{project}/."
        )


class MethodNotAllowedError(EggProxyError):
    """Something that cannot be done at this address; `methods` are what can be."""

    status = HTTPStatus.METHOD_NOT_ALLOWED

    def __init__(self, methods: Sequence[str], why: str = "") -> None:
        self.methods = methods
        usual = "Uploads go to the address of the index, such as /pypi/."
        if "POST" in methods:
            usual = "POST is for uploads, and the index is at /pypi/."
        super().__init__(why or f"Only {_listed(methods)} can be done at this address. {usual}")

    @property
    def headers(self) -> dict[str, str]:
        """Name the methods that are possible (RFC 9110, 15.5.6)."""
        return {"Allow": ", ".join(self.methods)}


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


class URITooLongError(EggProxyError):
    """An address longer than that of any file."""

    status = HTTPStatus.REQUEST_URI_TOO_LONG

    def __init__(self, length: int) -> None:
        super().__init__(f"The address has {length} characters, more than any file here.")


class RangeNotSatisfiableError(EggProxyError):
    """The range asked for lies outside the file (RFC 9110, 15.5.17)."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"The range lies outside the file, which has {size} bytes.")

    @property
    def headers(self) -> dict[str, str]:
        """Tell the size, so that the client can ask again."""
        return {"Content-Range": f"bytes */{self.size}"}


class UpstreamError(EggProxyError):
    """Upstream could not give what was asked for; `where` is shown without credentials."""

    def __init__(self, where: str, why: str, advice: str) -> None:
        self.where = where
        self.why = why
        super().__init__(f"Upstream {where} {why}. {advice}")


class UpstreamUnavailableError(UpstreamError):
    """Upstream is unreachable, silent or failing: worth another try (503, which pip retries)."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, where: str, why: str, retry_after: int = RETRY_AFTER) -> None:
        self.retry_after = retry_after
        super().__init__(where, why, "Try again shortly.")

    @property
    def headers(self) -> dict[str, str]:
        """Ask the client to come again (RFC 9110, 10.2.3)."""
        return {"Retry-After": str(self.retry_after)}


class UpstreamNonsenseError(UpstreamError):
    """Upstream answered, but not with what it was asked for (502)."""

    status = HTTPStatus.BAD_GATEWAY

    def __init__(
        self, where: str, why: str, advice: str = "Check the index setting of this proxy."
    ) -> None:
        super().__init__(where, why, advice)


class DigestMismatchError(UpstreamError):
    """The bytes that upstream sent are not those its page promised (502); nothing was kept."""

    status = HTTPStatus.BAD_GATEWAY

    def __init__(self, where: str, filename: str, expected: str, got: str) -> None:
        self.filename = filename
        why = f"sent a {filename} with {got} instead of {expected}"
        super().__init__(where, why, "Nothing of it was kept.")


class TryAgainError(EggProxyError):
    """What will work in a moment (503, which pip retries)."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    @property
    def headers(self) -> dict[str, str]:
        """Ask the client to come again (RFC 9110, 10.2.3)."""
        return {"Retry-After": str(RETRY_AFTER)}


class OutdatedFileError(TryAgainError):
    """A file's page has changed while the file came, and does not mean that one any more."""

    def __init__(self, project: str, filename: str) -> None:
        self.project = project
        self.filename = filename
        super().__init__(
            f"The page of {project} has changed while {filename} came, and no longer means that"
            " file. Try again shortly."
        )


class OverloadedError(TryAgainError):
    """The system gives no thread for the work."""

    def __init__(self, why: str) -> None:
        super().__init__(f"This server is overloaded ({why}). Try again shortly.")


class EndingError(TryAgainError):
    """The server is being ended while the request still waits for upstream."""

    def __init__(self) -> None:
        super().__init__("This server is being ended. Try again shortly.")


class StorageError(EggProxyError):
    """The eggs directory cannot be written or read."""

    def __init__(self, path: str, why: str) -> None:
        self.path = path
        self.why = why
        advice = "Check the room on its disk, and who may write there"
        super().__init__(f"The eggs directory fails at {path}: {why}. {advice}.")


class ConfigurationError(Exception):
    """A setting that cannot be used; the message is one sentence naming file, line and key."""
