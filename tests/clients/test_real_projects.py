"""Two hundred real projects: what the public index says of their files, we say as well."""

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from eggproxy.default_index import default_index
from eggproxy.names import normalize
from tests.servers import Server, serving

NAMES = (Path(__file__).parents[1] / "data" / "real-projects.txt").read_text().split()

Facts = dict[str, dict[str, object]]


class _Links(HTMLParser):
    """Reads the links of a page, by nothing of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.facts: Facts = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag != "a" or not said.get("href"):
            return
        url = urlsplit(said["href"] or "")
        metadata = said.get("data-core-metadata", said.get("data-dist-info-metadata"))
        self.facts[unquote(url.path.rpartition("/")[2])] = {
            "digest": url.fragment,
            "requires-python": said.get("data-requires-python"),
            "metadata": metadata,
            "yanked": (said["data-yanked"] or True) if "data-yanked" in said else False,
            "signed": said.get("data-gpg-sig"),
            "provenance": bool(said.get("data-provenance")),
        }


def of_html(text: str) -> Facts:
    """Read what a page in HTML says."""
    links = _Links()
    links.feed(text)
    return links.facts


def of_json(text: str) -> Facts:
    """Read what a page in JSON says, in the words of HTML."""
    facts: Facts = {}
    for file in json.loads(text)["files"]:
        metadata = file.get("core-metadata")
        if isinstance(metadata, dict):
            metadata = f"sha256={metadata['sha256']}"
        facts[file["filename"]] = {
            "digest": "".join(f"{name}={value}" for name, value in file["hashes"].items()),
            "requires-python": file.get("requires-python"),
            "metadata": metadata or None,
            "yanked": file.get("yanked", False),
            "signed": {True: "true", False: "false", None: None}[file.get("gpg-sig")],
            "provenance": bool(file.get("provenance")),
        }
    return facts


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a proxy over the public index, which completes nothing."""
    home: Path = tmp_path_factory.mktemp("real")
    with serving(home, default_index(), timeout=30, complete_metadata=0) as server:
        yield server


def plain(page: str) -> str:
    """Write the ends of lines as whoever reads HTML sees them (WHATWG, 13.2.3.5).

    That is one character; in JSON, which the index speaks at times, it may be two.
    """
    return page.replace("\r\n", "\n").replace(r"\r\n", r"\n")


def test_real_projects__nothing_is_lost(proxy: Server) -> None:
    """Every file, and all that is said of it, is in our JSON and in our HTML."""

    def compared(name: str) -> int:
        address = f"{default_index()}{normalize(name)}/"
        with urllib.request.urlopen(address, timeout=60) as answer:
            said = of_html(plain(answer.read().decode()))
        for accept, read in ((None, of_html), ("application/vnd.pypi.simple.v1+json", of_json)):
            headers = {"accept": accept} if accept else {}
            ours = read(plain(proxy.get(f"/pypi/{name}/", **headers).body.decode()))
            assert ours == said, name
        return len(said)

    assert len(NAMES) >= 200
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(compared, NAMES))
    assert sum(counts) > 10_000
    assert min(counts) > 0
