"""From the file of a distribution to what it says of itself."""

from pathlib import Path

from eggproxy.archives.contents import Contents, DamagedArchiveError, Flaw
from eggproxy.archives.filenames import named, same_name, same_version, split_suffix
from eggproxy.archives.locals import check_locals
from eggproxy.archives.metadata import MAX_METADATA, read_metadata
from eggproxy.archives.source import FileSource, Source
from eggproxy.archives.tars import read_pkg_info
from eggproxy.archives.zips import StrictZip

_DIST_INFO = ".dist-info"


def read_archive(path: Path, filename: str) -> Contents:
    """Read the distribution at `path`, and check it whole; `filename` is the name it goes by.

    Raises DamagedArchiveError where it is damaged, dangerous, or not what its name says; OSError.
    """
    with path.open("rb") as file:
        source = FileSource(file.fileno())
        try:
            _stem, kind = split_suffix(filename)
            if kind == "tar":
                metadata = read_pkg_info(file, source.size, filename)
            else:
                archive = StrictZip(source)
                check_locals(archive)
                name = {"wheel": _in_wheel, "egg": _in_egg, "zip": _in_sdist}[kind]
                metadata = archive.read(name(archive, filename), MAX_METADATA)
            return read_metadata(metadata, filename)
        except Flaw as flaw:
            raise DamagedArchiveError(filename, str(flaw)) from None


def read_wheel(source: Source, filename: str) -> Contents:
    """Read a wheel's metadata from its directory and that one member, wherever its bytes are.

    Raises DamagedArchiveError, and what the source raises.
    """
    try:
        archive = StrictZip(source)
        return read_metadata(archive.read(_in_wheel(archive, filename), MAX_METADATA), filename)
    except Flaw as flaw:
        raise DamagedArchiveError(filename, str(flaw)) from None


def _in_wheel(archive: StrictZip, filename: str) -> str:
    """Find METADATA in the one folder of that kind, which the filename names (PEP 427)."""
    folders = {folder for folder in _folders(archive) if folder.endswith(_DIST_INFO)}
    if len(folders) != 1:
        raise Flaw("it has not exactly one .dist-info folder")
    (folder,) = folders
    name, _dash, version = folder.removesuffix(_DIST_INFO).rpartition("-")
    ((wanted, wanted_version),) = named(filename)
    if not same_name(name, wanted) or not same_version(version, wanted_version):
        raise Flaw("its .dist-info folder is that of another distribution")
    return _one(archive, f"{folder}/METADATA")


def _in_egg(archive: StrictZip, _filename: str) -> str:
    return _one(archive, "EGG-INFO/PKG-INFO")


def _in_sdist(archive: StrictZip, _filename: str) -> str:
    found = [m.filename for m in archive.members if m.filename.split("/")[1:] == ["PKG-INFO"]]
    if len(found) != 1:
        raise Flaw("it has not exactly one PKG-INFO below its top folder")
    return found[0]


def _one(archive: StrictZip, name: str) -> str:
    if not any(member.filename == name for member in archive.members):
        raise Flaw(f"it has no {name}")
    return name


def _folders(archive: StrictZip) -> set[str]:
    return {member.filename.split("/")[0] for member in archive.members if "/" in member.filename}
