"""A directory on disk as an index: of folders of projects, or of the files of many of them.

It answers as a web server would that lists directories, so that all behind it is as for any other.
"""

import email.utils
import io
import os
from collections.abc import Mapping
from contextlib import ExitStack
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse

from eggproxy.conditional import requested_span
from eggproxy.errors import RangeNotSatisfiableError
from eggproxy.names import is_of_project, normalize

_PAGES = {
    "index.json": "application/vnd.pypi.simple.v1+json",
    "index.html": "text/html; charset=utf-8",
}


class DirectoryAdapter(BaseAdapter):
    """Answers requests' questions for `file:` addresses; `root` is the index's own."""

    def __init__(self, root: str) -> None:
        super().__init__()
        path = _path(root)
        self._page = None if root.endswith("/") else path
        self._type_of_page = _PAGES["index.json" if path.suffix == ".json" else "index.html"]
        self._root = path if root.endswith("/") else path.parent

    def send(self, request: requests.PreparedRequest, **_options: Any) -> requests.Response:  # type: ignore[override]
        """Answer with a file, with the page of a directory, or with 404."""
        url = request.url or ""
        path = _path(url)
        is_page = url.endswith("/") or path == self._page
        try:
            self._demand_inside(path)
            return self._found(request, path, is_page=url.endswith("/"))
        except RangeNotSatisfiableError as error:
            return _response(request, error.status)
        except OSError as error:
            return _response(request, self._status(error, is_page=is_page))

    def close(self) -> None:
        """Have nothing to close."""

    def _demand_inside(self, path: Path) -> None:
        """Refuse what lies elsewhere, or leads there by a link. Raises OSError."""
        if not path.resolve().is_relative_to(self._root.resolve(strict=True)):
            raise FileNotFoundError(path)

    def _status(self, error: OSError, *, is_page: bool) -> HTTPStatus:
        """Tell what is not there from what cannot be read: that may be the name of another's."""
        if isinstance(error, PermissionError) and not is_page:
            return HTTPStatus.FORBIDDEN
        absent = isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError)
        if absent and self._root.is_dir() and (self._page is None or self._page.is_file()):
            return HTTPStatus.NOT_FOUND
        return HTTPStatus.SERVICE_UNAVAILABLE

    def _found(
        self, request: requests.PreparedRequest, path: Path, *, is_page: bool
    ) -> requests.Response:
        if not is_page:
            return _of_file(request, path, self._type_of_page if path == self._page else None)
        if path == self._root or path.is_dir():
            return self._of_directory(request, path)
        project = normalize(path.name)
        for each in sorted(self._root.iterdir()):
            if normalize(each.name) == project and each.is_dir():
                self._demand_inside(each)
                return self._of_directory(request, each)
        files = [each for each in _names(self._root) if is_of_project(each, project)]
        if not files:
            raise FileNotFoundError(path)
        return _listing(request, self._root, files)

    def _of_directory(self, request: requests.PreparedRequest, path: Path) -> requests.Response:
        for name, content_type in _PAGES.items():
            if (path / name).is_file():
                self._demand_inside(path / name)
                return _of_file(request, path / name, content_type)
        return _listing(request, path, _names(path))


def _path(url: str) -> Path:
    return Path(os.path.normpath(unquote(urlsplit(url).path)))


def _names(path: Path) -> list[str]:
    """List what may concern a client, folders with a slash."""
    with os.scandir(path) as entries:
        shown = [each for each in entries if not each.name.startswith((".", "+"))]
    return sorted(f"{each.name}/" if each.is_dir() else each.name for each in shown)


def _listing(request: requests.PreparedRequest, path: Path, names: list[str]) -> requests.Response:
    # Absolute: a folder may be asked for under another name than its own.
    base = path.as_uri()
    links = (f'<a href="{base}/{quote(name)}">{escape(name)}</a><br>' for name in names)
    title = f"Index of {escape(path.name)}"
    page = "\n".join(["<!DOCTYPE html>", f"<title>{title}</title>", f"<h1>{title}</h1>", *links])
    body = page.encode("utf-8", "replace")
    headers = {"Content-Type": "text/html; charset=utf-8"}
    return _response(request, HTTPStatus.OK, headers, io.BytesIO(body), len(body))


def _of_file(
    request: requests.PreparedRequest, path: Path, content_type: str | None = None
) -> requests.Response:
    if not path.is_file() and path.exists():
        # A pipe, which would be waited for.
        raise FileNotFoundError(path)
    with ExitStack() as opened:
        file = opened.enter_context(path.open("rb"))
        facts = os.fstat(file.fileno())
        headers = {
            "Last-Modified": email.utils.formatdate(facts.st_mtime, usegmt=True),
            "Content-Type": content_type or "application/octet-stream",
            "Accept-Ranges": "bytes",
        }
        if request.headers.get("If-Modified-Since") == headers["Last-Modified"]:
            return _response(request, HTTPStatus.NOT_MODIFIED, headers)
        if request.method == "HEAD":
            return _response(request, HTTPStatus.OK, headers, io.BytesIO(), facts.st_size)
        span = requested_span(request.headers.get("Range"), None, None, facts.st_size)
        if span is not None:
            headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{facts.st_size}"
            file.seek(span.start)
            part = _Part(file, span.stop - span.start)
            opened.pop_all()
            size = span.stop - span.start
            return _response(request, HTTPStatus.PARTIAL_CONTENT, headers, part, size)
        opened.pop_all()
        return _response(request, HTTPStatus.OK, headers, file, facts.st_size)


class _Part(io.RawIOBase):
    """So many of the bytes of a file, from where it stands."""

    def __init__(self, file: BinaryIO, count: int) -> None:
        self._file = file
        self._left = count

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  whatever has room for bytes
        block = self._file.read(min(len(buffer), self._left))
        buffer[: len(block)] = block
        self._left -= len(block)
        return len(block)

    def close(self) -> None:
        self._file.close()
        super().close()


def _response(
    request: requests.PreparedRequest,
    status: HTTPStatus,
    headers: Mapping[str, str] = {},
    body: Any = None,  # noqa: ANN401  whatever can be read
    size: int = 0,
) -> requests.Response:
    """Make an answer as requests makes them of what comes over a network."""
    response = requests.Response()
    response.request = request
    response.url = request.url or ""
    response.status_code = int(status)
    response.reason = status.phrase
    response.headers = CaseInsensitiveDict({**headers, "Content-Length": str(size)})
    response.raw = HTTPResponse(
        body=io.BufferedReader(body) if isinstance(body, _Part) else body or io.BytesIO(),
        headers=dict(response.headers),
        status=int(status),
        preload_content=False,
        enforce_content_length=False,
    )
    return response
