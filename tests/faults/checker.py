"""Is an eggs directory whole? Recomputes every digest and compares HTML with JSON.

It uses nothing of eggproxy: `python checker.py EGGS_DIRECTORY` prints what is wrong, and exits with
1 if anything is. Run it while nobody writes to the directory.
"""

import gzip
import hashlib
import json
import re
import stat
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PAGES = {f"{kind}.{form}{end}" for kind in ("index", "stored") for form in ("html", "json")
          for end in ("", ".gz")}  # fmt: skip
_SIBLINGS = (".metadata", ".asc")

Json = dict[str, Any]
Links = dict[str, dict[str, str]]


class Report:
    """What was found: `problems` in words, `torn` projects, and how much was looked at.

    A project is torn when its HTML and its JSON are each valid, but of two generations, or when one
    is not there: a process ended between the two. `unlisted` are files that no page names, so that
    nothing vouches for them.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.torn: list[str] = []
        self.unlisted: list[str] = []
        self.projects = self.files = 0

    def add(self, path: Path, what: str) -> None:
        """Note a problem."""
        self.problems.append(f"{path}: {what}")


class _Anchors(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: Links = {}
        self._ended = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in attributes:
            name, _, fragment = attributes["href"].partition("#")
            self.links[unquote(name)] = {**attributes, "fragment": fragment}

    def handle_endtag(self, tag: str) -> None:
        self._ended = self._ended or tag == "html"

    @property
    def is_whole(self) -> bool:
        return self._ended


def check(root: Path) -> Report:
    """Look at a whole eggs directory."""
    report = Report()
    _check_list(root, report)
    for folder in sorted(path for path in root.iterdir() if path.name != ".eggproxy"):
        if not folder.is_dir():
            if folder.name not in _PAGES:
                report.add(folder, "is nothing that belongs here")
        elif not _NAME.fullmatch(folder.name):
            report.add(folder, "is no normalized name")
        else:
            report.projects += 1
            _check_project(folder, report)
    return report


def _check_list(root: Path, report: Report) -> None:
    pages = _pages(root, "index", report)
    if pages is None:
        return
    page, links = pages
    listed = {f"{project['name']}/" for project in page.get("projects", [])}
    if listed != set(links):
        report.torn.append("(project list)")


def _check_project(folder: Path, report: Report) -> None:
    files = [path for path in folder.iterdir() if path.name not in _PAGES]
    pages = _pages(folder, "index", report)
    page, links = pages if pages is not None else ({"files": []}, {})
    if pages is not None and page.get("name") != folder.name:
        report.add(folder, f"has the page of {page.get('name')!r}")
    if _of_json(page) != _of_html(links):
        report.torn.append(folder.name)
    for path in files:
        _check_file(path, page, links, report)
    stored = _pages(folder, "stored", report)
    if stored is None:
        return
    if _of_json(stored[0]) != _of_html(stored[1]):
        report.torn.append(f"{folder.name} (stored)")
    there = {path.name for path in files}
    for name in {entry["filename"] for entry in stored[0]["files"]} | set(stored[1]):
        if name not in there:
            report.add(folder, f"names {name} as stored, which is not there")


def _check_file(path: Path, page: Json, links: Links, report: Report) -> None:
    """Compare a file with the digests that either page gives; both are right about what is."""
    report.files += 1
    if not path.is_file() or path.is_symlink():
        report.add(path, "is no plain file")
        return
    if path.stat().st_mode & stat.S_IXUSR:
        report.add(path, "bears the mark of a file that is not verified")
    promised = _digests(path.name, page, links)
    if not promised:
        report.unlisted.append(f"{path.parent.name}/{path.name}")
        return
    content = path.read_bytes()
    got = {f"{name}={hashlib.new(name, content).hexdigest()}" for name in {
        digest.partition("=")[0] for digest in promised}}  # fmt: skip
    if not got & promised:
        report.add(path, f"has {sorted(got)} where its page promises {sorted(promised)}")


def _digests(name: str, page: Json, links: Links) -> set[str]:
    """Gather what the pages promise of a file, or of a sibling by way of its distribution."""
    promised = set()
    entries = {entry["filename"]: entry for entry in page["files"]}
    if name in entries:
        promised |= {f"{kind}={value}" for kind, value in entries[name]["hashes"].items()}
    if name in links:
        promised.add(links[name]["fragment"])
    base = name.removesuffix(".metadata")
    if base != name and base in entries and isinstance(entries[base].get("core-metadata"), dict):
        core = entries[base]["core-metadata"]
        promised |= {f"{kind}={value}" for kind, value in core.items()}
    if base != name and base in links:
        promised.add(links[base].get("data-core-metadata", ""))
    return {digest for digest in promised if "=" in digest}


def _pages(folder: Path, kind: str, report: Report) -> tuple[Json, Links] | None:
    """Read both forms of a page; None if there is none, or if one cannot be read."""
    wanted = {name for name in _PAGES if name.startswith(f"{kind}.")}
    there = {path.name for path in folder.iterdir()} & wanted
    if there != wanted:
        report.torn += [f"{folder.name} ({kind} lacks a form)"] if there else []
        return None
    try:
        texts = {form: _text(folder / f"{kind}.{form}", report) for form in ("json", "html")}
        page: Json = json.loads(texts["json"])
        entries = page["files"] if "files" in page else page["projects"]
    except (OSError, EOFError, ValueError, KeyError, gzip.BadGzipFile) as error:
        report.add(folder, f"has a page {kind} that cannot be read: {error!r}")
        return None
    anchors = _Anchors(texts["html"])
    if not anchors.is_whole or not isinstance(entries, list):
        report.add(folder, f"has a page {kind} that is not whole")
        return None
    return page, anchors.links


def _text(path: Path, report: Report) -> str:
    content = path.read_bytes()
    packed = gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes())
    if packed != content:
        report.torn.append(f"{path.parent.name}/{path.name}.gz")
    return content.decode()


def _of_json(page: Json) -> set[tuple[str, ...]]:
    """Take of each file what HTML has too."""
    found: set[tuple[str, ...]] = set()
    for entry in page["files"]:
        core = entry.get("core-metadata") or {}
        core = (
            ",".join(f"{kind}={core[kind]}" for kind in core) if isinstance(core, dict) else "true"
        )
        hashes = entry["hashes"]
        digest = f"sha256={hashes['sha256']}" if "sha256" in hashes else ""
        yanked = entry.get("yanked", False)
        reason = "" if yanked is True or yanked is False else str(yanked)
        found.add((entry["filename"], digest, entry.get("requires-python") or "", core,
                   "yanked" if yanked is not False else "", reason))  # fmt: skip
    return found


def _of_html(links: Links) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for name, link in links.items():
        digest = link["fragment"] if link["fragment"].startswith("sha256=") else ""
        python, core = link.get("data-requires-python", ""), link.get("data-core-metadata", "")
        yanked = "yanked" if "data-yanked" in link else ""
        found.add((name, digest, python, core, yanked, link.get("data-yanked", "")))
    return found


def main(arguments: list[str]) -> int:
    """Check the directory that is named."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python checker.py EGGS_DIRECTORY\n")
        return 2
    report = check(Path(arguments[0]))
    for problem in report.problems:
        sys.stdout.write(f"{problem}\n")
    sys.stdout.write(
        f"{report.projects} projects, {report.files} files, {len(report.problems)} problems, "
        f"{len(report.torn)} torn, {len(report.unlisted)} files on no page\n"
    )
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
