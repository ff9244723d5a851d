"""Why somebody may not: 401 where a name and a proof would help, 403 where not, 429 to guessers."""

from http import HTTPStatus

from eggproxy.errors import EggProxyError

_REALM = 'Basic realm="eggproxy", charset="UTF-8"'


class UnauthorizedError(EggProxyError):
    """It takes a name and a password or token (RFC 9110, 15.5.2; RFC 7617)."""

    status = HTTPStatus.UNAUTHORIZED

    @property
    def headers(self) -> dict[str, str]:
        """Tell how to say who one is."""
        return {"WWW-Authenticate": _REALM}


class SignInError(UnauthorizedError):
    """Nobody has said who asks; `what` is such as "read acme-tool"."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"It takes a user name and a password or token to {what}: "
            "put them into the URL (https://NAME:PASSWORD@HOST/pypi/), ~/.netrc or ~/.pypirc."
        )


class WrongCredentialsError(UnauthorizedError):
    """The name or the password is wrong: which of the two is not told."""

    def __init__(self) -> None:
        super().__init__(
            "Wrong user name or password: check both; an administrator can set the password anew "
            "with eggproxy user add."
        )


class WrongTokenError(UnauthorizedError):
    """The token is not, or no longer, one of ours; `why` is such as "is not known here"."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The token {why}: ask an administrator for another (eggproxy token create)."
        )


class ForbiddenError(EggProxyError):
    """Who asks is known, and may not; or nobody may."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self, why: str, advice: str) -> None:
        super().__init__(f"{why}: {advice}.")


class TooManyFailuresError(EggProxyError):
    """So many attempts from one address were wrong that it has to wait (RFC 6585, 4)."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(
            f"Too many wrong passwords from your address: try again in {seconds} s. "
            "Check the user name and the password."
        )

    @property
    def headers(self) -> dict[str, str]:
        """Say how long to wait (RFC 9110, 10.2.3)."""
        return {"Retry-After": str(self.seconds)}
