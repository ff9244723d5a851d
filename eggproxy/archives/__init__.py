"""What distributions say of themselves: strict and bounded reading of wheels, sdists and eggs."""

from eggproxy.archives.contents import Contents, DamagedArchiveError
from eggproxy.archives.read import read_archive, read_wheel
from eggproxy.archives.source import FileSource, Source

__all__ = [
    "Contents",
    "DamagedArchiveError",
    "FileSource",
    "Source",
    "read_archive",
    "read_wheel",
]
