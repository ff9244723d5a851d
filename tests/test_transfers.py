"""One transfer per file for the whole host: streamed, verified, resumed, taken over."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from eggproxy.errors import (
    DigestMismatchError,
    EggProxyError,
    NoSuchFileError,
    StorageError,
    UpstreamNonsenseError,
    UpstreamUnavailableError,
)
from eggproxy.growing import Growing
from eggproxy.names import NormalizedName
from eggproxy.store import EggsDirectory, Writer
from eggproxy.store.partial import HOLD_BACK, Announced
from eggproxy.transfer import DIGESTS, TRIES, Wanted, strongest
from eggproxy.transfers import Transfers, Whole
from eggproxy.upstream import Upstream as Client
from tests.servers import PATIENCE, wait_until
from tests.upstream import Gate, Upstream

FOO = NormalizedName("foo")
NAME = "foo-1.0.tar.gz"
BODY = bytes(range(256)) * 2000
PATH = f"/files/foo/{NAME}"


@pytest.fixture(autouse=True)
def url(upstream: Upstream) -> str:
    """Publish a file of half a megabyte, and give its URL."""
    return upstream.add("foo", NAME, BODY)


@pytest.fixture
def store(tmp_path: Path) -> EggsDirectory:
    """Have an empty directory."""
    store = EggsDirectory(tmp_path / "eggs")
    store.prepare()
    return store


@pytest.fixture
def transfers(store: EggsDirectory, upstream: Upstream) -> Transfers:
    """Have the transfers of a process that has just begun."""
    return begin(store, upstream)


def begin(store: EggsDirectory, upstream: Upstream) -> Transfers:
    """Have transfers that remember nothing."""
    return Transfers(store, Client(upstream.index_url, timeout=5))


def wanted(url: str, **facts: Any) -> Wanted:
    """Want the file as its page names it."""
    digest = ("sha256", hashlib.sha256(BODY).hexdigest())
    usual: dict[str, Any] = {"size": len(BODY), "digest": digest}
    return Wanted(project=FOO, filename=NAME, url=url, **usual | facts)


def collect(growing: Growing | Whole) -> Iterator[bytes]:
    """Follow a file to its end, as a client does."""
    assert isinstance(growing, Growing)
    offset, complete = 0, False
    try:
        while not complete:
            readable, complete = growing.progress()
            yield growing.read(offset, readable - offset)
            offset = readable
            time.sleep(0.001)
    finally:
        growing.close()


def pieces(transfers: Transfers, file: Wanted) -> Iterator[bytes]:
    """Join a file's transfer and follow it to its end; it may be over before."""
    growing = transfers.join(file)
    if isinstance(growing, Whole):
        yield final(transfers).read_bytes()
    else:
        yield from collect(growing)


def fetch(transfers: Transfers, file: Wanted) -> bytes:
    """Fetch a file to its end."""
    return b"".join(pieces(transfers, file))


def final(transfers: Transfers) -> Path:
    """Name the file when it is whole."""
    return transfers._store.file(FOO, NAME)


def left(transfers: Transfers) -> list[str]:
    """Name what lies in the folder of growing files."""
    return sorted(path.name for path in (transfers._store.root / ".eggproxy/partial").iterdir())


def lead(store: EggsDirectory, file: Wanted) -> Writer:
    """Be the writer of a file."""
    writer = store.partial(FOO, NAME, file.identity).lead()
    assert writer is not None
    return writer


def ranges(upstream: Upstream) -> list[str | None]:
    """Give the ranges that upstream was asked for."""
    return [request.headers["Range"] for request in upstream.asked(NAME)]


# What clients see.


@pytest.mark.parametrize("size", [0, 1, HOLD_BACK - 1, HOLD_BACK, HOLD_BACK + 1, 1_000_000])
def test_join__whole(transfers: Transfers, upstream: Upstream, size: int) -> None:
    """A file of any size comes whole, is stored under its name, and leaves nothing else."""
    body = bytes(size)
    url = upstream.add("foo", NAME, body)
    digest = ("sha256", hashlib.sha256(body).hexdigest())
    assert fetch(transfers, wanted(url, size=size, digest=digest)) == body
    wait_until(lambda: left(transfers) == [])
    assert final(transfers).read_bytes() == body
    assert isinstance(transfers.join(wanted(url, size=size, digest=digest)), Whole)
    assert len(upstream.asked(NAME)) == 1


def test_join__as_it_grows(transfers: Transfers, upstream: Upstream, url: str) -> None:
    """What upstream has sent can be read at once, long before the file is whole."""
    gate = upstream.gate(after=100_000)
    growing = transfers.join(wanted(url))
    assert isinstance(growing, Growing)
    assert (growing.total, growing.joined) == (len(BODY), False)
    wait_until(lambda: growing.progress() == (100_000, False))
    assert growing.read(0, 100_000) == BODY[:100_000]
    assert not final(transfers).exists()
    gate.open()
    assert b"".join(collect(growing)) == BODY


@pytest.mark.parametrize("chunked", [False, True])
def test_join__the_end_is_held_back(
    transfers: Transfers, upstream: Upstream, url: str, *, chunked: bool
) -> None:
    """The last 64 KB are not to be read before the digest of the whole is right."""
    upstream.chunked = chunked
    gate = upstream.gate(after=len(BODY) - 1)
    growing = transfers.join(wanted(url, size=None))
    assert isinstance(growing, Growing)
    held = len(BODY) - HOLD_BACK - (1 if chunked else 0)
    wait_until(lambda: growing.progress() == (held, False))
    gate.open()
    assert b"".join(collect(growing)) == BODY


def test_join__total_unknown(transfers: Transfers, upstream: Upstream, url: str) -> None:
    """Where neither page nor answer tells the size, the file is whole all the same."""
    upstream.chunked = True
    gate = upstream.gate(after=1000)
    growing = transfers.join(wanted(url, size=None))
    assert isinstance(growing, Growing)
    assert growing.total is None
    gate.open()
    assert b"".join(collect(growing)) == BODY


def test_join__goes_on_without_its_client(
    transfers: Transfers, upstream: Upstream, url: str
) -> None:
    """A transfer goes on when the client that asked for it has left."""
    gate = upstream.gate(after=1000)
    growing = transfers.join(wanted(url))
    assert isinstance(growing, Growing)
    growing.close()
    gate.open()
    wait_until(final(transfers).exists)
    assert final(transfers).read_bytes() == BODY


def test_join__one_transfer_for_many(transfers: Transfers, upstream: Upstream, url: str) -> None:
    """Twenty clients at once make one request; all but one are told that they joined it."""
    gate = upstream.gate(after=1000)
    with ThreadPoolExecutor(20) as pool:
        all_growing = list(pool.map(lambda _: transfers.join(wanted(url)), range(20)))
        assert sorted(growing.joined for growing in all_growing if growing) == [False] + [True] * 19
        gate.open()
        bodies = pool.map(lambda growing: b"".join(collect(growing)), all_growing)
        assert all(body == BODY for body in bodies)
    assert len(upstream.asked(NAME)) == 1


def test_join__lets_go_of_everything(transfers: Transfers, upstream: Upstream, url: str) -> None:
    """Transfers, good and bad, leave no file open."""
    fetch(transfers, wanted(url))
    before = open_files()
    for number in range(10):
        final(transfers).unlink(missing_ok=True)
        upstream.heal()
        upstream.fail("file", corrupt=bool(number % 2))
        try:
            fetch(begin_like(transfers), wanted(url))
        except DigestMismatchError:
            assert number % 2
    wait_until(lambda: open_files() <= before)


def open_files() -> int:
    """Count what this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def begin_like(transfers: Transfers) -> Transfers:
    """Have transfers that remember nothing, over the same connections."""
    return Transfers(transfers._store, transfers._upstreams)


# Digests.


@pytest.mark.parametrize("name", DIGESTS)
def test_digest__verified(transfers: Transfers, upstream: Upstream, url: str, name: str) -> None:
    """Each digest that is relied on is one that can tell right from wrong."""
    file = wanted(url, digest=(name, hashlib.new(name, BODY).hexdigest()))
    upstream.fail("file", corrupt=True, times=1)
    with pytest.raises(DigestMismatchError, match=name):
        fetch(transfers, file)
    assert fetch(begin_like(transfers), file) == BODY


@pytest.mark.parametrize("body", [BODY, b"tiny"])
def test_digest__wrong(transfers: Transfers, upstream: Upstream, body: bytes) -> None:
    """Of a file with another digest nothing is kept, and its end is seen by nobody."""
    url = upstream.add("foo", NAME, body)
    upstream.fail("file", corrupt=True)
    file = wanted(url, size=len(body), digest=("sha256", hashlib.sha256(body).hexdigest()))
    seen: list[bytes] = []
    with pytest.raises(DigestMismatchError):
        seen.extend(pieces(transfers, file))
    assert len(b"".join(seen)) <= max(0, len(body) - HOLD_BACK)
    assert not final(transfers).exists()
    wait_until(lambda: left(transfers) == [])


def test_digest__wrong_once(transfers: Transfers, upstream: Upstream, url: str) -> None:
    """An accident on the way is no reason to refuse a file: the next client has it."""
    upstream.fail("file", corrupt=True, times=1)
    with pytest.raises(DigestMismatchError):
        fetch(transfers, wanted(url))
    assert fetch(transfers, wanted(url)) == BODY


def test_digest__wrong_again_and_again(transfers: Transfers, upstream: Upstream, url: str) -> None:
    """Clients that try again and again do not make upstream send all of it each time."""
    upstream.fail("file", corrupt=True)
    for _ in range(5):
        with pytest.raises(DigestMismatchError):
            fetch(transfers, wanted(url))
    assert len(upstream.asked(NAME)) <= 2


def test_digest__none(transfers: Transfers, upstream: Upstream, url: str) -> None:
    """A file of which no digest is known is taken as it comes."""
    upstream.fail("file", corrupt=True)
    assert len(fetch(transfers, wanted(url, digest=None))) == len(BODY)


@pytest.mark.parametrize(
    ("hashes", "digest"),
    [
        ({"md5": "1", "sha256": "2", "sha512": "3"}, ("sha256", "2")),
        ({"md5": "1", "sha512": "3"}, ("sha512", "3")),
        ({"sha256": "", "md5": "1"}, ("md5", "1")),
        ({"blake2_256": "1", "unheard_of": "2"}, None),
        ({}, None),
    ],
)
def test_strongest(hashes: dict[str, str], digest: tuple[str, str] | None) -> None:
    """The strongest digest that can be verified is relied on."""
    assert strongest(hashes) == digest


# What upstream does wrong.


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, NoSuchFileError),
        (410, NoSuchFileError),
        (403, UpstreamNonsenseError),
        (500, UpstreamUnavailableError),
        (429, UpstreamUnavailableError),
    ],
)
def test_join__upstream_says_no(
    transfers: Transfers, upstream: Upstream, url: str, status: int, error: type[EggProxyError]
) -> None:
    """What upstream says is passed on, remembered for a moment, and leaves nothing."""
    upstream.fail("file", status=status)
    for _ in range(3):
        with pytest.raises(error):
            transfers.join(wanted(url))
    assert len(upstream.asked(NAME)) == 1
    assert left(transfers) == []


def test_join__upstream_down(transfers: Transfers, upstream: Upstream, url: str) -> None:
    """An upstream that is down is an answer too, and once it is back the file is there."""
    with upstream.down(), pytest.raises(UpstreamUnavailableError):
        transfers.join(wanted(url))
    assert left(transfers) == []
    assert fetch(begin(transfers._store, upstream), wanted(url)) == BODY


def test_join__size_differs_from_the_page(
    transfers: Transfers, upstream: Upstream, url: str
) -> None:
    """If page and answer differ in the size, one of them is of another file."""
    with pytest.raises(UpstreamNonsenseError, match="where its page says 7"):
        transfers.join(wanted(url, size=7))
    assert left(transfers) == []
    assert len(upstream.asked(NAME)) == 1


def test_join__more_than_announced(transfers: Transfers, upstream: Upstream, url: str) -> None:
    """More bytes than the page says are not taken, though the answer names no size."""
    upstream.chunked = True
    with pytest.raises(UpstreamNonsenseError, match="more bytes"):
        fetch(transfers, wanted(url, size=len(BODY) - 1, digest=None))
    assert not final(transfers).exists()


def test_join__less_than_announced(transfers: Transfers, upstream: Upstream, url: str) -> None:
    """Less bytes than the page says are not a file, though the answer came to its end."""
    upstream.chunked = True
    with pytest.raises(EggProxyError):
        fetch(transfers, wanted(url, size=len(BODY) + 1, digest=None))
    assert not final(transfers).exists()


def test_join__disk_fails(store: EggsDirectory, upstream: Upstream, url: str) -> None:
    """If nothing can be written, an answer says so, and upstream is not asked."""
    (store.root / ".eggproxy" / "partial").rmdir()
    with pytest.raises(StorageError):
        begin(store, upstream).join(wanted(url))
    assert upstream.asked(NAME) == []


# What breaks off goes on.


def test_resume__the_rest_only(transfers: Transfers, upstream: Upstream, url: str) -> None:
    """A transfer that breaks off is resumed where it stopped, and no client notices."""
    upstream.fail("file", cut_after=200_000, times=1)
    assert fetch(transfers, wanted(url)) == BODY
    assert ranges(upstream) == [None, "bytes=200000-"]
    assert upstream.asked(NAME)[1].headers["If-Range"].startswith('"')


def test_resume__upstream_without_ranges(
    transfers: Transfers, upstream: Upstream, url: str
) -> None:
    """If upstream begins anew, what is there already is passed over."""
    upstream.ranges = False
    upstream.fail("file", cut_after=200_000, times=1)
    assert fetch(transfers, wanted(url)) == BODY


def test_resume__another_file_meanwhile(transfers: Transfers, upstream: Upstream, url: str) -> None:
    """If upstream has another file by then, nothing is mixed: the transfer fails."""
    gate = Gate(100_000)
    upstream.fail("file", gate=gate, cut_after=200_000, times=1)
    growing = transfers.join(wanted(url))
    upstream.put(PATH, BODY[::-1])
    gate.open()
    with pytest.raises(DigestMismatchError):
        b"".join(collect(growing))
    assert not final(transfers).exists()


def test_resume__not_for_ever(transfers: Transfers, upstream: Upstream, url: str) -> None:
    """After some tries clients are cut; what came stays, and the next client has the rest."""
    assert TRIES == 3
    upstream.fail("file", cut_after=1000)
    with pytest.raises(UpstreamUnavailableError, match="broke off"):
        fetch(transfers, wanted(url))
    assert ranges(upstream) == [None, "bytes=1000-", "bytes=2000-"]
    upstream.heal()
    assert fetch(begin_like(transfers), wanted(url)) == BODY
    assert ranges(upstream)[3:] == ["bytes=3000-"]


def test_resume__never_without_a_digest(transfers: Transfers, upstream: Upstream, url: str) -> None:
    """Where nothing proves that two halves are of one file, a transfer begins anew."""
    file = wanted(url, digest=None)
    upstream.fail("file", cut_after=200_000, times=1)
    with pytest.raises(UpstreamUnavailableError):
        fetch(transfers, file)
    assert not final(transfers).exists()
    assert fetch(begin_like(transfers), file) == BODY
    assert ranges(upstream) == [None, None]


def test_resume__from_what_a_dead_process_left(
    store: EggsDirectory, upstream: Upstream, url: str
) -> None:
    """What lies there from before is verified with the rest."""
    with lead(store, wanted(url)) as writer:
        writer.write(BODY[:300_000])
    assert fetch(begin(store, upstream), wanted(url)) == BODY
    assert ranges(upstream) == ["bytes=300000-"]


def test_resume__all_is_there(store: EggsDirectory, upstream: Upstream, url: str) -> None:
    """If the writer died just before the end, and the size is known, upstream is not asked."""
    with lead(store, wanted(url)) as writer:
        writer.write(BODY)
    assert fetch(begin(store, upstream), wanted(url)) == BODY
    assert upstream.asked(NAME) == []


@pytest.mark.parametrize("stored", [BODY, BODY + b"more"])
def test_resume__all_is_there_and_the_size_unknown(
    store: EggsDirectory, upstream: Upstream, url: str, stored: bytes
) -> None:
    """If the size is not known (as from HTML pages), the file can be had all the same."""
    with lead(store, wanted(url)) as writer:
        writer.write(stored)
    assert fetch(begin(store, upstream), wanted(url, size=None)) == BODY


def test_resume__from_garbage(store: EggsDirectory, upstream: Upstream, url: str) -> None:
    """If what lay there is wrong, it is thrown away, and the next client has the file."""
    with lead(store, wanted(url)) as writer:
        writer.write(bytes(1000))
    with pytest.raises(DigestMismatchError):
        fetch(begin(store, upstream), wanted(url))
    assert fetch(begin(store, upstream), wanted(url)) == BODY


@pytest.mark.parametrize("_again", range(5))
def test_resume__dead_writer_without_a_digest(
    store: EggsDirectory, upstream: Upstream, url: str, _again: int
) -> None:
    """Nobody follows what a dead writer has left and nobody goes on with."""
    file = wanted(url, digest=None)
    writer = lead(store, file)
    writer.partial.announce(Announced(total=len(BODY)))
    writer.write(BODY[:300_000])
    os.close(writer._descriptor)  # as the end of a process does it, without a tidying up
    writer._descriptor = -1
    assert fetch(begin(store, upstream), file) == BODY


# Several processes.

JOIN = """
import sys, time
from pathlib import Path
from eggproxy.store import EggsDirectory
from eggproxy.transfers import Transfers, Wanted, Whole
from eggproxy.upstream import Upstream
root, index, url, size, digest = sys.argv[1:]
digest = ("sha256", digest) if digest else None
wanted = Wanted(project="foo", filename="foo-1.0.tar.gz", url=url, size=int(size), digest=digest)
growing = Transfers(EggsDirectory(Path(root)), Upstream(index, 5)).join(wanted)
print("joined", flush=True)
offset, complete = 0, isinstance(growing, Whole)
while not complete:
    readable, complete = growing.progress()
    sys.stdout.buffer.write(growing.read(offset, readable - offset))
    sys.stdout.buffer.flush()
    offset = readable
    time.sleep(0.002)
"""


@contextmanager
def process(
    store: EggsDirectory, upstream: Upstream, file: Wanted
) -> Iterator[subprocess.Popen[bytes]]:
    """Run another process that wants the file."""
    facts = [store.root, upstream.index_url, file.url, str(file.size), (file.digest or ("", ""))[1]]
    command = [sys.executable, "-c", JOIN, *map(str, facts)]
    # Unbuffered, so that reading a line takes nothing of what follows.
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
        try:
            yield process
        finally:
            process.kill()


def has_joined(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has joined the transfer."""
    assert process.stdout is not None
    assert process.stdout.readline() == b"joined\n"


def rest(process: subprocess.Popen[bytes]) -> bytes:
    """Give what a process has got, at its end."""
    body = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0
    return body


def test_processes__one_transfer(store: EggsDirectory, upstream: Upstream, url: str) -> None:
    """Threads of several processes share one transfer, whoever leads it."""
    gate = upstream.gate(after=1000)
    file = wanted(url)
    with process(store, upstream, file) as one, process(store, upstream, file) as two:
        transfers = begin(store, upstream)
        all_growing = [transfers.join(file) for _ in range(3)]
        has_joined(one)
        has_joined(two)
        gate.open()
        bodies = [rest(one), rest(two), *(b"".join(collect(each)) for each in all_growing)]
    assert bodies == [BODY] * 5
    assert len(upstream.asked(NAME)) == 1


def test_processes__followers_see_it_grow(
    store: EggsDirectory, upstream: Upstream, url: str
) -> None:
    """Who follows another process's transfer has the bytes as they come."""
    gate = upstream.gate(after=200_000)
    with process(store, upstream, wanted(url)) as leader:
        has_joined(leader)
        growing = begin(store, upstream).join(wanted(url))
        assert isinstance(growing, Growing)
        wait_until(lambda: growing.progress() == (200_000, False))
        gate.open()
        assert b"".join(collect(growing)) == rest(leader) == BODY


@pytest.mark.parametrize("ranged", [True, False])
def test_processes__leader_killed(
    store: EggsDirectory, upstream: Upstream, url: str, *, ranged: bool
) -> None:
    """If the leader is killed, one follower goes on where it stopped; no client notices."""
    upstream.ranges = ranged
    gate = upstream.gate(after=200_000)
    file = wanted(url)
    with process(store, upstream, file) as leader:
        has_joined(leader)
        with process(store, upstream, file) as follower:
            has_joined(follower)
            growing = begin(store, upstream).join(file)
            assert isinstance(growing, Growing)
            wait_until(lambda: growing.progress() == (200_000, False))
            leader.kill()
            leader.wait(PATIENCE)
            upstream.wait_for(2, NAME)
            gate.open()
            assert b"".join(collect(growing)) == rest(follower) == BODY
    assert ranges(upstream) == [None, "bytes=200000-"]


def test_processes__leader_killed_without_a_digest(
    store: EggsDirectory, upstream: Upstream, url: str
) -> None:
    """Without a digest the follower begins anew, and who had the first half is cut."""
    file = wanted(url, digest=None)
    gate = upstream.gate(after=200_000)
    with process(store, upstream, file) as leader:
        has_joined(leader)
        transfers = begin(store, upstream)
        growing = transfers.join(file)
        assert isinstance(growing, Growing)
        wait_until(lambda: growing.progress() == (200_000, False))
        leader.kill()
        leader.wait(PATIENCE)
        upstream.wait_for(2, NAME)
        gate.open()
        with pytest.raises(UpstreamUnavailableError, match="another file"):
            b"".join(collect(growing))
    assert fetch(transfers, file) == BODY
    assert ranges(upstream) == [None, None]


def test_processes__leader_fails(store: EggsDirectory, upstream: Upstream, url: str) -> None:
    """If the leader has bad luck, a follower has its own try; nothing wrong is ever read."""
    gate = Gate(200_000)
    upstream.fail("file", corrupt=True, gate=gate, times=1)
    with process(store, upstream, wanted(url)) as leader:
        has_joined(leader)
        transfers = begin(store, upstream)
        growing = transfers.join(wanted(url))
        gate.open()
        with pytest.raises(EggProxyError):
            b"".join(collect(growing))
        seen = leader.communicate(timeout=PATIENCE)[0]
        assert (leader.returncode, len(seen) <= len(BODY) - HOLD_BACK) == (1, True)
    assert fetch(transfers, wanted(url)) == BODY
    assert len(upstream.asked(NAME)) == 2
