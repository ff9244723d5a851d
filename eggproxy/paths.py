"""From the path of a URL to what it asks for; the only place where addresses are taken apart."""

import re
from collections.abc import Container
from dataclasses import dataclass, replace
from urllib.parse import quote

from eggproxy.errors import BadRequestError, NotFoundError, URITooLongError
from eggproxy.names import (
    NormalizedName,
    is_file_or_sibling,
    is_project_name,
    normalize,
)
from eggproxy.negotiation import JSON_V1, TEXT_HTML

PREFIXES = ("/pypi", "/simple")
"""Where the index stands when the server around it names no place of its own."""

LEGACY = "/legacy"
"""Where upload clients believe uploads to go; there is nothing else."""

HEALTH = "/healthz"
"""Where the proxy says how it fares; below a prefix it is `/+healthz`."""

STORED = "+stored"
"""The folder of the pages that have only the files on disk: no project can have its name."""

MAX_PATH = 1024
"""Longest path that is looked at, in characters."""

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\\\\\u2028\u2029]")
_ESCAPES = re.compile(rb"%([0-9A-Fa-f]{2})?")
_LITERAL_PAGES = {"index.html": TEXT_HTML, "index.json": JSON_V1}


@dataclass(frozen=True, slots=True)
class HomeTarget:
    """The page for people at the root of the server."""


@dataclass(frozen=True, slots=True)
class HealthTarget:
    """How the proxy fares, for load balancers and administrators."""


@dataclass(frozen=True, slots=True)
class ListTarget:
    """The project list; `media_type` where the address itself names one."""

    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class ProjectTarget:
    """The page of a project; with `stored`, the one that has only files on disk."""

    project: NormalizedName
    media_type: str | None = None
    stored: bool = False


@dataclass(frozen=True, slots=True)
class FileTarget:
    """A distribution, or the `.metadata` or signature beside one.

    With `stored` it is only wanted if it is on disk.
    """

    project: NormalizedName
    filename: str
    stored: bool = False


@dataclass(frozen=True, slots=True)
class RedirectTarget:
    """An address that lacks its last slash (PEP 503); `path` is the right one, quoted."""

    path: str


Target = HomeTarget | HealthTarget | ListTarget | ProjectTarget | FileTarget | RedirectTarget


@dataclass(frozen=True, slots=True)
class ChannelTarget:
    """Something in a channel of that name, which has an address of its own."""

    channel: str
    target: Target


def decode(raw_path: bytes) -> str:
    """Decode a request's path once and strictly.

    Raises URITooLongError; BadRequestError for escapes that are broken or that stand for a
    slash, a backslash or a NUL, which nobody needs but attackers.
    """
    if len(raw_path) > MAX_PATH:
        raise URITooLongError(len(raw_path))
    try:
        return _ESCAPES.sub(_unescape, raw_path).decode()
    except UnicodeDecodeError:
        raise BadRequestError("the address is not UTF-8") from None


def _unescape(escape: re.Match[bytes]) -> bytes:
    if escape[1] is None:
        raise BadRequestError("the address holds a broken % escape")
    byte = bytes([int(escape[1], 16)])
    if byte in b"/\\\0":
        raise BadRequestError("the address hides a slash or a NUL in a % escape")
    return byte


def resolve(
    path: str, *, mounted: str | None = None, channels: Container[str] = frozenset()
) -> Target | ChannelTarget:
    """Find what a decoded path asks for.

    `mounted` is the prefix that the server around has already taken off (WSGI's SCRIPT_NAME);
    without one the path begins with one of `PREFIXES`. `channels` are the names there are.

    Raises BadRequestError, URITooLongError, or NotFoundError where nothing can ever be.
    """
    _refuse_traps(path)
    if mounted:
        return _within_channel(path, mounted, channels)
    for prefix in PREFIXES:
        if path == prefix or path.startswith(f"{prefix}/"):
            return _within_channel(path.removeprefix(prefix), prefix, channels)
    if path in {"", "/"}:
        return HomeTarget()
    if path == HEALTH:
        return HealthTarget()
    raise NotFoundError(f"Nothing is at this address. The index is at {PREFIXES[0]}/.")


def methods(path: str, *, mounted: str | None = None) -> tuple[str, ...]:
    """Name what can be done at an address: files are uploaded to that of an index, or the root.

    Without the last slash as well, for no upload client follows a redirection.
    """
    if not mounted and path in {LEGACY, f"{LEGACY}/"}:
        return ("POST",)
    indexes = {"", *(() if mounted else PREFIXES)}
    if path.removesuffix("/") in indexes:
        return ("GET", "HEAD", "POST")
    return ("GET", "HEAD")


def _refuse_traps(path: str) -> None:
    if len(path) > MAX_PATH:
        raise URITooLongError(len(path))
    if _CONTROLS.search(path):
        raise BadRequestError("the address holds a control character or a backslash")
    if any(segment in {".", ".."} for segment in path.split("/")):
        raise BadRequestError("the address holds a step of dots only")


def _within_channel(path: str, prefix: str, channels: Container[str]) -> Target | ChannelTarget:
    """Take apart what follows the index's prefix, and perhaps the name of a channel."""
    folder = path[1:].partition("/")[0]
    if not folder.startswith("+") or not folder[1:] or folder[1:] not in channels:
        return _within(path, prefix)
    below = path[1 + len(folder) :]
    return ChannelTarget(folder[1:], _within(below, f"{prefix}/{folder}"))


def _within(path: str, prefix: str) -> Target:  # noqa: PLR0911  one for each kind of address
    """Take apart what follows the index's prefix."""
    match path.split("/"):
        case ["", "+healthz"]:
            return HealthTarget()
        case ["", folder, *rest] if folder == STORED and rest:
            return _stored("/".join(["", *rest]), f"{prefix}/{STORED}")
        case [""]:
            return RedirectTarget(f"{_quoted(prefix)}/")
        case ["", ""]:
            return ListTarget()
        case ["", literal] if literal in _LITERAL_PAGES:
            return ListTarget(_LITERAL_PAGES[literal])
        case ["", name]:
            _project(name)
            return RedirectTarget(f"{_quoted(prefix)}/{quote(name)}/")
        case ["", name, ""]:
            return ProjectTarget(_project(name))
        case ["", name, literal] if literal in _LITERAL_PAGES:
            return ProjectTarget(_project(name), _LITERAL_PAGES[literal])
        case ["", name, filename] if is_file_or_sibling(filename):
            return FileTarget(_project(name), filename)
    raise NotFoundError("Nothing is at this address. A project is at /NAME/, a file below it.")


def _stored(path: str, prefix: str) -> Target:
    """Take apart what follows the folder of stored pages."""
    target = _within(path, prefix) if path != "/" else None
    match target:
        case ProjectTarget() | FileTarget():
            return replace(target, stored=True)
        case RedirectTarget():
            return target
    raise NotFoundError("Nothing is at this address. A stored page is at /+stored/NAME/.")


def _quoted(prefix: str) -> str:
    return quote(prefix, safe="/+")


def _project(name: str) -> NormalizedName:
    if not is_project_name(name):
        raise NotFoundError("That is not a valid project name (letters, digits, and - _ . within).")
    return normalize(name)
