"""eggproxy over several indexes, and what a client sees of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.httpd import public_directory
from tests.servers import JSON, Server, serving
from tests.upstream import Upstream


@contextmanager
def proxying(
    tmp_path: Path, *lines: str, front_end: str = "serve", **settings: Any
) -> Iterator[Server]:
    """Run a server over the indexes that the lines of a configuration name."""
    tmp_path.mkdir(exist_ok=True)
    text = "\n".join(["[indexes]", *lines, ""])
    with public_directory() as readable:
        # Below pytest's own, another user's server could not read it.
        for file in (readable / "eggproxy.conf", tmp_path / "eggproxy.conf"):
            file.write_text(text)
        with serving(
            tmp_path, "", config=readable / "eggproxy.conf", front_end=front_end, **settings
        ) as server:
            yield server


def section(name: str, index: Upstream | str, *lines: str) -> str:
    """Write the section of an index."""
    url = index if isinstance(index, str) else index.index_url
    return "\n".join([f"[[{name}]]", f"index = {url}", *lines])


def names(server: Server, project: str, base: str = "/pypi/") -> list[str]:
    """List the files that a project's page names."""
    return [file["filename"] for file in page(server, project, base)["files"]]


def page(server: Server, project: str, base: str = "/pypi/") -> dict[str, list[dict[str, str]]]:
    """Read the page of a project."""
    reply = server.get(f"{base}{project}/", accept=JSON)
    assert reply.status == 200, reply
    found: dict[str, list[dict[str, str]]] = json.loads(reply.body)
    return found


def about(index: Upstream, project: str) -> list[str]:
    """List what an index was asked that has to do with a project."""
    stem = project.replace("-", "_")
    paths = [request.path for request in index.requests]
    return [path for path in paths if project in path or stem in path]
