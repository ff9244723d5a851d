"""The growing file of a transfer."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eggproxy.errors import StorageError
from eggproxy.names import MAX_FILENAME, normalize
from eggproxy.store import EggsDirectory
from eggproxy.store.partial import HOLD_BACK, Announced, Partial, Progress, Tail, Writer

BODY = bytes(range(256)) * 1000


@pytest.fixture
def partial(tmp_path: Path) -> Partial:
    """Have a file that is about to be fetched."""
    (tmp_path / "partial").mkdir()
    return Partial.of(tmp_path / "partial", tmp_path / "foo" / "foo-1.zip", "sha256=00")


@pytest.fixture
def writer(partial: Partial) -> Iterator[Writer]:
    """Be its writer."""
    with lead(partial) as writer:
        yield writer


def lead(partial: Partial) -> Writer:
    """Become the writer."""
    writer = partial.lead()
    assert writer is not None
    return writer


def follow(partial: Partial) -> Tail:
    """Open the growing file."""
    tail = partial.follow()
    assert tail is not None
    return tail


def left(partial: Partial) -> list[str]:
    """Name what lies in the folder of growing files."""
    return sorted(path.name for path in partial.path.parent.iterdir())


def test_of__each_identity_its_own(tmp_path: Path) -> None:
    """Bytes of another file, or of another digest, are never gone on with."""
    one = Partial.of(tmp_path, tmp_path / "foo" / "foo-1.zip", "sha256=00")
    again = Partial.of(tmp_path, tmp_path / "foo" / "foo-1.zip", "sha256=00")
    digest = Partial.of(tmp_path, tmp_path / "foo" / "foo-1.zip", "sha256=11")
    name = Partial.of(tmp_path, tmp_path / "foo" / "foo-2.zip", "sha256=00")
    assert one.path == again.path
    assert len({one.path, digest.path, name.path}) == 3
    assert {each.path.parent for each in (one, digest, name)} == {tmp_path}


def test_lead__one_writer(partial: Partial) -> None:
    """There is one writer at a time; the next one finds what is stored, and appends."""
    with lead(partial) as writer:
        writer.write(b"abc")
        assert partial.lead() is None
    with lead(partial) as writer:
        assert (writer.size, b"".join(writer.stored())) == (3, b"abc")
        writer.write(b"def")
        assert (writer.size, b"".join(writer.stored())) == (6, b"abcdef")


def test_lead__no_folder(tmp_path: Path) -> None:
    """Where nothing can be written, an answer says so."""
    with pytest.raises(StorageError):
        Partial.of(tmp_path / "nothing", tmp_path / "foo-1.zip", "x").lead()


def test_close__tidies_up(partial: Partial) -> None:
    """A transfer that never began leaves nothing; one that broke off leaves its bytes."""
    with lead(partial):
        partial.announce(Announced(total=5))
    assert left(partial) == []
    with lead(partial) as writer:
        partial.announce(Announced(total=5))
        writer.write(b"abc")
    writer.close()
    assert partial.announced() == Announced(total=5, live=False)
    assert partial.path.read_bytes() == b"abc"


def test_close__of_a_file_that_somebody_removed(partial: Partial) -> None:
    """A writer whose file was taken away lets the next one begin, and spoils nothing of his."""
    first = lead(partial)
    first.write(b"abc")
    partial.path.unlink()
    with lead(partial) as second:
        partial.announce(Announced(total=7))
        second.write(b"x")
        first.close()
        assert partial.announced() == Announced(total=7)
        assert partial.path.read_bytes() == b"x"


def test_announced__for_others(partial: Partial) -> None:
    """What upstream's headers said is there for whoever follows."""
    assert partial.announced() is None
    said = Announced(total=7, validator='"é"')
    partial.announce(said)
    assert partial.announced() == said
    partial.suspend()
    assert partial.announced() == Announced(total=7, validator='"é"', live=False)
    partial.forget()
    partial.forget()
    partial.suspend()
    assert left(partial) == []


@pytest.mark.parametrize("damage", [b"", b"{", b"null", b'{"total":"x"}', b"\xff\xfe"])
def test_announced__damaged(partial: Partial, damage: bytes) -> None:
    """A damaged note is none."""
    partial.announce(Announced())
    (note,) = partial.path.parent.iterdir()
    note.write_bytes(damage)
    assert partial.announced() is None


def test_follow__nothing_there(partial: Partial) -> None:
    """Where nothing grows, there is nothing to follow."""
    assert partial.follow() is None


def test_follow__while_it_grows(partial: Partial, writer: Writer) -> None:
    """A follower can read what has come, but for the end, of which nobody knows the digest yet."""
    tail = follow(partial)
    total = len(BODY)
    assert tail.progress(total) == Progress(0, complete=False)
    writer.write(BODY[:100_000])
    assert tail.progress(total) == Progress(100_000, complete=False)
    assert tail.progress(None) == Progress(100_000 - HOLD_BACK, complete=False)
    writer.write(BODY[100_000:])
    assert tail.progress(total) == Progress(total - HOLD_BACK, complete=False)
    assert tail.read(90_000, 20_000) == BODY[90_000:110_000]
    tail.close()
    tail.close()


def test_commit__followers_have_it_all(partial: Partial, writer: Writer) -> None:
    """With its final name the file is whole, for followers from before too; nothing is left."""
    writer.write(b"abc")
    partial.announce(Announced(total=3))
    tail = follow(partial)
    assert tail.progress(3) == Progress(0, complete=False)
    writer.commit()
    assert tail.progress(3) == Progress(3, complete=True)
    assert tail.read(0, 10) == partial.final.read_bytes() == b"abc"
    tail.close()
    writer.close()
    assert left(partial) == []


def test_verified__followers_have_it_all(partial: Partial, writer: Writer) -> None:
    """Once the digest is right nothing is held back, though the disk may need time yet."""
    writer.write(BODY)
    tail = partial.follow(marked=writer.marked)
    assert tail is not None
    writer.verified()
    assert tail.progress(len(BODY)) == Progress(len(BODY), complete=True)
    assert not partial.final.exists()
    tail.close()


def test_verified__and_killed(partial: Partial) -> None:
    """If the writer dies before the file has its name, the next one has all to verify again."""
    writer = lead(partial)
    writer.write(BODY)
    writer.verified()
    os.close(writer._descriptor)  # as the end of a process does it
    writer._descriptor = -1
    with lead(partial) as again:
        tail = follow(partial)
        assert tail.progress(len(BODY)) == Progress(len(BODY) - HOLD_BACK, complete=False)
        tail.close()
        assert again.size == len(BODY)


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077, 0o000, 0o177])
def test_commit__mode_as_the_umask_says(partial: Partial, mask: int) -> None:
    """What is stored may be read by whom the umask says, and executed by nobody."""
    before = os.umask(mask)
    try:
        with lead(partial) as writer:
            writer.write(b"x")
            assert not follow(partial).progress(1).complete
            writer.commit()
    finally:
        os.umask(before)
    assert partial.final.stat().st_mode & 0o777 == 0o666 & ~mask


def unchangeable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a file system that takes no modes, as some network disks and shared folders do."""
    monkeypatch.setattr(os, "fchmod", lambda *_: None)


def test_progress__where_modes_are_never_set(
    partial: Partial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not verified is held back on a file system that makes nothing executable too."""
    unchangeable(monkeypatch)
    with lead(partial) as writer:
        writer.write(b"half of it")
        partial.path.chmod(0o644)
        assert not follow(partial).progress(1000).complete


def test_commit__where_modes_are_always_set(
    partial: Partial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has its final name is whole on a file system that makes all executable too."""
    unchangeable(monkeypatch)
    with lead(partial) as writer:
        writer.write(b"all of it")
        partial.path.chmod(0o755)
        tail = follow(partial)
        writer.commit()
        assert tail.progress(9) == Progress(9, complete=True)


def test_lead__of_another_users_file(partial: Partial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not mark a file that another user began goes on with it all the same."""

    def fchmod(*_: object) -> NoReturn:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fchmod", fchmod)
        partial.path.touch(mode=0o644)
        with lead(partial) as writer:
            assert not writer.marked
    lead(partial).close()


def test_commit__cannot(partial: Partial, writer: Writer) -> None:
    """Where the file cannot have its name, an answer says so."""
    (partial.final / "in the way").mkdir(parents=True)
    writer.write(b"abc")
    with pytest.raises(StorageError):
        writer.commit()


def test_discard__followers_never_have_the_end(partial: Partial, writer: Writer) -> None:
    """After a discard no file is there; another one of that name is not what they follow."""
    writer.write(BODY)
    tail = follow(partial)
    writer.discard()
    writer.close()
    assert left(partial) == []
    partial.final.parent.mkdir()
    partial.final.write_bytes(BODY)
    assert tail.progress(len(BODY)) == Progress(len(BODY) - HOLD_BACK, complete=False)
    tail.close()


def test_lead__after_a_commit(partial: Partial) -> None:
    """Once a file is whole, a new writer begins at nothing."""
    with lead(partial) as writer:
        writer.write(b"abc")
        writer.commit()
    with lead(partial) as again:
        assert again.size == 0


@settings(derandomize=True, deadline=None, max_examples=40)
@given(sizes=st.lists(st.integers(0, 3 * HOLD_BACK), max_size=4), more=st.integers(0, HOLD_BACK))
def test_progress__never_the_end_before_it_is_whole(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], more: int
) -> None:
    """However the bytes come, the last 64 KB of the whole are not to be read before."""
    folder = tmp_path_factory.mktemp("partial")
    total = sum(sizes) + more
    with lead(Partial.of(folder, folder / "final", "x")) as writer:
        tail = follow(writer.partial)
        for size in sizes:
            writer.write(bytes(size))
            for known in (total, None):
                readable, complete = tail.progress(known)
                assert not complete
                assert 0 <= readable <= min(writer.size, max(0, total - HOLD_BACK))
        tail.close()


LEAD = """
import sys
from pathlib import Path
from eggproxy.store.partial import Announced, Partial
partial = Partial.of(Path(sys.argv[1]), Path(sys.argv[2]), "sha256=00")
writer = partial.lead()
partial.announce(Announced(total=9))
writer.write(b"abc")
print("led", flush=True)
sys.stdin.read()
"""


def test_lead__after_a_kill(partial: Partial) -> None:
    """A writer of another process excludes us; killed, it leaves its bytes and its place to us."""
    arguments = [str(partial.path.parent), str(partial.final)]
    command = [sys.executable, "-c", LEAD, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"led\n"
            assert partial.lead() is None
            assert partial.announced() == Announced(total=9)
        finally:
            process.kill()
    with lead(partial) as writer:
        assert b"".join(writer.stored()) == b"abc"
        # Nobody goes on with what the dead one announced, until we have asked ourselves.
        assert partial.announced() == Announced(total=9, live=False)


@pytest.mark.parametrize("length", [100, MAX_FILENAME - len(".metadata") - 1])
def test_partial__of_a_long_name(tmp_path: Path, length: int) -> None:
    """A file with a long name can be fetched."""
    fetch(tmp_path, "x" * length)


@pytest.mark.parametrize("suffix", ["", ".metadata"])
def test_partial__of_the_longest_name(tmp_path: Path, suffix: str) -> None:
    """A file with the longest name that is taken can be fetched, metadata too."""
    fetch(tmp_path, "x" * (MAX_FILENAME - len(suffix)) + suffix)


def fetch(root: Path, name: str) -> None:
    """Do with a file what a transfer does."""
    store = EggsDirectory(root)
    store.prepare()
    path = store.file(normalize("foo"), name)
    partial = store.partial(normalize("foo"), name, "x")
    with lead(partial) as writer:
        partial.announce(Announced())
        writer.write(b"x")
        writer.commit()
    assert path.read_bytes() == b"x"
