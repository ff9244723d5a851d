"""A set of real packages, copied once from the public index, as an index of our own."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests
from bs4 import BeautifulSoup
from bs4.element import Tag
from packaging.utils import canonicalize_name, parse_wheel_filename

from bench.client import JSON
from bench.content import Entry, file_entry, write_pages
from bench.environment import clean_environment
from eggproxy.default_index import default_index

# They resolve to some 27 distributions.
REQUIREMENTS = ("boto3", "flask", "numpy", "pyyaml", "requests", "rich", "sqlalchemy")


def tools(results: Path) -> Path:
    """Give the folder with the newest pip and uv, in an environment of their own."""
    folder = results / "tools"
    if not (folder / "bin" / "uv").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--upgrade"]
        subprocess.run([*pip, "pip", "uv"], check=True, env=clean_environment(results))
    return folder / "bin"


def copy_packages(results: Path) -> Path:
    """Copy wheels and pages from the public index, unless that was done before."""
    folder = results / "packages"
    if not (folder / "complete").exists():
        (folder / "pages").mkdir(parents=True, exist_ok=True)
        command = [str(tools(results) / "python"), "-m", "pip", "download", "--quiet"]
        command += ["--no-cache-dir", "--only-binary=:all:"]
        command += ["--dest", str(folder / "files"), *REQUIREMENTS]
        subprocess.run(command, check=True, env=clean_environment(results))
        for wheel in (folder / "files").glob("*.whl"):
            _copy_metadata(wheel)
            _copy_page(wheel, folder / "pages")
        (folder / "complete").touch()
    return folder


def _copy_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (
            name
            for name in archive.namelist()
            if name.count("/") == 1 and name.endswith(".dist-info/METADATA")
        )
        wheel.with_name(wheel.name + ".metadata").write_bytes(archive.read(name))


def _copy_page(wheel: Path, pages: Path) -> None:
    project = canonicalize_name(parse_wheel_filename(wheel.name)[0])
    answer = requests.get(default_index() + project + "/", headers=JSON, timeout=60)
    answer.raise_for_status()
    if "json" in answer.headers["Content-Type"]:
        files = answer.json()["files"]
    else:
        links = BeautifulSoup(answer.content, "lxml").find_all("a")
        files = [_from_anchor(link) for link in links]
    wanted = ("filename", "hashes", "requires-python", "size", "upload-time", "yanked")
    entries = [{key: file[key] for key in wanted if key in file} for file in files]
    (pages / f"{project}.json").write_text(json.dumps(entries))


def _from_anchor(link: Tag) -> Entry:
    url = urlsplit(str(link["href"]))
    algorithm, _, digest = url.fragment.partition("=")
    entry: Entry = {
        "filename": unquote(url.path.rpartition("/")[2]),
        "hashes": {algorithm: digest} if digest else {},
        "requires-python": link.get("data-requires-python"),
        "upload-time": link.get("data-upload-time"),
        "yanked": (link["data-yanked"] or True) if link.has_attr("data-yanked") else False,
    }
    return {key: value for key, value in entry.items() if value is not None}


def write_index(folder: Path, root: Path, base: str) -> int:
    """Write the copied packages as an index with its files below a URL; how many there are."""
    (root / "files").symlink_to(folder / "files")
    copied = {path.name: path for path in (folder / "files").glob("*.whl")}
    pages = list((folder / "pages").glob("*.json"))
    for page in pages:
        entries: list[Entry] = json.loads(page.read_text())
        for entry in entries:
            entry["url"] = base + entry["filename"]
            entry.update(_as_public_index_has(entry["filename"]))
            if entry["filename"] in copied:
                entry.update(file_entry(copied[entry["filename"]], entry["url"]))
        write_pages(root / "simple" / page.stem, page.stem, entries, [])
    return len(pages)


def _as_public_index_has(filename: str) -> Entry:
    """Make up what the public index says in JSON of every file, of those that nobody will ask for.

    An index that lacks it would have its pages completed, which is another measurement.
    """
    digest = hashlib.sha256(filename.encode()).hexdigest()
    entry: Entry = {"size": 1_000_000 + int(digest[:4], 16)}
    if filename.endswith(".whl"):
        entry["core-metadata"] = {"sha256": digest}
    return entry
