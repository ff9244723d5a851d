"""A large upload, which costs no memory."""

import hashlib
import http.client
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.distributions import make_metadata
from tests.httpd import children
from tests.servers import PATIENCE, Server
from tests.uploading import ALICE, BOUNDARY, TYPE, packages_of, part, shop
from tests.upstream import Upstream

NAME = "acme_huge-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("front_end", "part_of_large"), [("serve", 1), ("gunicorn", 0.3), ("mod_python-event", 0.3)]
)
def test_memory__is_flat(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    upstream: Upstream,
    front_end: str,
    part_of_large: float,
) -> None:
    """A large file comes in, whole, and no process has grown by more than a few megabytes."""
    megabytes = int(request.config.getoption("--large") * part_of_large)
    wheel = huge_wheel(tmp_path / NAME, megabytes)
    with shop(tmp_path, upstream.index_url, front_end) as server:
        server.get("/pypi/acme-huge/")
        before = peak(server)
        assert upload_file(server, wheel) == 200
        grown = peak(server) - before
        stored = packages_of(server) / "acme-huge" / NAME
        assert digest(stored) == digest(wheel)
    assert grown < 32 << 20, f"{grown >> 20} MB"


def huge_wheel(path: Path, megabytes: int) -> Path:
    """Write a wheel that is as large as it looks: what is in it is not packed."""
    info = "acme_huge-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("acme_huge.bin", "w") as member:
            for _block in range(megabytes):
                member.write(bytes(1 << 20))
        archive.writestr(f"{info}/METADATA", make_metadata("acme-huge", "1.0", [], ""))
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def upload_file(server: Server, path: Path) -> int:
    """Upload a file without reading it into memory."""
    fields = {":action": "file_upload", "name": "acme-huge", "version": "1.0"}
    head = b"".join(part(name, value.encode()) for name, value in fields.items())
    head += part("content", b"", NAME)[:-2]
    tail = b"\r\n--" + BOUNDARY + b"--\r\n"

    def blocks() -> Iterator[bytes]:
        yield head
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                yield block
        yield tail

    length = len(head) + path.stat().st_size + len(tail)
    headers = {"Authorization": ALICE, "Content-Type": TYPE, "Content-Length": str(length)}
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)) as client:
        client.request("POST", "/pypi/", blocks(), headers)
        return client.getresponse().status


def peak(server: Server) -> int:
    """Add up the most memory that the server's processes ever had, in bytes."""
    processes = [server.process.pid, *children(server.process.pid)]
    statuses = [Path(f"/proc/{process}/status").read_text() for process in processes]
    return sum(int(size) << 10 for s in statuses for size in re.findall(r"VmHWM:\s+(\d+)", s))


def digest(path: Path) -> str:
    """Take a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
