"""What the upstream serves: pages like those of the Python Package Index, and large files."""

import gzip
import hashlib
import json
import random
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


def synthetic_files(project: str, count: int, base: str) -> list[Entry]:
    """Make up so many files of a project, wheel and sdist by turns, in the form of PEP 691.

    `base` is the URL of the file host, ending in a slash.
    """
    noise = random.Random(project)  # noqa: S311 - the same pages every time
    return [_entry(name, noise, base) for name in _names(project, count)]


def _names(project: str, count: int) -> Iterator[str]:
    stem = project.replace("-", "_")
    for release in range((count + 1) // 2):
        version = f"1.{release // 200}.{release % 200}"
        yield f"{stem}-{version}-py3-none-any.whl"
        yield f"{stem}-{version}.tar.gz"


def _entry(filename: str, noise: random.Random, base: str) -> Entry:
    path = noise.randbytes(32).hex()
    entry: Entry = {
        "core-metadata": False,
        "data-dist-info-metadata": False,
        "filename": filename,
        "hashes": {"sha256": noise.randbytes(32).hex()},
        "provenance": None,
        "requires-python": ">=3.9",
        "size": noise.randrange(100_000, 200_000),
        "upload-time": f"20{noise.randrange(15, 26)}-06-{noise.randrange(10, 30)}"
        f"T18:30:{noise.randrange(10, 60)}.{noise.randrange(100_000, 1_000_000)}Z",
        "url": f"{base}packages/{path[:2]}/{path[2:4]}/{path[4:]}/{filename}",
        "yanked": False,
    }
    if filename.endswith(".whl"):
        metadata = {"sha256": noise.randbytes(32).hex()}
        entry |= {"core-metadata": metadata, "data-dist-info-metadata": metadata}
    return entry


def file_entry(path: Path, url: str) -> Entry:
    """Describe a real file, and its metadata where that lies beside it."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    entry: Entry = {"filename": path.name, "hashes": {"sha256": digest}, "url": url}
    entry["size"] = path.stat().st_size
    entry["yanked"] = False
    metadata = path.with_name(path.name + ".metadata")
    if metadata.exists():
        entry["core-metadata"] = {"sha256": hashlib.sha256(metadata.read_bytes()).hexdigest()}
    return entry


def write_pages(folder: Path, project: str, files: list[Entry], versions: list[str]) -> None:
    """Write a project's pages, HTML and JSON, each with its `.gz`."""
    page = {
        "alternate-locations": [],
        "files": files,
        "meta": {"_last-serial": 30000000, "api-version": "1.4"},
        "name": project,
        "project-status": {"status": "active"},
        "versions": versions,
    }
    folder.mkdir(parents=True)
    title = f"Links for {escape(project)}"
    html = (
        "<!DOCTYPE html>\n<html>\n  <head>\n"
        '    <meta name="pypi:repository-version" content="1.4">\n'
        f"    <title>{title}</title>\n  </head>\n  <body>\n    <h1>{title}</h1>\n"
        f"{''.join(_anchors(files))}</body>\n</html>\n"
    )
    written = {"index.json": json.dumps(page, separators=(",", ":")), "index.html": html}
    for name, text in written.items():
        (folder / name).write_text(text)
        (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode(), 6, mtime=0))


def _anchors(files: Iterable[Entry]) -> Iterator[str]:
    for file in files:
        (algorithm, digest), *_ = file["hashes"].items()
        attributes = f'href="{escape(file["url"])}#{algorithm}={digest}"'
        if file.get("requires-python"):
            attributes += f' data-requires-python="{escape(file["requires-python"])}"'
        if metadata := file.get("core-metadata"):
            value = f'"sha256={metadata["sha256"]}"'
            attributes += f" data-dist-info-metadata={value} data-core-metadata={value}"
        yield f"    <a {attributes}>{escape(file['filename'])}</a><br />\n"


def write_noise(path: Path, size: int) -> None:
    """Write a file of so many bytes that no compression makes smaller."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = random.Random(size)  # noqa: S311 - the same file every time
    piece = 1 << 20
    with path.open("wb") as stream:
        for begin in range(0, size, piece):
            stream.write(noise.randbytes(min(piece, size - begin)))
