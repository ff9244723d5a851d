"""The eggs directory: a static index that anybody can serve, and beside it our own records.

index.html index.json (.gz)             the project list
numpy/index.html numpy/index.json (.gz) project pages, links relative to the folder
numpy/numpy-2.1.0-....whl (.metadata)   files, whole and verified
.eggproxy/                              records, partial downloads, scratch: never served
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import msgspec
from isal import igzip, isal_zlib

from eggproxy.errors import StorageError
from eggproxy.model import ProjectDetail
from eggproxy.names import NormalizedName, is_project_name, normalize
from eggproxy.negotiation import Form
from eggproxy.store import atomic
from eggproxy.store.partial import Partial

# Level 1 of isal is as small as zlib's 6 and a multiple faster.
_GZIP_LEVEL = 1
_SCRATCH_MAX_AGE = 3600
FORMS: tuple[Form, ...] = ("json", "html")


class Validators(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """By what upstream can tell that a page has not changed."""

    etag: str | None = None
    last_modified: str | None = None
    # SHA-256 of the page as it came, for upstreams that give neither.
    digest: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a stored page; the time of its file is when upstream last confirmed it."""

    url: str
    validators: Validators
    # None for the project list, which is read from nowhere but its pages.
    detail: ProjectDetail | None = None
    # Files whose `.metadata` upstream promised and did not have.
    withdrawn: list[str] = []


_encode = msgspec.json.Encoder().encode
_decode_record = msgspec.json.Decoder(Record).decode


class EggsDirectory:
    """One eggs directory; any number of processes and threads may share it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._own = root / ".eggproxy"
        self._scratch = self._own / "tmp"
        self._partials = self._own / "partial"

    def prepare(self) -> None:
        """Make the folders, and clear away what crashed writers left an hour ago or before.

        Raises StorageError where the directory cannot be made or written.
        """
        for folder in (self._scratch, self._partials, self._own / "projects"):
            with atomic.storage_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
        if not os.access(self._scratch, os.W_OK | os.X_OK) or not os.access(self.root, os.W_OK):
            raise StorageError(str(self.root), "it cannot be written by this user")
        for leftover in self._scratch.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - leftover.stat().st_mtime > _SCRATCH_MAX_AGE:
                    leftover.unlink()

    def page(self, project: NormalizedName | None, form: Form, *, packed: bool) -> Path:
        """Name the page of a project, or of the project list (None)."""
        folder = self.root if project is None else self.root / project
        return folder / (f"index.{form}.gz" if packed else f"index.{form}")

    def file(self, project: NormalizedName, filename: str) -> Path:
        """Name a distribution or a sibling of one; it is whole if it is there."""
        return self.root / project / filename

    def partial(self, project: NormalizedName, filename: str, identity: str) -> Partial:
        """Name the growing file of a transfer; `identity` tells apart what upstream may send."""
        return Partial.of(self._partials, self.file(project, filename), f"{project}\n{identity}")

    def projects(self) -> list[NormalizedName]:
        """List the projects with a stored page, in order of name."""
        with atomic.storage_errors(self._own / "projects"):
            names = sorted(entry.name for entry in os.scandir(self._own / "projects"))
        return [normalize(name) for name in names if is_project_name(name)]

    def checked(self, project: NormalizedName | None) -> float | None:
        """Say when upstream last confirmed a page, in seconds since the epoch; None if never.

        A page of which somebody removed a part by hand is one that we do not have.
        """
        try:
            for form in FORMS:
                self.page(project, form, packed=False).stat()
                self.page(project, form, packed=True).stat()
            return self._record(project).stat().st_mtime
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(str(self._record(project)), str(error.strerror)) from error

    def touch(self, project: NormalizedName | None, now: float) -> None:
        """Note that upstream has confirmed a page at `now`."""
        with atomic.storage_errors(self._record(project)):
            os.utime(self._record(project), (now, now))

    def record(self, project: NormalizedName | None) -> Record | None:
        """Read the record of a page; None if there is no whole page, or if it is damaged."""
        if self.checked(project) is None:
            return None
        try:
            return _decode_record(self._record(project).read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        except OSError as error:
            raise StorageError(str(self._record(project)), str(error.strerror)) from error

    def lock(self, project: NormalizedName | None) -> AbstractContextManager[None]:
        """Hold the page of a project for oneself, across threads and processes."""
        return atomic.folder_lock(self._record(project).parent)

    def write(
        self,
        project: NormalizedName | None,
        pages: dict[Form, Iterable[bytes]],
        record: Record,
        now: float,
    ) -> None:
        """Put all representations of a page in place, the record last: a record implies a page.

        `pages` maps each form to its content in pieces. Raises StorageError.
        """
        folder = self.root if project is None else self.root / project
        with atomic.storage_errors(folder):
            for form, pieces in pages.items():
                self._write_page(project, form, pieces)
            target = self._record(project)
            atomic.replace(target, [_encode(record)], scratch=self._scratch)
        self.touch(project, now)

    def _write_page(
        self, project: NormalizedName | None, form: Form, pieces: Iterable[bytes]
    ) -> None:
        plain = self.page(project, form, packed=False)
        if isinstance(pieces, list):
            packed = [igzip.compress(b"".join(pieces), _GZIP_LEVEL, mtime=0)]
            atomic.replace(self.page(project, form, packed=True), packed, scratch=self._scratch)
            atomic.replace(plain, pieces, scratch=self._scratch)
            return
        # Too large to be held at once: packed from what has just been written.
        atomic.replace(plain, pieces, scratch=self._scratch)
        with plain.open("rb") as whole:
            blocks = iter(lambda: whole.read(1 << 20), b"")
            target = self.page(project, form, packed=True)
            atomic.replace(target, _packed(blocks), scratch=self._scratch)

    def _record(self, project: NormalizedName | None) -> Path:
        if project is None:
            return self._own / "list" / "record.json"
        return self._own / "projects" / project / "record.json"


def _packed(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Pack in pieces, as one gzip member: not every client reads on after the first."""
    packer = isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, 16 + isal_zlib.MAX_WBITS)
    for block in blocks:
        yield packer.compress(block)
    yield packer.flush()
