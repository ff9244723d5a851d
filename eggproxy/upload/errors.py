"""Why an upload is refused: reasons short, for twine shows nothing else; bodies that say more."""

from http import HTTPStatus

from eggproxy.errors import EggProxyError

_UNITS = ("bytes", "KB", "MB", "GB")
_STEP = 1024


class UploadError(EggProxyError):
    """An upload that cannot be taken as it is (400); `why` is a sentence, `advice` another."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, why: str, advice: str) -> None:
        super().__init__(f"{why}. {advice}.")


class BrokenFormError(UploadError):
    """What was sent is no form that an upload client makes."""

    def __init__(self, why: str) -> None:
        super().__init__(f"This is no upload: {why}", "Use twine, or another upload client")


class UnknownActionError(UploadError):
    """Something that old indexes did, and this one does not."""

    def __init__(self, action: str) -> None:
        what = "Documentation is not kept here" if action == "doc_upload" else "Nothing is done"
        super().__init__(f"{what} (:action={action[:40]})", "Only distributions can be uploaded")


class MismatchError(UploadError):
    """Two parts of an upload contradict each other."""

    def __init__(self, what: str, one: str, other: str) -> None:
        super().__init__(
            f"The {what} do not agree: {one[:100]}, but {other[:100]}", "Build the file anew"
        )


class DigestError(UploadError):
    """The file is not the one whose digest was sent along."""

    def __init__(self, filename: str, kind: str) -> None:
        super().__init__(f"{filename} does not have the {kind} sent along", "Upload it again")


class FormTypeError(EggProxyError):
    """A body of another type than forms have (415)."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE

    def __init__(self, content_type: str) -> None:
        super().__init__(
            f"An upload is multipart/form-data, not {content_type[:60] or 'without a type'}. "
            "Use twine, or another upload client."
        )


class TooLargeError(EggProxyError):
    """More than may be uploaded (413)."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(
            f"The file is larger than {shown_size(limit)}, the max_upload_size of this server. "
            "An administrator can raise it in eggproxy.conf."
        )


class LengthRequiredError(EggProxyError):
    """Nobody says where the body ends (411)."""

    status = HTTPStatus.LENGTH_REQUIRED

    def __init__(self) -> None:
        super().__init__("This server takes no body in chunks. Send it with a Content-Length.")


class ClientGoneError(EggProxyError):
    """The body ended before its end; seldom does anybody read this."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, why: str = "") -> None:
        because = f" ({why})" if why else ""
        super().__init__(f"The upload broke off{because}. Nothing was kept; upload it again.")


class NoRoomError(EggProxyError):
    """The packages directory cannot take a file: 507 if it is full, and else 500."""

    def __init__(self, path: str, why: str, *, full: bool) -> None:
        self.path = path
        # Upload clients try again after 500 to 503, and a disk is not emptied by that.
        self.status = HTTPStatus.INSUFFICIENT_STORAGE if full else self.status
        super().__init__(
            f"This server cannot store packages ({why}). "
            f"Its administrator can see to {path}, or name another packages_directory."
        )


def shown_size(size: int) -> str:
    """Write a number of bytes for people.

    >>> shown_size(4 << 30), shown_size(1536), shown_size(1)
    ('4 GB', '1.5 KB', '1 bytes')
    """
    number, unit = float(size), 0
    while number >= _STEP and unit < len(_UNITS) - 1:
        number, unit = number / _STEP, unit + 1
    return f"{number:.4g} {_UNITS[unit]}"
