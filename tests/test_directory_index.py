"""Directories and find-links pages as indexes: folders of projects, or files of many of them."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest

from eggproxy.names import NormalizedName
from eggproxy.store import Validators
from eggproxy.upstream import FlatUpstream, NotAskedError, OutageError
from eggproxy.upstream.directory import DirectoryAdapter
from tests.distributions import Distribution, make_sdist, make_wheel
from tests.indexes import about, names, page, proxying, section
from tests.servers import JSON, Server, serving, wait_until
from tests.upstream import Upstream

ONE = make_wheel("Demo.Tool", "1.0")
TWO = make_sdist("demo-tool", "2.0")
OTHER = make_wheel("demo-tool-more", "3.0+cu118")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a directory with a blank in its path, to be filled."""
    folder = tmp_path / "a mirror"
    folder.mkdir()
    return folder


def put(folder: Path, *distributions: Distribution) -> None:
    """Put files into a folder."""
    folder.mkdir(exist_ok=True)
    for each in distributions:
        (folder / each.filename).write_bytes(each.content)


@pytest.fixture(params=["Demo.Tool", "demo-tool", "flat", "find_links"])
def proxy(request: pytest.FixtureRequest, tmp_path: Path, root: Path) -> Iterator[Server]:
    """Give a proxy over folders, normalised or not, or over files of all projects."""
    kind = request.param
    put(root if kind in {"flat", "find_links"} else root / kind, ONE, TWO)
    put(root if kind in {"flat", "find_links"} else root / "demo-tool-more", OTHER)
    key = "find_links" if kind == "find_links" else "index"
    with proxying(tmp_path, "[[local]]", f"{key} = {root}") as server:
        yield server


def test_directory__pages_and_files(proxy: Server) -> None:
    """A project has its own files, and those only; they come as they are."""
    assert names(proxy, "demo-tool") == sorted([ONE.filename, TWO.filename])
    assert names(proxy, "demo-tool-more") == [OTHER.filename]
    assert proxy.get(f"/pypi/demo-tool/{ONE.filename}").body == ONE.content
    quoted = OTHER.filename.replace("+", "%2B")
    assert proxy.get(f"/pypi/demo-tool-more/{quoted}").body == OTHER.content


def test_directory__names_that_are_not_there(proxy: Server) -> None:
    """What is not there is 404, be it a project or a file."""
    for path in ("nowhere/", "demo/", f"demo-tool/{ONE.filename}.metadata", "demo-tool/x-1.zip"):
        assert proxy.get(f"/pypi/{path}").status == 404


def test_directory__range(proxy: Server) -> None:
    """A part of a file is that part."""
    reply = proxy.get(f"/pypi/demo-tool/{ONE.filename}", range="bytes=5-9")
    assert (reply.status, reply.body) in {(206, ONE.content[5:10]), (200, ONE.content)}


def over(tmp_path: Path, root: Path, key: str = "index") -> AbstractContextManager[Server]:
    """Run a proxy over a directory that is named by its URL."""
    return proxying(tmp_path, "[[local]]", f"{key} = {root.as_uri()}", update_interval="0.05s")


@pytest.mark.parametrize("name", ["index.html", "index.json"])
def test_directory__has_pages(tmp_path: Path, root: Path, name: str) -> None:
    """A page that lies in the folder is the one that counts, with all that it says."""
    folder = root / "demo-tool"
    put(folder, ONE)
    html = f'<a href="{ONE.filename}" data-requires-python="&gt;=3.7">{ONE.filename}</a>'
    json = '{"meta":{"api-version":"1.0"},"name":"demo-tool","files":[{"filename":"%s","url":"%s",'
    json += '"hashes":{},"requires-python":">=3.7"}]}'
    text = html if name == "index.html" else json % (ONE.filename, ONE.filename)
    (folder / name).write_text(text)
    with over(tmp_path, root) as proxy:
        (file,) = page(proxy, "demo-tool")["files"]
        assert file["requires-python"] == ">=3.7"
        assert proxy.get(f"/pypi/demo-tool/{ONE.filename}").body == ONE.content


def test_directory__news(tmp_path: Path, root: Path) -> None:
    """What is put into the directory is there with the next question."""
    put(root / "demo-tool", ONE)
    with over(tmp_path, root) as proxy:
        assert names(proxy, "demo-tool") == [ONE.filename]
        put(root / "demo-tool", TWO)
        wait_until(lambda: len(names(proxy, "demo-tool")) == 2)


def test_directory__of_another_eggproxy(tmp_path: Path, upstream: Upstream) -> None:
    """The eggs directory of another eggproxy is an index of what it has stored, metadata too."""
    upstream.add("demo-tool", ONE.filename, ONE.content, metadata=ONE.metadata)
    home = tmp_path / "other"
    home.mkdir()
    with serving(home, upstream.index_url) as other:
        for name in (ONE.filename, f"{ONE.filename}.metadata"):
            assert other.get(f"/pypi/demo-tool/{name}").status == 200
        wait_until(lambda: f"demo-tool/{ONE.filename}.metadata" in other.files())
        wait_until(lambda: f"demo-tool/{ONE.filename}" in other.files())
    with over(tmp_path, other.eggs) as proxy:
        (file,) = page(proxy, "demo-tool")["files"]
        assert {"sha256"} == set(file["hashes"])
        assert proxy.get(f"/pypi/demo-tool/{ONE.filename}").body == ONE.content
        assert proxy.get(f"/pypi/demo-tool/{ONE.filename}.metadata").body == ONE.metadata


def test_directory__files_elsewhere_are_left_out(tmp_path: Path, root: Path) -> None:
    """Files that a page names in folders that are not its index's are not on ours."""
    folder = root / "demo-tool"
    put(folder, ONE)
    links = [ONE.filename, "file:///demo-3.zip", "file:///etc/demo-4.zip"]
    (folder / "index.html").write_text("".join(f'<a href="{each}">x</a>' for each in links))
    with over(tmp_path, root) as proxy:
        assert names(proxy, "demo-tool") == [ONE.filename]


def test_directory__links_lead_nowhere(tmp_path: Path, root: Path) -> None:
    """Neither a link of the file system nor one of a page leads out of the directory."""
    secret = tmp_path / "secret"
    put(secret, ONE, TWO)
    put(root / "demo-tool", OTHER)
    (root / "linked").symlink_to(secret)
    (root / "demo-tool" / ONE.filename).symlink_to(secret / ONE.filename)
    up = f"{quote('..', safe='')}/../../secret/{TWO.filename}".replace("..", "%2e%2e", 1)
    text = [f'<a href="{each}">{TWO.filename}</a>' for each in (escape(up), secret.as_uri())]
    (root / "paged").mkdir()
    (root / "paged" / "index.html").write_text("\n".join(text))
    with over(tmp_path, root) as proxy:
        assert proxy.get("/pypi/linked/").status == 404
        proxy.get("/pypi/demo-tool/")
        assert proxy.get(f"/pypi/demo-tool/{ONE.filename}").status == 404
        proxy.get("/pypi/paged/")
        assert proxy.get(f"/pypi/paged/{TWO.filename}").status in {404, 502, 503}
        assert not [name for name in proxy.files() if name.endswith((ONE.filename, ".tar.gz"))]


@pytest.mark.parametrize("inside", ["%2e%2e/secret", "../secret", "a/%2e%2e/%2e%2e/secret"])
def test_adapter__dots_lead_nowhere(root: Path, tmp_path: Path, inside: str) -> None:
    """Steps upwards do not lead out of the directory, however they are written."""
    import requests  # noqa: PLC0415  as the adapter

    (tmp_path / "secret").write_bytes(b"secret")
    request = requests.Request("GET", f"{root.as_uri()}/{inside}").prepare()
    answer = DirectoryAdapter(f"{root.as_uri()}/").send(request)
    assert (answer.status_code, answer.raw.read()) == (404, b"")


def test_directory__unmounted(tmp_path: Path, root: Path, upstream: Upstream) -> None:
    """A directory that is gone is an outage: nothing comes from the next index instead."""
    put(root / "demo-tool", ONE)
    upstream.add("demo-tool", "demo_tool-9.0-py3-none-any.whl", b"theirs")
    lines = "[[local]]", f"index = {root}", "[[public]]", f"index = {upstream.index_url}"
    with proxying(tmp_path, *lines) as proxy:
        root.rename(tmp_path / "elsewhere")
        assert proxy.get("/pypi/demo-tool/").status == 503
        (tmp_path / "elsewhere").rename(root)
        wait_until(lambda: proxy.get("/pypi/demo-tool/").status == 200)
        assert names(proxy, "demo-tool") == [ONE.filename]
    assert upstream.requests == []


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_directory__unreadable(tmp_path: Path, root: Path) -> None:
    """A folder that may not be read is an outage, not a project without files."""
    put(root / "demo-tool", ONE)
    (root / "demo-tool").chmod(0)
    with over(tmp_path, root) as proxy:
        assert proxy.get("/pypi/demo-tool/").status == 503


@pytest.fixture
def links(upstream: Upstream) -> Iterator[Upstream]:
    """Give a find-links page of many projects, whose files lie on another host."""
    with ExitStack() as stack:
        files = stack.enter_context(Upstream())
        anchors = []
        for each in (ONE, TWO, OTHER):
            url = files.put(f"/whl/{each.filename}", each.content).replace("+", "%2B")
            anchors.append(f'<a href="{url}">{each.filename}</a>')
        content = ("\n".join(anchors)).encode()
        upstream.path_override["/links.html"] = (200, {"Content-Type": "text/html"}, content)
        yield upstream


def test_find_links__over_http(tmp_path: Path, links: Upstream) -> None:
    """Of one page each project has its own files, wherever they are; the page is asked once."""
    with proxying(tmp_path, "[[links]]", f"find_links = {links.url}/links.html") as proxy:
        assert names(proxy, "demo-tool") == [ONE.filename, TWO.filename]
        assert names(proxy, "demo-tool-more") == [OTHER.filename]
        quoted = OTHER.filename.replace("+", "%2B")
        assert proxy.get(f"/pypi/demo-tool-more/{quoted}").body == OTHER.content
        assert proxy.get("/pypi/nowhere/").status == 404
    assert len(links.requests) == 1


def test_find_links__is_a_file(tmp_path: Path, root: Path) -> None:
    """The page may be a file, with others beside it."""
    put(root, ONE)
    (root / "links.html").write_text(f'<a href="{ONE.filename}">{ONE.filename}</a>')
    with over(tmp_path, root / "links.html", "find_links") as proxy:
        assert names(proxy, "demo-tool") == [ONE.filename]
        assert proxy.get(f"/pypi/demo-tool/{ONE.filename}").body == ONE.content


def test_find_links__page_is_gone(tmp_path: Path, links: Upstream, upstream: Upstream) -> None:
    """A find-links page that is 404 says nothing of any project: the next index is not asked."""
    lines = [f"[[links]]\nfind_links = {links.url}/gone.html", section("public", upstream)]
    with proxying(tmp_path, *lines) as proxy:
        reply = proxy.get("/pypi/demo-tool/", accept=JSON)
        assert (reply.status, b"has no page there" in reply.body) == (503, True), reply
    assert about(upstream, "demo-tool") == []


def test_find_links__hangs(tmp_path: Path, links: Upstream) -> None:
    """While the page does not come, one question is enough for all; what is stored is served."""
    lines = ["[[links]]", f"find_links = {links.url}/links.html", "update_interval = 0"]
    with proxying(tmp_path, *lines) as proxy:
        assert names(proxy, "demo-tool-more") == [OTHER.filename]
    links.forget()
    links.hang()
    paths = [f"/pypi/new-{number}/" for number in range(8)]
    server = proxying(tmp_path, *lines, timeout=2, outage_pages="all")
    with server as proxy, ThreadPoolExecutor(8) as pool:
        assert {reply.status for reply in pool.map(proxy.get, paths)} == {503}
        assert len(links.requests) == 1
        assert names(proxy, "demo-tool-more") == [OTHER.filename]
        links.heal()


def test_find_links__open_breaker(links: Upstream) -> None:
    """Who comes when the page is known not to come is told so, behind nobody's question."""
    flat = FlatUpstream(f"{links.url}/links.html", timeout=0.5)
    links.hang()
    with pytest.raises(OutageError):
        flat.pages(NormalizedName("demo-tool"), Validators())
    with flat._page_lock, pytest.raises(NotAskedError):
        flat.pages(NormalizedName("demo-tool"), Validators())
    assert len(links.requests) == 1
