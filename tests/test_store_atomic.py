"""Writing whole files, and locks that die with their process."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from eggproxy.errors import StorageError
from eggproxy.store import atomic
from tests.servers import PATIENCE, wait_until


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Have a folder for what is being written."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_replace__old_or_new(tmp_path: Path, scratch: Path) -> None:
    """Who has the old file open reads it to its end; who opens it now has the new one."""
    path = tmp_path / "page"
    atomic.replace({path: b"old" * 1000}, scratch=scratch)
    with path.open("rb") as reader:
        start = reader.read(10)
        atomic.replace({path: b"new"}, scratch=scratch)
        assert start + reader.read() == b"old" * 1000
    assert path.read_bytes() == b"new"
    assert list(scratch.iterdir()) == []


def test_replace__readable_as_the_umask_says(tmp_path: Path, scratch: Path) -> None:
    """A web server, which is another user, can read what is written."""
    atomic.replace({tmp_path / "page": b""}, scratch=scratch)
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "page").stat().st_mode & 0o777 == 0o666 & ~mask


def test_replace__makes_the_folder(tmp_path: Path, scratch: Path) -> None:
    """The folder of a new project is made with its first file."""
    atomic.replace({tmp_path / "foo" / "page": b"x"}, scratch=scratch)
    assert (tmp_path / "foo" / "page").read_bytes() == b"x"


def test_replace__nothing_left_behind(tmp_path: Path, scratch: Path) -> None:
    """What cannot be put in place leaves no trace."""
    (tmp_path / "folder" / "full").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        atomic.replace({tmp_path / "folder": b"x"}, scratch=scratch)
    assert list(scratch.iterdir()) == []


def test_replacement__discarded(tmp_path: Path, scratch: Path) -> None:
    """What is discarded never was, however often."""
    replacement = atomic.Replacement(tmp_path / "page", scratch=scratch)
    replacement.write(b"x")
    replacement.discard()
    replacement.discard()
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "page").exists()


def test_storage_errors(tmp_path: Path) -> None:
    """What the operating system says becomes an answer that names the path."""
    path = tmp_path / "nothing" / "file"
    with pytest.raises(StorageError, match="No such file") as caught, atomic.storage_errors(path):
        path.read_bytes()
    assert caught.value.path == str(path)


def test_is_same(tmp_path: Path) -> None:
    """An open file is the one at the path until that is replaced or removed."""
    path, other = tmp_path / "a", tmp_path / "b"
    path.touch()
    other.touch()
    with path.open() as file:
        assert atomic.is_same(file.fileno(), path)
        assert not atomic.is_same(file.fileno(), other)
        other.rename(path)
        assert not atomic.is_same(file.fileno(), path)
        path.unlink()
        assert not atomic.is_same(file.fileno(), path)


def hold_by_turns(folder: Path) -> None:
    """Let many threads hold a folder, each many times, and see that one at a time does."""
    within: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            with atomic.folder_lock(folder):
                within.append(number)
                assert within == [number]
                within.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_folder_lock__one_at_a_time(tmp_path: Path) -> None:
    """Of many threads one at a time is within."""
    folder = tmp_path / "own" / "foo"
    folder.mkdir(parents=True)
    (folder / "record").touch()
    hold_by_turns(folder)


def test_folder_lock__one_at_a_time_though_the_folder_goes(tmp_path: Path) -> None:
    """That holds where the folder comes and goes between them, as for unknown projects."""
    hold_by_turns(tmp_path / "own" / "foo")
    assert not (tmp_path / "own" / "foo").exists()


def test_folder_lock__the_folder_goes_while_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that was there a moment ago, and no more, is simply made."""
    make = os.mkdir
    answers = iter([FileExistsError(errno.EEXIST, "File exists")])

    def mkdir(path: Path, mode: int) -> None:
        for error in answers:
            raise error
        make(path, mode)

    monkeypatch.setattr(os, "mkdir", mkdir)
    with atomic.folder_lock(tmp_path / "foo"):
        assert (tmp_path / "foo").is_dir()


def test_folder_lock__keeps_what_is_within(tmp_path: Path) -> None:
    """A folder stays where something was put into it."""
    with atomic.folder_lock(tmp_path / "foo"):
        (tmp_path / "foo" / "record").touch()
    with atomic.folder_lock(tmp_path / "foo"):
        assert (tmp_path / "foo" / "record").exists()
    assert (tmp_path / "foo").exists()


def test_folder_lock__let_go_after_an_error(tmp_path: Path) -> None:
    """An error within ends the lock too."""
    for _ in range(2):
        with pytest.raises(ValueError, match="within"), atomic.folder_lock(tmp_path / "foo"):
            raise ValueError("within")
    assert not (tmp_path / "foo").exists()


HOLD = """
import sys
from pathlib import Path
from eggproxy.store import atomic
with atomic.folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Let another process hold a folder."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


def is_locked(folder: Path) -> bool:
    """Say whether somebody holds a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def test_folder_lock__dies_with_its_process(tmp_path: Path) -> None:
    """Other processes are kept out, until the holder ends, be it by kill -9."""
    folder = tmp_path / "foo"
    entered = threading.Event()

    def enter() -> None:
        with atomic.folder_lock(folder):
            entered.set()

    with holder(folder) as process:
        waiting = threading.Thread(target=enter)
        waiting.start()
        assert is_locked(folder)
        assert not entered.is_set()
        process.kill()
        assert entered.wait(PATIENCE)
        waiting.join(PATIENCE)
    wait_until(lambda: not folder.exists())
