"""What the test upstream has, and what it answers when nothing goes wrong."""

import base64
import gzip
from hashlib import md5
from typing import Any
from urllib.parse import quote

from eggproxy.names import normalize
from tests import upstream_pages as pages
from tests.upstream_faults import Answer, Kind, Request
from tests.upstream_pages import Form, Project
from tests.upstream_ranges import cut_range, unchanged

UPLOADED = "2024-01-02T03:04:05.000000Z"
Override = tuple[int, dict[str, str], bytes]


class Index:
    """An index at `/simple/` with its files at `/files/<project>/<filename>`.

    Everything is switched by plain attributes, at any moment:

    - `form`: "json" (HTML only for clients that do not accept JSON), "html" or "legacy";
    - `etags`, `gzip` (pages, when asked for), `ranges` (files): what it can do;
    - `last_modified`: an HTTP date for pages, or None; `page_headers`: more headers for pages;
    - `file_headers`: more headers for files; `head_status`: this instead of an answer to HEAD;
    - `chunked`: whole files come without a Content-Length;
    - `redirect_files`: where `/files/...` is redirected to (302), e.g. "/moved" or the `url` of
      another Upstream, which then needs the file (`put`);
    - `page_override`: whole answers by normalized project name ("" is the project list), and
      `path_override` by path; `expect_auth`: (user, password), 401 otherwise;
    - `projects`: a `Project` by normalized name, whose files, keys and links can be changed.
    """

    def __init__(self, url: str) -> None:
        """Start empty, at the URL of the host, without a slash at its end."""
        self.url = url
        self.index_url = url + "/simple/"
        self.form: Form = "json"
        self.api_version = "1.4"
        self.etags = self.ranges = True
        self.gzip = self.chunked = False
        self.last_modified: str | None = None
        self.page_headers: dict[str, str] = {}
        self.file_headers: dict[str, str] = {}
        self.head_status: int | None = None
        self.redirect_files: str | None = None
        self.page_override: dict[str, Override] = {}
        self.path_override: dict[str, Override] = {}
        self.expect_auth: tuple[str, str] | None = None
        self.projects: dict[str, Project] = {}
        self._blobs: dict[str, bytes] = {}
        self._modified: dict[str, str] = {}

    def add(  # noqa: PLR0913 - the keys of PEP 691 and PEP 700
        self,
        project: str,
        filename: str,
        content: bytes,
        *,
        metadata: bytes | None = None,
        hashes: str | dict[str, str] | None = "sha256",
        requires_python: str | None = None,
        yanked: bool | str = False,
        size: bool = True,
        upload_time: str | None = UPLOADED,
        on: "Index | None" = None,
        **extra: Any,
    ) -> str:
        """Publish a file, `on` another host if told so, and give its URL.

        `hashes` is an algorithm, the digests themselves, or None; `extra` are further JSON keys.
        """
        name = normalize(project)
        path = f"/files/{name}/{filename}"
        host = on or self
        host.put(path, content)
        file = {"filename": filename, "url": host.url + quote(path)}
        own = hashes if isinstance(hashes, dict) else pages.digests(content, hashes)
        keys: dict[str, Any] = {"hashes": own, "requires-python": requires_python, "yanked": yanked}
        if metadata is not None:
            host.put(path + ".metadata", metadata)
            keys["core-metadata"] = pages.digests(metadata, "sha256")
        if size:
            keys["size"] = len(content)
        if upload_time:
            keys["upload-time"] = upload_time
        entry = self.projects.setdefault(name, Project(name))
        entry.files[filename] = file | keys | extra
        return file["url"]

    def put(self, path: str, content: bytes, modified: str = "") -> str:
        """Have these bytes at this path, on no page, and give their URL.

        `modified` is an HTTP date for its Last-Modified.
        """
        self._blobs[path] = content
        if modified:
            self._modified[path] = modified
        return self.url + quote(path)

    def remove(self, project: str, filename: str | None = None) -> None:
        """Take a file, or a whole project, off the index; the bytes stay where they are."""
        if filename is None:
            del self.projects[normalize(project)]
        else:
            del self.projects[normalize(project)].files[filename]

    def answer(self, request: Request) -> Answer:
        """Answer a request, and note of which kind it is."""
        request.kind = _kind(request.path)
        if self.expect_auth:
            word = base64.b64encode(":".join(self.expect_auth).encode()).decode()
            if request.headers.get("Authorization") != f"Basic {word}":
                return Answer(401, {"WWW-Authenticate": 'Basic realm="upstream"'})
        if request.path in self.path_override:
            return Answer(*self.path_override[request.path])
        return self._page(request) if request.kind in ("list", "page") else self._file(request)

    def _page(self, request: Request) -> Answer:
        name = request.path.removeprefix("/simple/").rstrip("/")
        if name in self.page_override:
            return Answer(*self.page_override[name])
        if not request.path.endswith("/") or name != normalize(name):
            slash = "/" if name else ""
            return Answer(301, {"Location": f"/simple/{normalize(name)}{slash}"})
        if name and name not in self.projects:
            return Answer(404, {"Content-Type": "text/plain"}, b"404 Not Found")
        return self._rendered(name, request)

    def _rendered(self, name: str, request: Request) -> Answer:
        is_json = self.form == "json" and pages.JSON_TYPE in request.headers.get("Accept", "")
        body = self._body(name, is_json=is_json)
        headers = {"Content-Type": pages.JSON_TYPE if is_json else pages.HTML_TYPE}
        headers |= self.page_headers | {"Vary": "Accept, Accept-Encoding"}
        if self.etags:
            headers["ETag"] = f'"{md5(body).hexdigest()}"'  # noqa: S324 - a mere validator
        if self.last_modified:
            headers["Last-Modified"] = self.last_modified
        if unchanged(request, headers):
            return Answer(304, headers)
        if self.gzip and "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 1)
        return Answer(200, headers, body)

    def _body(self, name: str, *, is_json: bool) -> bytes:
        names = sorted(self.projects)
        if is_json and name:
            return pages.project_json(self.projects[name], self.api_version)
        if is_json:
            return pages.list_json(names, self.api_version)
        if name:
            return pages.project_html(self.projects[name], self.form, self.api_version)
        return pages.list_html(names, self.form, self.api_version)

    def _file(self, request: Request) -> Answer:
        if self.redirect_files is not None and request.path.startswith("/files/"):
            return Answer(302, {"Location": self.redirect_files + request.target})
        body = self._blobs.get(request.path.removeprefix("/moved"))
        if body is None:
            return Answer(404, {"Content-Type": "text/plain"}, b"404 Not Found")
        if request.method == "HEAD" and self.head_status is not None:
            return Answer(self.head_status, {"Content-Type": "text/plain"})
        headers = {"Content-Type": "application/octet-stream"} | self.file_headers
        if request.path in self._modified:
            headers["Last-Modified"] = self._modified[request.path]
        if self.etags:
            headers["ETag"] = f'"{md5(body).hexdigest()}"'  # noqa: S324 - a mere validator
        if unchanged(request, headers):
            return Answer(304, headers)
        if self.chunked:
            headers["Transfer-Encoding"] = "chunked"
        whole = Answer(200, headers, body)
        return cut_range(request, whole) if self.ranges else whole


def _kind(path: str) -> Kind:
    if path in ("/simple", "/simple/"):
        return "list"
    if path.startswith("/simple/"):
        return "page"
    return "metadata" if path.endswith(".metadata") else "file"
