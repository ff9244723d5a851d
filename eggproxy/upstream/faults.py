"""Why upstream was not asked, or could not be."""

from http import HTTPStatus

from eggproxy.errors import EggProxyError, UpstreamError, UpstreamUnavailableError


class OutageError(UpstreamUnavailableError):
    """The host as a whole is unreachable, silent or too busy: no page of it would come now.

    `asked_for` is for how many seconds it wants to be left alone, where it says so.
    """

    def __init__(self, where: str, why: str, asked_for: float = 0.0) -> None:
        self.asked_for = asked_for
        super().__init__(where, why)


class NotAskedError(UpstreamUnavailableError):
    """Upstream was down a moment ago, and is left alone for `retry_after` seconds."""

    def __init__(self, where: str, why: str, retry_after: int) -> None:
        super().__init__(where, f"{why}; it is asked again in {retry_after} s", retry_after)


class OfflineError(EggProxyError):
    """The proxy is set never to ask upstream; nobody is told to come again, for that is no help."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self) -> None:
        super().__init__(
            "This is not stored, and this proxy is offline by its setting. "
            "To have it fetched, take offline = 1 out of its configuration and restart it."
        )


class ForbiddenHostError(UpstreamError):
    """An address that a page of upstream names, or redirects to, and that must not be asked."""

    status = HTTPStatus.BAD_GATEWAY

    def __init__(self, where: str) -> None:
        why = "is a host that its index may not send this proxy to"
        super().__init__(where, why, "If it is right, name it in allow_hosts.")


class LoopError(EggProxyError):
    """A question that has come back to us: this proxy is its own upstream, at some remove."""

    status = HTTPStatus.BAD_GATEWAY

    def __init__(self) -> None:
        super().__init__(
            "This request has come from this very proxy: its index leads back to it in a loop. "
            "Name another index in its configuration, or in that of the proxies behind it."
        )
