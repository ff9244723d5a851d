"""What can be wrong with what is wanted of packages of our own."""

from http import HTTPStatus

from eggproxy.errors import EggProxyError, NotFoundError


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
