"""What is right: of an answer, whatever upstream does, and of what is on disk afterwards."""

import hashlib
import http.client
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.faults import checker
from tests.servers import JSON

CUT = "cut"
WAITS = "waits"


class Seen(NamedTuple):
    """What a client saw: `status` is a number, `CUT` in the middle of a body, or `WAITS`."""

    status: int | str
    seconds: float
    body: bytes
    headers: Mapping[str, str]


def look(url: str, path: str, patience: float) -> Seen:
    """Ask, as JSON where there is a choice, and wait no longer than so many seconds in all."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=patience)
    body = bytearray()
    status: int | str = CUT
    headers: Mapping[str, str] = {}
    try:
        connection.request("GET", path, headers={"Accept": JSON})
        response = connection.getresponse()
        headers = {name.title(): value for name, value in response.headers.items()}
        for block in iter(lambda: response.read1(1 << 16), b""):
            body += block
            if time.monotonic() > began + patience:
                raise TimeoutError  # noqa: TRY301  each byte may come in time
        length = headers.get("Content-Length")
        status = response.status if length in {None, str(len(body))} else CUT
    except TimeoutError:
        status = WAITS
    except (http.client.HTTPException, OSError):
        status = CUT
    finally:
        connection.close()
    return Seen(status, time.monotonic() - began, bytes(body), headers)


class Truth:
    """What upstream has published, ever: the digest of each file, and the names of projects."""

    def __init__(self) -> None:
        self.digests: dict[str, str] = {}
        self.projects: set[str] = set()

    def add(self, project: str, filename: str, content: bytes) -> None:
        """Note a file, or a `.metadata`."""
        self.projects.add(project)
        self.digests[filename] = hashlib.sha256(content).hexdigest()

    def wrong(self, path: str, seen: Seen) -> str:
        """Say what is wrong with an answer; "" if nothing is."""
        if seen.status == 503 and "Retry-After" not in seen.headers:
            return "503 without Retry-After"
        if seen.status != 200:
            return ""
        name = path.rstrip("/").rpartition("/")[2]
        if name in self.digests:
            right = hashlib.sha256(seen.body).hexdigest() == self.digests[name]
            return "" if right else f"wrong bytes ({len(seen.body)})"
        return self._wrong_page(seen.body)

    def _wrong_page(self, body: bytes) -> str:
        try:
            page = json.loads(body)
            if "projects" in page:
                names = {project["name"] for project in page["projects"]}
                return "" if names and names <= self.projects else f"wrong names {sorted(names)}"
            files = {entry["filename"]: entry["hashes"]["sha256"] for entry in page["files"]}
        except (ValueError, KeyError, TypeError) as error:
            return f"no page: {error!r}"
        if not files:
            return "an empty page"
        wrong = [name for name, digest in files.items() if self.digests.get(name) != digest]
        return f"wrong files {wrong}" if wrong else ""


def on_disk(eggs: Path, path: str) -> str:
    """Say in a word what there is of a path: whole, part of it, or nothing."""
    place = eggs / path.removeprefix("/pypi/")
    whole = (place / "index.json").exists() if path.endswith("/") else place.exists()
    if whole:
        return "whole"
    partials = list((eggs / ".eggproxy" / "partial").glob(f"*-{place.name}"))
    return "part" if partials else "nothing"


def problems_on_disk(eggs: Path) -> list[str]:
    """Say what is wrong with a directory whose proxies were ended in good order.

    The page of stored files is written when all is quiet, which an end does not wait for; who asks
    for it has it made anew.
    """
    report = checker.check(eggs)
    torn = [name for name in report.torn if "stored" not in name]
    return report.problems + [f"{name} is of two generations" for name in torn]
