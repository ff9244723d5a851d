"""Many processes that add packages at once, and that are killed while they do."""

import hashlib
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from eggproxy.names import NormalizedName
from eggproxy.packages import Packages
from eggproxy.packages.adding import put
from eggproxy.packages.entries import Line
from eggproxy.packages.journal import Journal
from tests.distributions import make_wheel
from tests.frontends import BIN, clean_environment
from tests.packages import add, drop
from tests.servers import PATIENCE, wait_until

TOOL = NormalizedName("acme-tool")
WHEEL = make_wheel("acme-tool", "1.0", size=300_000)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Name a packages directory that is still to be made."""
    return tmp_path / "packages"


ADD = """
import sys
from pathlib import Path
from eggproxy.packages import FileExistsConflictError, Packages
from tests.packages import add
from tests.distributions import make_wheel
packages = Packages(Path(sys.argv[1]))
first, last, size = map(int, sys.argv[2:])
sys.stdin.readline()
for number in range(first, last):
    try:
        print(add(packages, make_wheel("acme-tool", f"{number}.0", size=size)), flush=True)
    except FileExistsConflictError:
        print("conflict", flush=True)
"""


def adding(directory: Path, first: int, last: int, size: int = 0) -> subprocess.Popen[str]:
    """Start a process that adds versions of a package, once it is told to go."""
    return subprocess.Popen(
        [sys.executable, "-c", ADD, str(directory), str(first), str(last), str(size)],
        env=clean_environment(PYTHONPATH=str(Path(__file__).parent.parent)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Let processes go at the same time; give the words of all."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [word for process in processes for word in process.communicate()[0].split()]


def test_owns__came_and_went(directory: Path) -> None:
    """A name that another process has added and removed again is ours, for that can be undone."""
    packages, another = Packages(directory), Packages(directory)
    assert not packages.ownership.owns(TOOL)
    add(another, WHEEL)
    another.remove(TOOL)
    assert packages.ownership.owns(TOOL)


def test_owns__while_it_is_read_of(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a name that has just become ours nobody hears otherwise, whichever thread reads of it."""
    packages, another = Packages(directory), Packages(directory)
    assert not packages.ownership.owns(TOOL)
    add(another, WHEEL)
    read, gate = threading.Event(), threading.Event()
    news = Journal.news

    def slow_news(journal: Journal) -> list[Line]:
        lines = news(journal)
        read.set()
        assert gate.wait(PATIENCE)
        return lines

    monkeypatch.setattr(Journal, "news", slow_news)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(packages.ownership.owns, TOOL)
        assert read.wait(PATIENCE)
        second = pool.submit(packages.ownership.owns, TOOL)
        look = pool.submit(packages.look)
        others: list[Future[Any]] = [second, look]
        assert not wait(others, timeout=0.2).done
        gate.set()
        assert first.result(PATIENCE)
        assert second.result(PATIENCE)
        look.result(PATIENCE)


def leftovers(directory: Path) -> list[Path]:
    """Find what lies in the project's folder and is no package."""
    return [path for path in (directory / "acme-tool").iterdir() if path.suffix != ".whl"]


def test_add__one_file_of_twenty(directory: Path) -> None:
    """Of twenty who add the same file at once one is the first, and all are content."""
    words = run([adding(directory, 1, 5) for _process in range(5)])
    assert (words.count("True"), words.count("False")) == (4, 16)
    assert leftovers(directory) == []


def test_add__one_name_with_other_content(directory: Path) -> None:
    """Of those who add different files of one name at once one wins, the others are told."""
    words = run([adding(directory, 1, 2, size=size) for size in range(4)])
    assert (words.count("True"), words.count("conflict")) == (1, 3)


def test_add__fifty_files(directory: Path) -> None:
    """Fifty different files, added by five processes at once, are all there, on one page."""
    words = run([adding(directory, 10 * each, 10 * each + 10) for each in range(5)])
    assert words == ["True"] * 50
    for packages in (Packages(directory), Packages(directory)):
        detail = packages.detail(TOOL)
        assert detail is not None
        assert len(detail.files) == 50


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Kill as often as `--kills` says, in proportion."""
    if "round_" in metafunc.fixturenames:
        metafunc.parametrize("round_", range(metafunc.config.getoption("kills") // 4))


def test_add__killed(directory: Path, round_: int) -> None:
    """Whoever is killed while adding leaves whole files, and nothing in anybody's way."""
    process = adding(directory, 1, 200, size=50_000 * (round_ % 5))
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        for _added in range(3 + round_ % 20):
            process.stdout.readline()
        process.kill()
    packages = Packages(directory)
    detail = packages.detail(TOOL)
    assert detail is not None
    assert len(detail.files) >= 3 + round_ % 20
    for file in detail.files:
        path = packages.path(TOOL, file.filename)
        assert path is not None
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file.hashes["sha256"]
    assert run([adding(directory, 300, 301)]) == ["True"]


def test_import__killed(directory: Path, tmp_path: Path, round_: int) -> None:
    """So does who is killed while importing: the command, repeated, takes what is missing."""
    made = [make_wheel("acme-tool", f"{number}.0", size=50_000) for number in range(40)]
    for each in made:
        drop(tmp_path / "old", each)
    command = [str(BIN / "eggproxy"), "import", str(tmp_path / "old")]
    settings = {"EGGPROXY_EGGS_DIRECTORY": str(directory.parent / "eggs")}
    environment = clean_environment(HOME=str(tmp_path), **settings)
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        wanted = 1 + round_ % 20
        wait_until(lambda: len([*directory.glob("acme-tool/*.whl")]) >= wanted)
        process.kill()
    for path in directory.glob("acme-tool/*"):
        assert path.read_bytes() == (tmp_path / "old" / path.name).read_bytes()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    detail = Packages(directory).detail(TOOL)
    assert detail is not None
    assert {file.filename for file in detail.files} == {each.filename for each in made}


def test_journal__grows_and_is_rewritten(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that has become mostly out of date is written anew, under the eyes of others."""
    monkeypatch.setattr("eggproxy.packages.catalogue._GARBAGE", 3)
    other = Packages(directory)
    drop(directory, make_wheel("other", "1.0"))
    assert other.detail(NormalizedName("other"))
    packages = Packages(directory)
    for number in range(12):
        drop(directory, WHEEL, age=1000 - number)
        assert packages.detail(TOOL)
    packages.catalogue.tidy()
    lines = (directory / ".eggproxy" / "index.jsonl").read_bytes().split(b"\n")
    assert len([line for line in lines if line]) < 8
    assert other.detail(TOOL)
    assert Packages(directory).projects() == ["acme-tool", "other"]


def test_put__folder_is_being_removed(tmp_path: Path) -> None:
    """A file finds its place although the project's last one, and its folder, are just removed."""
    (tmp_path / "incoming").write_bytes(b"wheel")
    folder, stop = tmp_path / "acme-tool", threading.Event()

    def remove() -> None:
        while not stop.wait(0.0002):
            with suppress(OSError):
                folder.rmdir()

    thread = threading.Thread(target=remove)
    thread.start()
    try:
        for number in range(300):
            assert put(tmp_path / "incoming", folder / f"{number}.whl", overwrite=False)
            (folder / f"{number}.whl").unlink()
    finally:
        stop.set()
        thread.join()
