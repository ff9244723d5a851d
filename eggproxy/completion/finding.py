"""Finding out what is missing of one file, from the disk or from upstream."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eggproxy.archives import Contents, DamagedArchiveError, FileSource, read_wheel
from eggproxy.completed import CORE_METADATA, REQUIRES_PYTHON, SIZE, UPLOAD_TIME
from eggproxy.completion.found import Found
from eggproxy.completion.remote import Facts, NoRangesError, RemoteFile, look
from eggproxy.errors import UpstreamNonsenseError
from eggproxy.model import File
from eggproxy.upstream import Upstream


class Finder:
    """Finds out what is missing; `has_ranges` says whether a URL's host sends parts of files.

    `no_ranges` is told of a URL whose host does not.
    """

    def __init__(self, has_ranges: Callable[[str], bool], no_ranges: Callable[[str], None]) -> None:
        self._has_ranges = has_ranges
        self._no_ranges = no_ranges

    def find(self, upstream: Upstream, file: File, stored: Path, lacks: int) -> Found:
        """Find out what a file lacks; `stored` is where it lies if it is stored.

        Raises UpstreamUnavailableError, UpstreamNonsenseError, OfflineError, ForbiddenHostError.
        """
        looked_for, values = lacks, dict[int, Any]()
        contents: Contents | None = None
        facts: Facts | None = None
        on_disk = _stored(file, stored)
        if on_disk is not None:
            values[SIZE], contents = on_disk
        elif lacks & CORE_METADATA and self._has_ranges(file.url):
            contents, facts = self._from_afar(upstream, file)
        if facts is None and lacks & (SIZE | UPLOAD_TIME) & ~sum(values):
            facts = look(upstream, file.url)
        if facts is not None:
            values.setdefault(SIZE, facts.size)
            values[UPLOAD_TIME] = facts.upload_time(time.time())
        if lacks & CORE_METADATA:
            if contents is not None:
                digest = hashlib.sha256(contents.metadata).hexdigest()
                values[CORE_METADATA] = {"sha256": digest}
                values[REQUIRES_PYTHON] = contents.requires_python
                looked_for |= REQUIRES_PYTHON
            elif on_disk is None and not self._has_ranges(file.url):
                # It can be read when it has come.
                looked_for &= ~CORE_METADATA
        return Found(
            file=file,
            looked_for=looked_for,
            values=values,
            metadata=contents.metadata if contents else None,
        )

    def contents(self, upstream: Upstream, file: File, stored: Path) -> Contents | None:
        """Read a wheel's metadata, stored or not; None where it cannot be had. Raises as `find`."""
        on_disk = _stored(file, stored)
        return on_disk[1] if on_disk else self._from_afar(upstream, file)[0]

    def _from_afar(self, upstream: Upstream, file: File) -> tuple[Contents | None, Facts | None]:
        try:
            remote = RemoteFile(upstream, file.url)
        except NoRangesError:
            self._no_ranges(file.url)
            return None, None
        except UpstreamNonsenseError:
            return None, Facts(None, None)
        try:
            return read_wheel(remote, file.filename), remote.facts
        except (DamagedArchiveError, UpstreamNonsenseError):
            return None, remote.facts


def _stored(file: File, path: Path) -> tuple[int, Contents | None] | None:
    """Read what the file itself says, if it is stored: its size, and a wheel's metadata."""
    try:
        with path.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            if not file.filename.endswith(".whl"):
                return size, None
            try:
                return size, read_wheel(FileSource(opened.fileno()), file.filename)
            except DamagedArchiveError:
                return size, None
    except OSError:
        return None
