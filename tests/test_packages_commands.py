"""The commands for packages of our own, as an administrator runs them."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eggproxy.cli import main
from eggproxy.names import NormalizedName
from eggproxy.packages import Packages
from tests.distributions import Distribution, make_sdist, make_wheel
from tests.packages import add, drop
from tests.servers import wait_until
from tests.upstream import Upstream

WHEEL = make_wheel("acme-tool", "1.0")
NEWER = make_wheel("acme-tool", "2.0")
TOOL = NormalizedName("acme-tool")


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upstream: Upstream) -> Path:
    """Configure a packages directory, an eggs directory and an index for the commands."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EGGPROXY_INDEX", upstream.index_url)
    monkeypatch.setenv("EGGPROXY_EGGS_DIRECTORY", str(tmp_path / "eggs"))
    (tmp_path / "packages").mkdir()
    return tmp_path / "packages"


def run(*words: object) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def test_yank__and_back(directory: Path) -> None:
    """A version is yanked however it is written; who yanks is told how to take it back."""
    packages = Packages(directory)
    add(packages, WHEEL)
    result = run("yank", "Acme.Tool", "1.0.0", "--reason", "broken")
    assert "eggproxy unyank acme-tool 1.0.0" in result.output
    detail = packages.detail(TOOL)
    assert detail is not None
    assert detail.files[0].yanked == "broken"
    assert run("unyank", "acme-tool", "1.0").exit_code == 0
    detail = packages.detail(TOOL)
    assert detail is not None
    assert detail.files[0].yanked is False


def test_yank__no_such_version(directory: Path) -> None:
    """A version that is not there is a sentence with those that are, and status 1."""
    add(Packages(directory), WHEEL)
    result = run("yank", "acme-tool", "3.0")
    assert result.exit_code == 1
    assert "There is no package acme-tool 3.0 here. There are 1.0." in result.output


def test_remove__and_back(directory: Path) -> None:
    """A version goes to the trash; the line that is printed brings it back as it was."""
    packages = Packages(directory)
    add(packages, WHEEL)
    add(packages, NEWER)
    result = run("remove", "acme-tool", "1.0")
    assert packages.path(TOOL, WHEEL.filename) is None
    assert packages.path(TOOL, NEWER.filename) is not None
    assert os.system(result.output.splitlines()[-1]) == 0  # noqa: S605  it is what is told
    wait_until(lambda: packages.path(TOOL, WHEEL.filename) is not None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_commands__as_root(directory: Path) -> None:
    """What a command makes as root belongs to the owner of the directory, who has to change it."""
    add(Packages(directory), WHEEL)
    os.chown(directory, 33, 33)
    run("yank", "acme-tool", "1.0")
    made = [path for path in directory.rglob("*") if not path.is_symlink()]
    assert made
    assert {path.stat().st_uid for path in made} == {33}


def test_trash__emptied(directory: Path) -> None:
    """What was removed long enough ago is deleted for good, and its name is no longer ours."""
    packages = Packages(directory, trash_days=0)
    add(packages, WHEEL)
    place, _files = packages.remove(TOOL)
    assert packages.ownership.owns(TOOL)
    packages.trash.empty()
    assert not place.exists()
    assert not packages.ownership.owns(TOOL)


def test_status__readable_by_people(directory: Path) -> None:
    """What was decided stands in a file that a person can read."""
    add(Packages(directory), WHEEL)
    run("status", "acme-tool", "archived", "--reason", "see acme-new")
    text = (directory / ".eggproxy" / "state" / "acme-tool.json").read_text()
    assert json.loads(text) == {"status": "archived", "reason": "see acme-new"}
    assert text.count("\n") > 2


def test_check__nothing_wrong(directory: Path) -> None:
    """Where all is well, it says so, and how much it has seen."""
    drop(directory, WHEEL)
    result = run("check")
    assert result.exit_code == 0
    assert "1 files of 1 projects" in result.output
    assert "nothing wrong" in result.output


def test_check__files(directory: Path) -> None:
    """Damaged, misnamed, double and silently changed files are named, with status 1."""
    whole = drop(directory, WHEEL)
    drop(directory, Distribution("acme_tool-3.0-py3-none-any.whl", WHEEL.content, b""), age=0)
    drop(directory, Distribution("acme-tool-4.0.tar.gz", b"damaged", b""), age=0)
    drop(directory, NEWER)
    drop(directory, make_wheel("acme-tool", "2.0", size=9), folder="more")
    packages = Packages(directory)
    assert packages.detail(TOOL)
    # What is read in the background as well must not be read when it has changed.
    reading = packages.catalogue._reading
    wait_until(lambda: reading is None or reading.done())
    facts = whole.stat()
    whole.write_bytes(WHEEL.content[:-1] + b"\1")
    os.utime(whole, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    result = run("check")
    assert result.exit_code == 1
    assert "acme_tool-3.0-py3-none-any.whl is listed nowhere" in result.output
    assert "acme-tool-4.0.tar.gz is listed nowhere" in result.output
    assert f"{NEWER.filename} is served; of the same name" in result.output
    assert f"{WHEEL.filename} has SHA-256" in result.output
    assert "4 wrong" in result.output


def test_check__also_upstream(directory: Path, upstream: Upstream) -> None:
    """A name that upstream has too is found in its list; of our names it hears nothing."""
    upstream.add("Acme_Tool", "acme_tool-9.0.tar.gz", b"theirs")
    drop(directory, WHEEL)
    drop(directory, make_sdist("zeta", "1.0"))
    assert "No list of upstream's projects is stored" in run("check").output
    assert upstream.requests == []
    result = run("check", "--online")
    assert result.exit_code == 1
    assert "acme-tool exists both here and upstream" in result.output
    assert "zeta" not in result.output
    assert [request.path for request in upstream.requests] == ["/simple/"]


def test_import__flat_and_deep(directory: Path, tmp_path: Path) -> None:
    """All packages are taken, however deep they lie; what is none, or damaged, is named."""
    source = tmp_path / "old"
    drop(source, WHEEL)
    drop(source, NEWER, folder="a/acme-tool")
    drop(source, Distribution("acme-tool-4.0.tar.gz", b"damaged", b""))
    drop(source, Distribution("notes.txt", b"text", b""))
    result = run("import", source)
    assert result.exit_code == 1
    assert "2 taken" in result.output
    assert "acme-tool-4.0.tar.gz: acme-tool-4.0.tar.gz cannot be accepted" in result.output
    assert "notes.txt: is no package" in result.output
    taken = directory / "acme-tool" / WHEEL.filename
    assert taken.stat().st_ino == (source / WHEEL.filename).stat().st_ino
    assert "2 were here already" in run("import", source).output


def test_import__other_content(directory: Path, tmp_path: Path) -> None:
    """A file that is here with other content stays as it is, and that is said."""
    add(Packages(directory), WHEEL)
    drop(tmp_path / "old", make_wheel("acme-tool", "1.0", size=9))
    result = run("import", tmp_path / "old")
    assert result.exit_code == 1
    assert "File already exists" in result.output
    assert (directory / "acme-tool" / WHEEL.filename).read_bytes() == WHEEL.content
