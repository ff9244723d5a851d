"""`eggproxy serve`: new pages are read by a process beside it, which may die at any moment."""

import gzip
import json
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eggproxy import config, reading
from eggproxy.channels import MAIN
from eggproxy.front import Front
from eggproxy.names import NormalizedName
from eggproxy.outcome import Taken
from eggproxy.refresh import NewPage
from eggproxy.server import page_memory, page_work
from eggproxy.server.page_memory import PageMemory, Work
from eggproxy.server.page_process import WORTH, PageProcess
from eggproxy.transfer import Wanted
from eggproxy.upstream import Fetched
from tests.httpd import children
from tests.servers import PATIENCE, Server, serving, settings_of, wait_until
from tests.upstream import Upstream

JSON = "application/vnd.pypi.simple.v1+json"
FILES = 400


@pytest.fixture
def proxy(tmp_path: Path, upstream: Upstream) -> Iterator[Server]:
    """Serve an index with two projects that are worth another process, and a small one."""
    for name in ("large", "other"):
        for number in range(FILES):
            upstream.add(name, f"{name}-{number}.tar.gz", b"x")
    upstream.add("small", "small-1.0.tar.gz", b"x")
    with serving(tmp_path, upstream.index_url) as server:
        yield server


def page_process(server: Server) -> int:
    """Find the process for new pages."""
    (pid,) = children(server.process.pid)
    return pid


def is_there(pid: int) -> bool:
    """Say whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def name_of(pid: int) -> str:
    """Tell what a process is called; nothing if it has gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except FileNotFoundError:
        return ""


def written_by(pid: int) -> int:
    """Count the bytes that a process has written."""
    facts = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(facts["wchar"])


def files_of(server: Server, project: str) -> int:
    """Count the files on a project's page."""
    reply = server.get(f"/pypi/{project}/", accept=JSON)
    return len(json.loads(reply.body)["files"]) if reply.status == 200 else 0


def test_new_page__does_not_stop_the_server(proxy: Server) -> None:
    """While a large page is being read, others are answered; and it comes when it is read."""
    process = page_process(proxy)
    assert proxy.get("/pypi/small/").status == 200
    before = written_by(process)
    os.kill(process, signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        page = pool.submit(files_of, proxy, "large")
        wait_until((proxy.eggs / ".eggproxy" / "projects" / "large").exists)
        assert proxy.get("/pypi/small/").headers["Cache-Status"] == "eggproxy; hit"
        assert not page.done()
        os.kill(process, signal.SIGCONT)
        assert page.result() == FILES
    pages = [path.stat().st_size for path in (proxy.eggs / "large").iterdir()]
    assert written_by(process) - before > sum(pages)
    assert "process for new pages" not in proxy.log


def test_new_page__process_killed(proxy: Server) -> None:
    """If the process dies over a page, that comes all the same, and all others; it is said once."""
    process = page_process(proxy)
    os.kill(process, signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        page = pool.submit(files_of, proxy, "large")
        wait_until((proxy.eggs / ".eggproxy" / "projects" / "large").exists)
        os.kill(process, signal.SIGKILL)
        assert page.result() == FILES
    assert files_of(proxy, "other") == FILES
    assert proxy.log.count("the process for new pages") == 1
    assert proxy.stop() == 0


def test_new_page__process_without_room(proxy: Server) -> None:
    """A page that the process cannot take for a moment is the server's; the next is its again."""
    process = page_process(proxy)
    usual = resource.prlimit(process, resource.RLIMIT_NOFILE)
    resource.prlimit(process, resource.RLIMIT_NOFILE, (3, usual[1]))
    before = written_by(process)
    assert files_of(proxy, "large") == FILES
    assert written_by(process) == before
    resource.prlimit(process, resource.RLIMIT_NOFILE, usual)
    assert files_of(proxy, "other") == FILES
    assert written_by(process) > before
    assert "process for new pages" not in proxy.log


def page_of(name: str, *, has_metadata: bool) -> NewPage:
    """Make the page of a project with thousands of wheels; nobody is given it."""
    names = [f"{name}-1.{number}-py3-none-any.whl" for number in range(4000)]
    files = [
        {"filename": each, "url": each, "hashes": {}, "core-metadata": has_metadata}
        for each in names
    ]
    page = Fetched(
        body=json.dumps({"name": name, "files": files}).encode(),
        content_type=JSON,
        url=f"https://index.example/simple/{name}/",
        etag=None,
        last_modified=None,
    )
    return NewPage(NormalizedName(name), [page], "", lambda _page: None)


def test_new_page__told_before_it_is_read(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a large page leads to is told while the page waits until another one is read."""
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    read = reading.project_detail

    def read_later(*args: Any) -> object:
        begun.touch()
        wait_until(gate.exists)
        return read(*args)

    # It is inherited by the process.
    monkeypatch.setattr(reading, "project_detail", read_later)
    settings = settings_of(upstream.index_url, tmp_path / "eggs", prefetch_metadata=1)
    configuration = config.load(environ=settings)
    Front(configuration).prepare(configuration)
    ours, theirs = socket.socketpair()
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        page_work.run(configuration, theirs, server)
    theirs.close()
    wanted: list[Wanted] = []
    with ours, ThreadPoolExecutor() as pool:
        process = PageProcess(pid, ours)
        new = page_of("bar", has_metadata=False), page_of("foo", has_metadata=True)
        first = pool.submit(process.take, MAIN, wanted.append, new[0])
        wait_until(begun.exists)
        second = pool.submit(process.take, MAIN, wanted.append, new[1])
        wait_until(lambda: len(wanted) == 1)
        assert wanted[0].filename == "foo-1.3999-py3-none-any.whl.metadata"
        assert not first.done()
        assert not second.done()
        gate.touch()
        assert first.result(PATIENCE) is not Taken.NOT
        assert second.result(PATIENCE) is not Taken.NOT
    os.waitpid(pid, 0)
    assert len(wanted) == 1
    assert (tmp_path / "eggs" / "foo" / "index.json").exists()


@pytest.mark.parametrize(
    "said",
    [b"p", b"p" + (1 << 40).to_bytes(8, "big"), b"w" + (1000).to_bytes(8, "big") + b"a part"],
)
def test_new_page__ends_in_the_middle_of_it(said: bytes) -> None:
    """Of a page that the process was about to give when it died, nobody gets a part."""
    ours, theirs = socket.socketpair()

    def die_over_it() -> None:
        _word, descriptors, _flags, _address = socket.recv_fds(theirs, 1, 2)
        os.close(descriptors[1])
        with socket.socket(fileno=descriptors[0]) as told:
            told.sendall(said)
        theirs.close()

    given: list[bytes] = []
    page = Fetched(
        body=b" " * WORTH,
        content_type="text/html",
        url="https://index.example/simple/foo/",
        etag=None,
        last_modified=None,
    )
    new = NewPage(NormalizedName("foo"), [page], "", given.append)
    with ours, theirs, subprocess.Popen(["sleep", "60"]) as sleeper, ThreadPoolExecutor() as pool:
        process = PageProcess(sleeper.pid, ours)
        died = pool.submit(die_over_it)
        assert process.take("", lambda _wanted: None, new) is Taken.NOT
        assert given == []
        died.result()
        # And it is known to be gone.
        assert process.take("", lambda _wanted: None, new) is Taken.NOT
        assert not is_there(sleeper.pid)


def test_new_page__the_same_by_either(proxy: Server, tmp_path: Path, upstream: Upstream) -> None:
    """What the process writes is what the server writes without it, byte for byte."""
    assert files_of(proxy, "large") == FILES
    (home := tmp_path / "alone").mkdir()
    with serving(home, upstream.index_url) as alone:
        os.kill(page_process(alone), signal.SIGKILL)
        assert files_of(alone, "large") == FILES
        assert "the process for new pages" in alone.log
        names = ["large/index.json", "large/index.json.gz", "large/index.html.gz"]
        for name in [*names, "large/index.html", ".eggproxy/projects/large/record.json"]:
            assert (proxy.eggs / name).read_bytes() == (alone.eggs / name).read_bytes()


def work_of(name: str, *bodies: bytes) -> Work:
    """Make work of a project whose pages are these."""
    pages = [replace(page_of(name, has_metadata=False).pages[0], body=body) for body in bodies]
    return Work("", NormalizedName(name), pages, "digest", "agent", "1.0")


def test_memory__is_what_was_written_last() -> None:
    """Memory that has been used before holds what there is to do now, be it more or less."""
    memory = PageMemory()
    works = [
        work_of("foo", b"f" * 9_000, b"g"),
        work_of("barbar", b"b"),
        work_of("foo", b"x" * 99_999),
    ]
    seen = set()
    for work in works:
        with memory.lent() as lent:
            page_memory.put_work(lent, work)
            assert page_memory.size_of(lent) == sum(len(page.body) for page in work.pages)
            assert page_memory.work_in(lent) == work
            page_memory.put_page(lent, b"given")
            assert page_memory.read(lent, 5) == b"given"
            seen.add(lent)
    assert len(seen) == 1


def test_memory__is_for_one_page_at_a_time() -> None:
    """Who takes memory has it alone; what somebody may still be at is lent to nobody again."""
    memory = PageMemory()
    with memory.lent() as one, memory.lent() as other:
        assert one != other
    with memory.lent() as lent:
        kept = os.fstat(lent).st_ino
    with suppress(TimeoutError), memory.lent() as lent:
        assert os.fstat(lent).st_ino == kept
        raise TimeoutError
    with memory.lent() as lent:
        assert os.fstat(lent).st_ino != kept


def test_new_page__in_the_memory_of_the_one_before(tmp_path: Path, upstream: Upstream) -> None:
    """Pages of all sizes, one after the other and at once, are each given as upstream has them."""
    sizes = {f"foo-{number}": count for number, count in enumerate([900, 300, 1200, 400, 20000])}
    for name, count in sizes.items():
        for number in range(count):
            upstream.add(name, f"{name.replace('-', '_')}-{number}.tar.gz", b"x")

    def given(name: str) -> set[str]:
        page = server.get(f"/pypi/{name}/", accept=JSON, accept_encoding="gzip")
        return {file["filename"] for file in json.loads(gzip.decompress(page.body))["files"]}

    def meant(name: str) -> set[str]:
        return {f"{name.replace('-', '_')}-{number}.tar.gz" for number in range(sizes[name])}

    with serving(tmp_path, upstream.index_url) as server, ThreadPoolExecutor() as pool:
        process = page_process(server)
        names = list(sizes)
        for name in names[:3]:
            before = written_by(process)
            assert given(name) == meant(name)
            wait_until((server.eggs / ".eggproxy" / "projects" / name / "record.json").exists)
            page = (server.eggs / name / "index.json").stat().st_size
            assert written_by(process) - before > page
        assert list(pool.map(given, names[3:])) == [meant(name) for name in names[3:]]
        assert "process for new pages" not in server.log


def test_new_page__given_as_it_is_stored(proxy: Server) -> None:
    """What a client gets before the page is in place is, byte for byte, what is in place then."""
    replies = [proxy.get("/pypi/large/", accept=JSON, accept_encoding="gzip")]
    wait_until((proxy.eggs / ".eggproxy/projects/large/record.json").exists)
    replies.append(proxy.get("/pypi/large/", accept=JSON, accept_encoding="gzip"))
    assert replies[0].body == replies[1].body == (proxy.eggs / "large/index.json.gz").read_bytes()
    assert replies[0].headers["ETag"] == replies[1].headers["ETag"]
    assert replies[1].headers["Cache-Status"] == "eggproxy; hit"


def test_new_page__nonsense(proxy: Server, upstream: Upstream) -> None:
    """A large page that makes no sense is the error that it always is, and the process lives on."""
    process = page_process(proxy)
    portal = b"<form><input type=password></form>" * WORTH
    upstream.path_override["/simple/large/"] = (200, {"Content-Type": "text/html"}, portal)
    reply = proxy.get("/pypi/large/")
    assert (reply.status, b"large" in reply.body) == (502, True)
    assert files_of(proxy, "other") == FILES
    assert is_there(process)
    assert not (proxy.eggs / "large").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_end__of_both(proxy: Server, number: int) -> None:
    """The process ends with the server, however that ends."""
    process = page_process(proxy)
    proxy.stop(number)
    wait_until(lambda: not is_there(process))


def test_end__all_told_at_once(proxy: Server, upstream: Upstream) -> None:
    """If both are told to end, as systemd does, an answer that runs still ends well."""
    gate = upstream.gate("page", after=1000, only="/large/")
    process = page_process(proxy)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor())
        stack.callback(gate.open)
        page = pool.submit(files_of, proxy, "large")
        wait_until((proxy.eggs / ".eggproxy" / "projects" / "large").exists)
        for pid in (process, proxy.process.pid):
            os.kill(pid, signal.SIGTERM)
        gate.open()
        assert page.result() == FILES
    wait_until(lambda: not is_there(process))


def test_workers__each_has_its_own(tmp_path: Path, upstream: Upstream) -> None:
    """Of several workers each has its process."""
    upstream.add("small", "small-1.0.tar.gz", b"x")
    with serving(tmp_path, upstream.index_url, workers=2) as server:
        assert server.get("/pypi/small/").status == 200

        def names() -> list[str]:
            workers = children(server.process.pid)
            return [name_of(pid) for worker in workers for pid in children(worker)]

        # Who answered was the first of them, and the other may still be starting.
        wait_until(lambda: names().count("eggproxy-pages") == 2)
