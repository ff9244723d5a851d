"""What can be wrong with what is wanted of packages of our own."""

from http import HTTPStatus

from eggproxy.errors import RETRY_AFTER, EggProxyError, NotFoundError


class FileExistsConflictError(EggProxyError):
    """There is a file of this name with other content (409, which upload clients understand)."""

    status = HTTPStatus.CONFLICT

    def __init__(self, filename: str) -> None:
        self.filename = filename
        super().__init__(
            f"File already exists: {filename} is here with other content. "
            "Upload it as a new version."
        )

    @property
    def reason(self) -> str:
        """What upload clients look for."""
        return "File already exists"


class ClosedProjectError(EggProxyError):
    """The project takes no more files (PEP 792)."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self, project: str, status: str, why: str) -> None:
        self.project = project
        because = f" ({why})" if why else ""
        super().__init__(
            f"Project {project} is {status}{because} and takes no files. "
            f"An administrator opens it with: eggproxy status {project} active"
        )


class NoSuchPackageError(NotFoundError):
    """There is no package of our own by this name, or of this version."""

    def __init__(self, project: str, version: str | None, versions: list[str]) -> None:
        what = f"{project} {version}" if version else project
        advice = f"There are {', '.join(versions)}" if versions else "Check the spelling"
        super().__init__(f"There is no package {what} here. {advice}.")


class PackagesAwayError(EggProxyError):
    """The packages directory cannot be seen: neither "there is none" nor upstream's would be true.

    `marker` is the file by which a directory that is meant to be empty is known.
    """

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, directory: str, marker: str) -> None:
        self.directory = directory
        super().__init__(
            f"This server's own packages cannot be reached: {directory} is missing, unreadable or "
            f"not mounted. Its administrator can mount it, or, if it is meant to be empty, make "
            f"the file {marker}"
        )

    @property
    def headers(self) -> dict[str, str]:
        """Ask the client to come again."""
        return {"Retry-After": str(RETRY_AFTER)}
