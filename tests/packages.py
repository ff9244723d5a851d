"""A packages directory as its users fill it."""

import os
import time
from pathlib import Path

from eggproxy.archives import read_archive
from eggproxy.packages import Packages
from tests.distributions import Distribution


def drop(directory: Path, made: Distribution, *, folder: str = "", age: float = 60) -> Path:
    """Put a file into the directory, as if it had been there for so many seconds."""
    place = directory / folder
    place.mkdir(parents=True, exist_ok=True)
    new = place / f".{made.filename}"
    new.write_bytes(made.content)
    then = time.time() - age
    os.utime(new, (then, then))
    return new.rename(place / made.filename)


def add(packages: Packages, made: Distribution, *, overwrite: bool = False) -> bool:
    """Add a file as an upload does."""
    incoming = packages.prepare() / f"{os.getpid()}-{time.monotonic_ns()}"
    incoming.write_bytes(made.content)
    try:
        contents = read_archive(incoming, made.filename)
        return packages.add(incoming, made.filename, contents, overwrite=overwrite)
    finally:
        incoming.unlink()
