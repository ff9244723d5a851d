"""Uploads as clients make them, whole ones and odd ones, over plain HTTP."""

import hashlib
import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.distributions import Distribution
from tests.httpd import Httpd, public_directory
from tests.secrets import basic, write_users
from tests.servers import PATIENCE, Reply, Server, serving

BOUNDARY = b"--------------GHSKFJDLGDS7543FJKLFHRE75642756743254"
TYPE = f"multipart/form-data; boundary={BOUNDARY.decode()}"

ALICE = basic("alice", "secret")
BOB = basic("bob", "password")
"""Two users; `shop` lets both upload what no rule speaks of."""


@contextmanager
def shop(tmp_path: Path, index: str, front_end: str = "serve", **settings: Any) -> Iterator[Server]:
    """Run a server with two users, who may upload."""
    with public_directory() as place:
        users = write_users(place / "users", alice="secret", bob="password")
        users.chmod(0o644)
        chosen = {"front_end": front_end, "users_file": users, **settings}
        with serving(tmp_path, index, **chosen) as server:
            yield server


def packages_of(server: Server) -> Path:
    """Find the directory of a server's own packages."""
    return server.eggs.parent / "packages"


def stored(server: Server) -> dict[str, bytes]:
    """Read all packages there are, by their paths."""
    root = packages_of(server)
    found = [path for path in root.rglob("*") if path.is_file()]
    named = {str(path.relative_to(root)): path for path in found}
    return {n: path.read_bytes() for n, path in named.items() if not n.startswith(".eggproxy")}


def unfinished(server: Server) -> list[Path]:
    """List what is left of uploads that are under way, or were."""
    return sorted((packages_of(server) / ".eggproxy" / "uploads").glob("*"))


def fields_of(distribution: Distribution, **changes: str | None) -> dict[str, str]:
    """Write the fields that twine writes; a change to None leaves one out."""
    filename, content, metadata = distribution
    said = dict(line.split(": ", 1) for line in metadata.decode().splitlines() if ": " in line)
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": said["Metadata-Version"],
        "name": said["Name"],
        "version": said["Version"],
        "filetype": "bdist_wheel" if filename.endswith(".whl") else "sdist",
        "pyversion": "py3" if filename.endswith(".whl") else "source",
        "md5_digest": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        "sha256_digest": hashlib.sha256(content).hexdigest(),
        "blake2_256_digest": hashlib.blake2b(content, digest_size=32).hexdigest(),
    }
    merged = {**fields, **{name.replace("action", ":action"): v for name, v in changes.items()}}
    return {name: value for name, value in merged.items() if value is not None}


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    """Write a part of a form."""
    named = f'; filename="{filename}"' if filename is not None else ""
    head = f'\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return b"--" + BOUNDARY + head.encode() + content + b"\r\n"


def form_of(fields: Mapping[str, str], filename: str | None = None, content: bytes = b"") -> bytes:
    """Write a form, its file last."""
    parts = [part(name, value.encode()) for name, value in fields.items()]
    if filename is not None:
        parts.append(part("content", content, filename))
    return b"".join([*parts, b"--", BOUNDARY, b"--\r\n"])


def post(
    server: Server | Httpd,
    body: bytes,
    path: str = "/pypi/",
    *,
    authorization: str | None = ALICE,
    method: str = "POST",
    **headers: str,
) -> Reply:
    """Send a body as urllib and http.client do: all of it, before looking for an answer."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=PATIENCE)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if authorization is not None:
        named["Authorization"] = authorization
    try:
        connection.request(method, path, body, {"Content-Type": TYPE, **named})
        response = connection.getresponse()
        return Reply(response.status, response.reason, response.headers, response.read())
    finally:
        connection.close()


def upload(  # noqa: PLR0913  each is one thing that a test may want otherwise
    server: Server | Httpd,
    distribution: Distribution,
    path: str = "/pypi/",
    *,
    authorization: str | None = ALICE,
    filename: str | None = None,
    content: bytes | None = None,
    **changes: str | None,
) -> Reply:
    """Upload a distribution, perhaps with other fields, or another name, or other bytes."""
    named = filename or distribution.filename
    sent = distribution.content if content is None else content
    fields = fields_of(distribution._replace(content=sent), **changes)
    return post(server, form_of(fields, named, sent), path, authorization=authorization)
