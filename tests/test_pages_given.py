"""A new page is given to whoever waits for it as soon as it is read, while it is put in place."""

import gzip
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from eggproxy import config
from eggproxy.channels import MAIN
from eggproxy.errors import StorageError
from eggproxy.front import Front
from eggproxy.names import NormalizedName
from eggproxy.outcome import Taken
from eggproxy.page_flights import PageFlights
from eggproxy.refresh import NewPage
from eggproxy.responses import Request, Response
from tests.servers import JSON, PATIENCE, settings_of, wait_until
from tests.upstream import Upstream

FILE = "foo-1.0.tar.gz"
MISS = "eggproxy; fwd=uri-miss; fwd-status=200; stored"


class Held(NamedTuple):
    """A front end in this process, whose disk takes no page until its gate is open."""

    front: Front
    gate: threading.Event
    writing: threading.Event
    pool: ThreadPoolExecutor
    eggs: Path

    def ask(
        self,
        path: str = "/pypi/foo/",
        accept: str = JSON,
        accept_encoding: str | None = "gzip",
        if_none_match: str | None = None,
    ) -> Future[Response]:
        """Ask as pip and uv do, but for these headers."""
        request = Request(
            "GET",
            path.encode(),
            accept=accept,
            accept_encoding=accept_encoding,
            if_none_match=if_none_match,
        )
        return self.pool.submit(self.front.respond, request)

    def answer(self, path: str = "/pypi/foo/", if_none_match: str | None = None) -> Response:
        """Ask, and wait for the answer."""
        return self.ask(path, if_none_match=if_none_match).result(PATIENCE)

    @property
    def flights(self) -> PageFlights:
        """The questions about pages that are under way."""
        return self.front.channels[MAIN].pages.flights


@pytest.fixture
def held(tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """Give such a front end, over an index with one project."""
    upstream.add("foo", FILE, b"foo")
    eggs = tmp_path / "eggs"
    configuration = config.load(environ=settings_of(upstream.index_url, eggs))
    front = Front(configuration)
    front.prepare(configuration)
    gate, writing = threading.Event(), threading.Event()
    store = front.channels[MAIN].store
    write = store.write

    def write_later(*args: object) -> None:
        writing.set()
        assert gate.wait(PATIENCE)
        write(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "write", write_later)
    with ThreadPoolExecutor() as pool:
        yield Held(front, gate, writing, pool, eggs)
        gate.set()
        wait_until(lambda: not len(front.channels[MAIN].pages.flights))


def header(response: Response, name: str) -> str | None:
    """Find a header; None if it is missing."""
    return dict(response.headers).get(name)


def files(response: Response) -> list[str]:
    """Name the files on a page that came packed."""
    assert response.status == 200
    assert isinstance(response.body, bytes)
    assert header(response, "Content-Encoding") == "gzip"
    return [file["filename"] for file in json.loads(gzip.decompress(response.body))["files"]]


def test_given__before_it_is_in_place(held: Held, upstream: Upstream) -> None:
    """Whoever asks for a new page has it, first or second, while nothing of it is on disk."""
    first = held.answer()
    second = held.answer()
    assert files(first) == files(second) == [FILE]
    assert header(first, "Cache-Status") == MISS
    assert header(second, "Cache-Status") == f"{MISS}; collapsed"
    assert not (held.eggs / "foo").exists()
    held.gate.set()
    wait_until(lambda: not len(held.flights))
    later = held.answer()
    assert header(later, "Cache-Status") == "eggproxy; hit"
    assert later.body == first.body == (held.eggs / "foo" / "index.json.gz").read_bytes()
    for name in ("ETag", "Vary", "Cache-Control", "Content-Type", "Content-Length"):
        assert header(first, name) == header(later, name)
    assert len(upstream.asked(kind="page")) == 1


def test_given__conditional(held: Held) -> None:
    """Who has it already hears that it is still the same."""
    etag = header(held.answer(), "ETag")
    again = held.answer(if_none_match=etag)
    assert (again.status, again.body) == (304, b"")
    assert header(again, "ETag") == etag


def test_given__in_another_form(held: Held) -> None:
    """Who wants it otherwise than most waits until it is in place."""
    asked = [
        held.ask(accept="text/html"),
        held.ask(accept_encoding=None),
        held.ask(accept="text/html", accept_encoding=None),
    ]
    assert held.writing.wait(PATIENCE)
    assert not any(each.done() for each in asked)
    held.gate.set()
    assert [each.result(PATIENCE).status for each in asked] == [200] * 3


def test_given__its_files_come_all_the_same(held: Held) -> None:
    """A file of a page that has been given comes as soon as the page is in place."""
    held.answer()
    assert held.writing.wait(PATIENCE)
    asked = held.ask(f"/pypi/foo/{FILE}")
    assert not asked.done()
    held.gate.set()
    assert asked.result(PATIENCE).status == 200


def test_given__and_never_stored(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk does not take it then, it is served without being stored, as ever."""

    def write(*args: object) -> None:
        del args
        raise StorageError("foo", "No space left on device")

    monkeypatch.setattr(held.front.channels[MAIN].store, "write", write)
    assert files(held.answer()) == [FILE]
    wait_until(lambda: not len(held.flights))
    assert "not-stored" in (header(held.answer(), "Cache-Status") or "")


def test_given__by_a_process_that_dies(held: Held) -> None:
    """If another process has given a page and dies, the page comes into place all the same."""
    given = gzip.compress(b'{"name":"foo","files":[]}')

    def elsewhere(new: NewPage) -> Taken:
        new.give(given)
        return Taken.NOT

    held.front.channels[MAIN].pages.refresher.elsewhere = elsewhere
    assert held.answer().body == given
    held.gate.set()
    wait_until(lambda: not len(held.flights))
    assert files(held.answer()) == [FILE]


def test_given__not_before_its_metadata(held: Held, upstream: Upstream) -> None:
    """Where metadata of the newest version is looked for first, a page is not given before."""
    upstream.add("bar", "bar-1.0-py3-none-any.whl", b"no wheel at all")
    asked = held.ask("/pypi/bar/")
    assert held.writing.wait(PATIENCE)
    assert not asked.done()
    held.gate.set()
    assert files(asked.result(PATIENCE)) == ["bar-1.0-py3-none-any.whl"]


def test_changed__not_given(held: Held, upstream: Upstream) -> None:
    """A page that is stored and has changed is served when it is in place, not before."""
    held.gate.set()
    held.answer()
    wait_until(lambda: not len(held.flights))
    held.gate.clear()
    held.writing.clear()
    upstream.add("foo", "foo-2.0.tar.gz", b"foo")
    held.front.channels[MAIN].store.touch(NormalizedName("foo"), 0)
    asked = held.ask()
    assert held.writing.wait(PATIENCE)
    assert not asked.done()
    held.gate.set()
    assert files(asked.result(PATIENCE)) == [FILE, "foo-2.0.tar.gz"]
