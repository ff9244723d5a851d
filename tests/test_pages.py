"""Pages on disk and fresh."""

import errno
import fcntl
import gzip
import os
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import pytest

from eggproxy.errors import (
    EggProxyError,
    NoSuchProjectError,
    UpstreamNonsenseError,
    UpstreamUnavailableError,
)
from eggproxy.findings import MISSING_MEMORY
from eggproxy.freshness import Lifetime
from eggproxy.names import METADATA, NormalizedName
from eggproxy.outcome import Outcome
from eggproxy.pages import Pages
from eggproxy.store import EggsDirectory
from eggproxy.upstream import Upstream as Client
from tests.servers import PATIENCE, wait_until
from tests.upstream import Upstream

FOO, NONE = NormalizedName("foo"), NormalizedName("none")
NAME = "foo-1.0-py3-none-any.whl"
INTERVAL = 60.0


class Clock:
    """A clock that a test sets."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


class Case(Pages):
    """Pages of a project with one file, over an upstream, with a clock of their own."""

    def __init__(self, root: Path, upstream: Upstream, **facts: Any) -> None:
        """Begin with an empty directory, or with what is there."""
        self.clock = Clock()
        self.upstream = upstream
        store = EggsDirectory(root)
        store.prepare()
        lifetime = Lifetime(interval=INTERVAL, always_refresh=facts.pop("always_refresh", False))
        timeout = facts.pop("timeout", 5)
        client = Client(upstream.index_url, timeout, clock=self.clock)
        super().__init__(store, client, lifetime, self.clock)

    def how(self, name: NormalizedName | None = FOO) -> str:
        """Have the page, and say how it came."""
        return self.ensure(name).cache_status

    def page(self, name: NormalizedName | None = FOO) -> str:
        """Give the page that is stored, which is the same packed."""
        plain = self.store.page(name, "html", packed=False).read_bytes()
        assert gzip.decompress(self.store.page(name, "html", packed=True).read_bytes()) == plain
        return plain.decode()

    def later(self, seconds: float = 2 * INTERVAL) -> None:
        """Let time pass; without a number, until no page may be served without asking."""
        self.clock.now += seconds

    def asked(self) -> int:
        """Count what upstream was asked."""
        return len(self.upstream.requests)


@pytest.fixture
def root(tmp_path: Path, upstream: Upstream) -> Path:
    """Publish a project, and name a directory."""
    upstream.add("foo", NAME, b"x", metadata=b"y")
    return tmp_path / "eggs"


@pytest.fixture
def pages(root: Path, upstream: Upstream) -> Case:
    """Have pages of which none is stored."""
    return Case(root, upstream)


@pytest.fixture
def stale(pages: Case) -> Case:
    """Have a stored page that is stale."""
    pages.ensure(FOO)
    pages.ensure(None)
    pages.later()
    pages.upstream.forget()
    return pages


# Freshness.


def test_ensure__miss_then_hits(pages: Case) -> None:
    """A page comes from upstream once, and is fresh for its lifetime without a word to it."""
    state = pages.ensure(FOO)
    assert state.cache_status == "fwd=uri-miss; fwd-status=200; stored"
    assert (state.age, state.fresh_until) == (0, pages.clock.now + INTERVAL)
    pages.later(INTERVAL - 1)
    assert pages.is_fresh(FOO)
    state = pages.ensure(FOO)
    assert (state.cache_status, state.age) == ("hit", INTERVAL - 1)
    assert state.fresh_until == pages.clock.now + 1
    assert pages.asked() == 1
    assert NAME in pages.page()


def test_ensure__fresh_for_other_processes(pages: Case, root: Path) -> None:
    """What one process has stored is fresh for another."""
    pages.ensure(FOO)
    assert Case(root, pages.upstream).how() == "hit"
    assert pages.asked() == 1


@pytest.mark.parametrize(
    ("etags", "last_modified", "status"),
    [(True, None, 304), (False, "Tue, 02 Jan 2024 03:04:05 GMT", 304), (False, None, 200)],
)
def test_ensure__nothing_new(
    pages: Case, *, etags: bool, last_modified: str | None, status: int
) -> None:
    """A page of which upstream says nothing new is fresh again, and not written again."""
    pages.upstream.etags, pages.upstream.last_modified = etags, last_modified
    pages.ensure(FOO)
    before = pages.store.page(FOO, "json", packed=False).stat()
    pages.later()
    assert not pages.is_fresh(FOO)
    state = pages.ensure(FOO)
    assert state.cache_status == f"fwd=stale; fwd-status={status}"
    assert (state.age, state.fresh_until) == (0, pages.clock.now + INTERVAL)
    after = pages.store.page(FOO, "json", packed=False).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert pages.how() == "hit"


@pytest.mark.parametrize("etags", [True, False])
def test_ensure__a_new_release(stale: Case, *, etags: bool) -> None:
    """A stale page that has changed is written anew."""
    stale.upstream.etags = etags
    stale.upstream.add("foo", "foo-2.0.tar.gz", b"z")
    assert stale.how() == "fwd=stale; fwd-status=200; stored"
    assert "foo-2.0.tar.gz" in stale.page()


def test_ensure__always_refresh(root: Path, upstream: Upstream) -> None:
    """With always_refresh upstream is asked each time, conditionally."""
    pages = Case(root, upstream, always_refresh=True)
    pages.ensure(FOO)
    for _ in range(2):
        pages.later(0.001)
        assert pages.how() == "fwd=stale; fwd-status=304"
    assert (pages.asked(), pages.is_fresh(FOO)) == (3, False)


def test_ensure__a_clock_that_was_wrong(pages: Case) -> None:
    """A page that was confirmed in the future is asked for now, not only from then on."""
    pages.ensure(FOO)
    pages.later(-3600)
    assert pages.how() == "fwd=stale; fwd-status=304"
    assert pages.how() == "hit"


def test_revalidate__whatever_its_age(pages: Case) -> None:
    """A fresh page can be revalidated all the same, and an unknown one fetched."""
    assert "uri-miss" in pages.revalidate(FOO)
    pages.later(1)
    assert pages.revalidate(FOO) == "fwd=stale; fwd-status=304"
    with pytest.raises(NoSuchProjectError):
        pages.revalidate(NONE)


# One request for many.


def test_ensure__one_request_for_many(pages: Case) -> None:
    """Twenty who want the same page at once make one request."""
    gate = pages.upstream.hang("page")
    with ThreadPoolExecutor(20) as pool:
        states = [pool.submit(pages.how) for _ in range(20)]
        pages.upstream.wait_for(1, kind="page")
        gate.open()
        outcomes = {state.result(PATIENCE) for state in states}
    first = "fwd=uri-miss; fwd-status=200; stored"
    assert first in outcomes <= {first, f"{first}; collapsed", "hit"}
    assert pages.asked() == 1


def test_ensure__one_request_for_two_processes(pages: Case, root: Path) -> None:
    """Of two processes one asks, the other waits for that and has the page too."""
    another = Case(root, pages.upstream)
    gate = pages.upstream.hang("page")
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(pages.how)
        pages.upstream.wait_for(1, kind="page")
        two = pool.submit(another.how)
        gate.open()
        assert one.result(PATIENCE) == "fwd=uri-miss; fwd-status=200; stored"
        assert two.result(PATIENCE) in {"fwd=stale; collapsed", "hit"}
    assert pages.asked() == 1


def test_ensure__projects_do_not_wait_for_each_other(pages: Case) -> None:
    """While one page hangs, another one comes."""
    pages.upstream.add("bar", "bar-1.0.tar.gz", b"")
    gate = pages.upstream.hang("page", only="/foo/")
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(pages.how)
        pages.upstream.wait_for(1, "/foo/")
        assert "stored" in pages.how(NormalizedName("bar"))
        assert not hanging.done()
        gate.open()


# Upstream fails.

FAULTS: list[dict[str, Any]] = [
    *({"status": status} for status in (301, 401, 403, 404, 410, 429, 500, 502, 503)),
    *({"cut_after": 0}, {"cut_after": 20}),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_stale__served_instead_of_an_error(stale: Case, fault: dict[str, Any]) -> None:
    """However old, a stored page is served instead of an error, and says that it is stale."""
    stale.later(365 * 86400)
    before = stale.page()
    stale.upstream.etags = False
    stale.upstream.fail(**fault)
    state = stale.ensure(FOO)
    assert state.cache_status.startswith("fwd=stale; fwd-status=")
    assert state.cache_status.endswith("; detail=stale-if-error")
    assert (state.age, state.fresh_until) == (365 * 86400 + 2 * INTERVAL, 0.0)
    assert stale.page() == before


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Type": "text/html"}, b""),
        (200, {"Content-Type": "text/html"}, b"<form action=login><input name=user></form>"),
        (200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><h1>It works!</h1>"),
        (200, {"Content-Type": "application/json"}, b"{}"),
        (200, {"Content-Type": "application/vnd.pypi.simple.v1+json"}, b"[1,"),
        (200, {"Content-Type": "image/png"}, b"\x89PNG"),
        (200, {}, b"\0" * 100),
    ],
)
def test_stale__no_nonsense_instead(stale: Case, answer: tuple[int, dict[str, str], bytes]) -> None:
    """What is no page of this project never replaces one, and is asked for again later."""
    before = stale.page()
    stale.upstream.page_override["foo"] = answer
    assert stale.ensure(FOO).cache_status.endswith("stale-if-error")
    assert stale.page() == before
    stale.upstream.page_override.clear()
    stale.later()
    assert stale.how() in {"fwd=stale; fwd-status=304", "fwd=stale; fwd-status=200"}


def test_stale__emptied_by_upstream(stale: Case) -> None:
    """A page that has lost all its files is refused: so looks an upstream that lost its disk."""
    stale.upstream.remove("foo", NAME)
    assert stale.how() == "fwd=stale; fwd-status=502; detail=stale-if-error"
    assert NAME in stale.page()


def test_stale__quarantined_by_upstream(stale: Case) -> None:
    """A project without files that says why is taken at its word (PEP 792: MUST NOT offer any)."""
    stale.upstream.remove("foo", NAME)
    stale.upstream.projects["foo"].keys["project-status"] = {"status": "quarantined"}
    stale.ensure(FOO)
    assert NAME not in stale.page()


def test_empty__at_first_sight(pages: Case) -> None:
    """A project that never had a file is a page without files, and may have some later."""
    pages.upstream.remove("foo", NAME)
    assert "stored" in pages.how()
    pages.upstream.add("foo", NAME, b"x")
    pages.later()
    pages.ensure(FOO)
    assert NAME in pages.page()


def test_stale__upstream_is_left_alone_for_a_moment(stale: Case) -> None:
    """Who comes right after a failure has the stale page without another question."""
    stale.upstream.fail(status=500)
    for _ in range(5):
        assert stale.how() == "fwd=stale; fwd-status=503; detail=stale-if-error"
    assert stale.asked() == 1
    stale.upstream.heal()
    stale.later(2)
    assert stale.how() == "fwd=stale; fwd-status=304"


def test_stale__bounded_by_the_timeout(root: Path, upstream: Upstream) -> None:
    """Who waits longer than the timeout has the stale page; the question goes on."""
    pages = Case(root, upstream, timeout=0.2)
    pages.ensure(FOO)
    pages.later()
    upstream.forget()
    upstream.add("foo", "foo-2.0.tar.gz", b"z")
    upstream.fail("page", rate=50 * 30)
    assert pages.how() == "fwd=stale; fwd-status=503; detail=stale-if-error"
    upstream.heal()
    flight, joined = pages.flights._flights.join(FOO, lambda: Outcome("over"))
    assert "stored" in flight.result(PATIENCE)[0] if joined else "foo-2.0.tar.gz" in pages.page()
    assert pages.asked() == 1


def test_stale__waited_for_once_only(root: Path, upstream: Upstream) -> None:
    """While a question hangs, who comes later does not wait as long as the first one did."""
    pages = Case(root, upstream, timeout=60)
    pages.ensure(FOO)
    pages.later()
    gate = upstream.hang()
    flight, _joined = pages.flights.join(FOO)
    pages._findings.note_overdue(FOO, flight, UpstreamUnavailableError("x", "is slow"))
    assert pages.how() == "fwd=stale; fwd-status=503; detail=stale-if-error"
    gate.open()
    flight.result(PATIENCE)
    assert pages.how() == "hit"


def test_miss__waited_for_another_process_in_vain(root: Path, upstream: Upstream) -> None:
    """Who waited for one that asked in vain does not ask the same again, which takes as long."""
    pages = Case(root, upstream, timeout=0.2)
    with ThreadPoolExecutor(1) as pool:
        with pages.store.lock(FOO):
            waiting = pool.submit(pages.revalidate, FOO)
            wait_until(lambda: list(threads()) != [])
            began = time.monotonic()
            wait_until(lambda: time.monotonic() > began + pages._upstreams.of(None).timeout)
        with pytest.raises(UpstreamUnavailableError, match="another process"):
            waiting.result(PATIENCE)
    assert pages.asked() == 0


def test_passable__nobody_waits(stale: Case) -> None:
    """Just past its lifetime a page is served at once, and is fresh again a moment later."""
    stale.ensure(FOO)
    stale.later(INTERVAL * 1.05)
    assert stale.how() == "hit; detail=revalidating"
    wait_until(lambda: stale.is_fresh(FOO))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 500}, UpstreamUnavailableError),
        ({"status": 429}, UpstreamUnavailableError),
        ({"cut_after": 5}, UpstreamUnavailableError),
        ({"status": 403}, UpstreamNonsenseError),
        ({"status": 404}, NoSuchProjectError),
    ],
)
def test_miss__an_error_where_nothing_is_stored(
    pages: Case, fault: dict[str, Any], error: type[EggProxyError]
) -> None:
    """Where nothing is stored, what went wrong is said, at once to those who come at once."""
    pages.upstream.fail("page", **fault)
    for _ in range(3):
        with pytest.raises(error):
            pages.ensure(FOO)
    assert pages.asked() == 1
    assert pages.store.checked(FOO) is None
    assert pages.store.projects() == []
    assert not (pages.store.root / "foo").exists()


def test_miss__upstream_comes_back(pages: Case) -> None:
    """A moment after a failure upstream is asked again."""
    with pages.upstream.down(), pytest.raises(UpstreamUnavailableError):
        pages.ensure(FOO)
    pages.later(3)
    assert "stored" in pages.how()


# Unknown projects.


def test_missing__remembered_for_a_minute(pages: Case) -> None:
    """Upstream's 404 is remembered for a minute at most, and only in memory."""
    for seconds in (0, 30, MISSING_MEMORY - 31):
        pages.later(seconds)
        with pytest.raises(NoSuchProjectError, match="none"):
            pages.ensure(NONE)
    assert pages.asked() == 1
    pages.upstream.add("none", "none-1.0.tar.gz", b"")
    pages.later(1)
    assert "stored" in pages.how(NONE)
    assert MISSING_MEMORY <= 60


def test_missing__not_remembered_with_always_refresh(root: Path, upstream: Upstream) -> None:
    """With always_refresh a new project is there at once."""
    pages = Case(root, upstream, always_refresh=True)
    with pytest.raises(NoSuchProjectError):
        pages.ensure(NONE)
    upstream.add("none", "none-1.0.tar.gz", b"")
    assert "stored" in pages.how(NONE)


def test_missing__removed_upstream(stale: Case) -> None:
    """A stored project that upstream no longer has stays, and its name is no unknown one."""
    stale.upstream.remove("foo")
    assert stale.how() == "fwd=stale; fwd-status=404; detail=stale-if-error"
    assert NAME in stale.page()


def test_missing__removed_for_good(stale: Case, caplog: pytest.LogCaptureFixture) -> None:
    """After a day of denials a stored project counts as removed; its page stays."""
    stale.upstream.remove("foo")
    for hours in (0, 12, 12.1):
        stale.later(hours * 3600)
        assert "fwd-status=404" in stale.how()
    record = stale.store.record(FOO)
    assert record is not None
    assert record.gone is not None
    assert record.gone.times == 3
    assert [("removed" in line.getMessage()) for line in caplog.records] == [False, False, True]


def test_missing__after_another_process_stored_it(pages: Case, root: Path) -> None:
    """A stored page wins over what this process remembers."""
    with pytest.raises(NoSuchProjectError):
        pages.ensure(NONE)
    pages.upstream.add("none", "none-1.0.tar.gz", b"")
    Case(root, pages.upstream).ensure(NONE)
    assert pages.how(NONE) == "hit"


def test_missing__costs_no_memory_each_time(pages: Case) -> None:
    """Asking again and again for what is not there fills no memory."""
    errors: list[EggProxyError] = []
    for _ in range(50):
        with pytest.raises(NoSuchProjectError) as caught:
            pages.ensure(NONE)
        errors.append(caught.value)
    assert len(traceback.extract_tb(errors[-1].__traceback__)) < 20


# What was removed or damaged by hand heals.


@pytest.mark.parametrize("gone", ["index.html", "index.html.gz", "index.json", "index.json.gz"])
def test_heals__a_page_removed(pages: Case, gone: str) -> None:
    """A page of which a part was removed is fetched anew, fresh or not."""
    pages.ensure(FOO)
    whole = pages.page()
    (pages.store.root / "foo" / gone).unlink()
    assert "fwd-status=200; stored" in pages.how()
    assert pages.page() == whole


@pytest.mark.parametrize("damage", [b"", b"{", b"null"])
def test_heals__a_damaged_record(pages: Case, damage: bytes) -> None:
    """Without a record to be read the page is still a hit, and who needs the record has it."""
    pages.ensure(FOO)
    record = next((pages.store.root / ".eggproxy" / "projects" / "foo").iterdir())
    record.write_bytes(damage)
    os.utime(record, (pages.clock.now,) * 2)
    pages.later(1)
    assert pages.how() == "hit"
    assert [file.filename for file in pages.detail(FOO)[0].files] == [NAME]
    assert pages.asked() == 2


def test_heals__a_large_record_cut(
    pages: Case, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that its record has lost is not missing: the page is asked for anew."""
    monkeypatch.setattr("eggproxy.store.records.SMALL", 0)
    pages.upstream.add("foo", "foo-2.0.tar.gz", b"z")
    pages.ensure(FOO)
    record = next((pages.store.root / ".eggproxy" / "projects" / "foo").iterdir())
    os.truncate(record, record.read_bytes().rindex(b"\n", 0, -1) + 1)
    os.utime(record, (pages.clock.now,) * 2)
    restarted = Case(root, pages.upstream)
    restarted.later(1)
    detail, _record = restarted.detail(FOO, ["foo-2.0.tar.gz"])
    assert [file.filename for file in detail.files] == ["foo-2.0.tar.gz"]
    assert pages.asked() == 2


def test_heals__a_damaged_stale_record(stale: Case) -> None:
    """Without validators all is fetched, and the record is whole again."""
    record = next((stale.store.root / ".eggproxy" / "projects" / "foo").iterdir())
    os.truncate(record, 5)
    os.utime(record, (stale.clock.now - 2 * INTERVAL,) * 2)
    assert "fwd-status=200; stored" in stale.how()
    assert stale.store.record(FOO) is not None


def test_heals__a_folder_removed(stale: Case) -> None:
    """A project that was removed whole, records and all, is fetched anew."""
    for folder in (stale.store.root / "foo", stale.store.root / ".eggproxy" / "projects" / "foo"):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    assert stale.how() == "fwd=uri-miss; fwd-status=200; stored"
    assert NAME in stale.page()


def test_no_lock(stale: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no lock, as on some network disks, pages are kept fresh without."""

    def flock(*_: object) -> NoReturn:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    assert stale.how() == "fwd=stale; fwd-status=304"


# What is known of a project.


def test_detail__made_fresh_before(stale: Case) -> None:
    """What is known of a project is as fresh as its page."""
    stale.upstream.add("foo", "foo-2.0.tar.gz", b"z")
    detail, record = stale.detail(FOO)
    assert [file.filename for file in detail.files] == [NAME, "foo-2.0.tar.gz"]
    assert record.detail == detail
    assert record.url == f"{stale.upstream.index_url}foo/"
    with pytest.raises(NoSuchProjectError):
        stale.detail(NONE)


def test_detail__of_some_files(pages: Case) -> None:
    """Who names files has what is known of these, be it from memory or from disk."""
    pages.upstream.add("foo", "foo-2.0.tar.gz", b"z")
    for _ in range(2):
        detail, _record = pages.detail(FOO, [NAME, NAME + METADATA])
        assert [file.filename for file in detail.files] == [NAME]
        pages.store.forget()
    assert len(pages.detail(FOO)[0].files) == 2


def test_withdraw_metadata__no_longer_advertised(pages: Case) -> None:
    """Metadata that upstream does not have is promised no more, in no form, until all changes."""
    pages.ensure(FOO)
    assert "data-core-metadata" in pages.page()
    pages.withdraw_metadata(FOO, NAME)
    pages.withdraw_metadata(FOO, NAME)
    assert "data-core-metadata" not in pages.page()
    assert b"core-metadata" not in pages.store.page(FOO, "json", packed=False).read_bytes()
    assert pages.detail(FOO)[1].withdrawn == [NAME]
    assert pages.how() == "hit"
    pages.later()
    pages.upstream.add("foo", "foo-2.0-py3-none-any.whl", b"z", metadata=b"m")
    pages.ensure(FOO)
    assert pages.page().count("data-core-metadata") == 1


def test_withdraw_metadata__keeps_the_age(pages: Case) -> None:
    """A page does not become fresh by it, for upstream confirmed nothing."""
    pages.ensure(FOO)
    pages.later(INTERVAL - 1)
    pages.withdraw_metadata(FOO, NAME)
    assert pages.ensure(FOO).age == INTERVAL - 1


def test_withdraw_metadata__of_nothing(pages: Case) -> None:
    """Of a project that is not stored nothing is withdrawn."""
    pages.withdraw_metadata(NONE, NAME + METADATA)
    assert pages.store.projects() == []


# The project list.


def test_list__nobody_waits_for_it_when_stale(stale: Case) -> None:
    """A stale list is served at once, and revalidated meanwhile."""
    gate = stale.upstream.hang("list")
    state = stale.ensure(None)
    assert (state.cache_status, state.age) == ("hit; detail=revalidating", 2 * INTERVAL)
    stale.upstream.add("bar", "bar-1.0.tar.gz", b"")
    flight, joined = stale.flights._flights.join(None, lambda: Outcome("over"))
    gate.open()
    assert joined
    assert "fwd=stale; fwd-status=" in flight.result(PATIENCE).cache_status
    assert stale.how(None) == "hit"


def test_list__at_first_waited_for(pages: Case) -> None:
    """Without a list everybody waits for it; no project's page needs it."""
    pages.ensure(FOO)
    assert pages.upstream.asked(kind="list") == []
    assert pages.how(None) == "fwd=uri-miss; fwd-status=200; stored"
    assert 'href="foo/"' in pages.page(None)


def test_list__upstream_has_none(pages: Case) -> None:
    """An index without a list is one that is misconfigured: not a 404, which ends a search."""
    pages.upstream.fail("list", status=404)
    with pytest.raises(UpstreamNonsenseError, match="no project list"):
        pages.ensure(None)


def test_list__breaks_off_in_the_middle(stale: Case) -> None:
    """A list of which the end makes no sense does not replace the old one."""
    before = stale.page(None)
    body = b'{"meta":{"api-version":"1.0"},"projects":[' + b'{"name":"bar"},' * 9000 + b"{]}"
    headers = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
    stale.upstream.page_override[""] = (200, headers, body)
    with pytest.raises(UpstreamNonsenseError):
        stale.revalidate(None)
    assert stale.page(None) == before


def threads() -> Iterator[str]:
    """Name the threads that work for pages."""
    return (thread.name for thread in threading.enumerate() if "eggproxy-page" in thread.name)


def test_threads__end_with_their_work(pages: Case) -> None:
    """No thread stays when all has been answered."""
    pages.ensure(FOO)
    with pytest.raises(NoSuchProjectError):
        pages.ensure(NONE)
    wait_until(lambda: list(threads()) == [])
