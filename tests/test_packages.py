"""Packages of our own: a directory into which files are put by hand, and what is read of them."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from eggproxy.names import NormalizedName, normalize
from eggproxy.packages import ClosedProjectError, FileExistsConflictError, Packages
from tests.distributions import Distribution, make_sdist, make_wheel
from tests.packages import add, drop
from tests.servers import wait_until

TOOL = NormalizedName("acme-tool")
WHEEL = make_wheel("Acme.Tool", "1.0", python=">=3.8")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Give an empty packages directory."""
    folder = tmp_path / "packages"
    folder.mkdir()
    return folder


def names(packages: Packages, project: str = TOOL) -> list[str]:
    """Name the files of a project."""
    detail = packages.detail(normalize(project))
    return [file.filename for file in detail.files] if detail else []


def test_detail__all_that_is_true(directory: Path) -> None:
    """A file dropped by hand is described whole: digest, size, time, Python, metadata."""
    path = drop(directory, WHEEL)
    os.utime(path, (1704164645.5, 1704164645.5))
    detail = Packages(directory).detail(TOOL)
    assert detail is not None
    (file,) = detail.files
    assert file.hashes == {"sha256": hashlib.sha256(WHEEL.content).hexdigest()}
    assert (file.size, file.requires_python) == (len(WHEEL.content), ">=3.8")
    assert file.upload_time == "2024-01-02T03:04:05.500000Z"
    assert file.core_metadata == {"sha256": hashlib.sha256(WHEEL.metadata).hexdigest()}
    assert detail.versions == ["1.0"]


def test_path__file_and_metadata(directory: Path) -> None:
    """A file is served from where it lies, and the metadata of a wheel as it is within."""
    path = drop(directory, WHEEL)
    packages = Packages(directory)
    assert packages.path(TOOL, WHEEL.filename) == path
    metadata = packages.path(TOOL, f"{WHEEL.filename}.metadata")
    assert metadata is not None
    assert metadata.read_bytes() == WHEEL.metadata
    assert packages.path(TOOL, "acme_tool-2.0-py3-none-any.whl") is None


@pytest.mark.parametrize("folder", ["", "acme-tool", "Acme.Tool", "misc"])
def test_detail__appears(directory: Path, folder: str) -> None:
    """A file that comes later appears, flat or in a folder whatever its name."""
    packages = Packages(directory)
    assert packages.detail(TOOL) is None
    drop(directory, WHEEL, folder=folder)
    wait_until(lambda: names(packages) == [WHEEL.filename])
    assert packages.projects() == [TOOL]


def test_detail__goes(directory: Path) -> None:
    """A file that is deleted by hand is gone at once, and with the last one its project."""
    path = drop(directory, WHEEL)
    packages = Packages(directory)
    assert packages.ownership.owns(TOOL)
    assert names(packages)
    path.unlink()
    assert packages.detail(TOOL) is None


def test_detail__replaced_in_place(directory: Path) -> None:
    """A file that is written over, which no folder shows, has its new digest at once."""
    drop(directory, WHEEL)
    packages = Packages(directory)
    assert names(packages)
    other = make_wheel("Acme.Tool", "1.0", size=100)
    (directory / WHEEL.filename).write_bytes(other.content)
    wait_until(lambda: names(packages))
    detail = packages.detail(TOOL)
    assert detail is not None
    assert detail.files[0].hashes["sha256"] == hashlib.sha256(other.content).hexdigest()


def test_detail__being_copied(directory: Path) -> None:
    """A file that is still growing is not listed, nor called damaged; when it is whole it is."""
    packages = Packages(directory)
    path = directory / WHEEL.filename
    path.write_bytes(WHEEL.content[:200])
    assert names(packages) == []
    assert packages.ownership.owns(TOOL)
    path.write_bytes(WHEEL.content)
    wait_until(lambda: names(packages) == [WHEEL.filename])


@pytest.mark.parametrize(
    ("filename", "content"),
    [
        (WHEEL.filename, WHEEL.content[:-30]),
        ("acme_tool-2.0-py3-none-any.whl", WHEEL.content),
        ("other-1.0-py3-none-any.whl", WHEEL.content),
        ("acme-tool-1.0.tar.gz", b"no archive"),
    ],
)
def test_fault__named_once(
    directory: Path, caplog: pytest.LogCaptureFixture, filename: str, content: bytes
) -> None:
    """What is damaged or misnamed is listed nowhere, named once in the log, and still ours."""
    drop(directory, Distribution(filename, content, b""))
    for packages in (Packages(directory), Packages(directory)):
        assert packages.projects() == []
        assert names(packages) == []
        assert packages.ownership.owns(TOOL) or packages.ownership.owns(NormalizedName("other"))
    assert caplog.text.count(filename) == 1


def test_link__leads_out(directory: Path, tmp_path: Path) -> None:
    """A link to somewhere else is not followed, be it to a file or to a folder."""
    drop(tmp_path, WHEEL)
    (directory / WHEEL.filename).symlink_to(tmp_path / WHEEL.filename)
    (directory / "more").symlink_to(tmp_path)
    packages = Packages(directory)
    assert packages.projects() == []


def test_journal__read_once(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one process has read no other reads again."""
    drop(directory, WHEEL)
    assert names(Packages(directory))
    monkeypatch.setattr("eggproxy.packages.catalogue.read_package", None)
    assert names(Packages(directory)) == [WHEEL.filename]


def test_journal__damaged(directory: Path) -> None:
    """Of a damaged index, what is lost is read again; a torn last line harms nothing after it."""
    drop(directory, WHEEL)
    packages = Packages(directory)
    assert names(packages)
    journal = directory / ".eggproxy" / "index.jsonl"
    journal.write_bytes(b"\0{nonsense\n" + journal.read_bytes()[:40])
    drop(directory, make_wheel("Acme.Tool", "1.1"))
    assert len(names(Packages(directory))) == 2
    assert len(names(Packages(directory))) == 2


def test_add__everywhere_at_once(directory: Path) -> None:
    """What is added shows at once here and in who has looked a moment ago."""
    one, other = Packages(directory), Packages(directory)
    assert other.detail(TOOL) is None
    assert add(one, WHEEL)
    assert names(other) == names(one) == [WHEEL.filename]
    assert (directory / "acme-tool" / WHEEL.filename).read_bytes() == WHEEL.content


def test_add__again(directory: Path) -> None:
    """The same bytes are fine; others are refused, unless they may replace what is there."""
    packages = Packages(directory)
    other = make_wheel("Acme.Tool", "1.0", size=100)
    assert add(packages, WHEEL)
    assert not add(packages, WHEEL)
    with pytest.raises(FileExistsConflictError, match="new version") as refused:
        add(packages, other)
    assert (refused.value.status, refused.value.reason) == (409, "File already exists")
    assert add(packages, other, overwrite=True)
    path = packages.path(TOOL, WHEEL.filename)
    assert path is not None
    assert path.read_bytes() == other.content


def test_add__beside_flat_files(directory: Path) -> None:
    """A file that lies flat counts as being there."""
    drop(directory, WHEEL)
    packages = Packages(directory)
    assert not add(packages, WHEEL)
    with pytest.raises(FileExistsConflictError):
        add(packages, make_wheel("Acme.Tool", "1.0", size=100))


@pytest.mark.parametrize("status", ["archived", "quarantined"])
def test_add__closed(directory: Path, status: str) -> None:
    """A project that is archived or quarantined takes no files; the message says who opens it."""
    packages = Packages(directory)
    add(packages, WHEEL)
    packages.set_status(TOOL, status, "moved")  # type: ignore[arg-type]
    with pytest.raises(ClosedProjectError, match=r"\(moved\).*eggproxy status"):
        add(packages, make_wheel("Acme.Tool", "1.1"))


def test_owns__reserved(directory: Path) -> None:
    """Names are ours by a pattern, too, before there is any file."""
    packages = Packages(directory, reserve=["acme-*"])
    assert packages.ownership.owns(TOOL)
    assert not packages.ownership.owns(NormalizedName("numpy"))
    assert packages.detail(TOOL) is None


def test_sdists__names_with_dashes(directory: Path) -> None:
    """Of which project an archive is, what is in it says, whatever dashes its name has."""
    drop(directory, make_sdist("zope.event", "4.0", stem="zope.event"))
    drop(directory, make_sdist("acme-2-tool", "1.0", stem="acme-2-tool"))
    packages = Packages(directory)
    assert packages.projects() == ["acme-2-tool", "zope-event"]
    assert not packages.ownership.owns(NormalizedName("acme"))


@pytest.mark.parametrize("error", [errno.EMFILE, errno.EIO, errno.EACCES, errno.ESTALE])
def test_look__what_cannot_be_listed_stays_ours(
    directory: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    """A folder that cannot be listed for now leaves no name to upstream."""
    drop(directory, WHEEL)
    packages = Packages(directory)
    assert names(packages)
    drop(directory, make_wheel("other", "1.0"))

    def fails(path: str) -> None:
        raise OSError(error, os.strerror(error), path)

    monkeypatch.setattr(os, "scandir", fails)
    packages.catalogue.look(now=True)
    assert packages.ownership.keeps(TOOL)
    monkeypatch.undo()
    packages.catalogue.look(now=True)
    assert packages.ownership.keeps(NormalizedName("other"))


def test_note__directory_is_away(directory: Path) -> None:
    """A directory that goes while it is read is not made anew, as if nothing had been in it."""
    drop(directory, WHEEL)
    packages = Packages(directory)
    assert names(packages)
    directory.rename(directory.with_name("away"))
    packages.catalogue.note([])
    packages.catalogue.read_for(1)
    assert not directory.exists()
    packages.catalogue.look(now=True)
    assert packages.ownership.keeps(TOOL)


def test_look__directory_is_away(directory: Path) -> None:
    """While the disk of the directory is away, what was there stays ours, whoever asks."""
    drop(directory, WHEEL)
    packages = Packages(directory)
    assert names(packages)
    away = directory.rename(directory.with_name("away"))
    packages.catalogue.look(now=True)
    names(packages)
    assert packages.ownership.keeps(TOOL)
    away.rename(directory)
    assert names(packages) == [WHEEL.filename]
    (directory / WHEEL.filename).unlink()
    packages.catalogue.look(now=True)
    assert not packages.ownership.keeps(TOOL)


def test_trash__is_away(directory: Path) -> None:
    """What was removed stays ours while the disk of the directory is away."""
    drop(directory, WHEEL)
    packages = Packages(directory)
    packages.remove(TOOL)
    assert packages.ownership.keeps(TOOL)
    directory.rename(directory.with_name("away"))
    assert packages.ownership.keeps(TOOL)
