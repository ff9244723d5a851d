"""The files of pages: HTML and JSON, plain and packed, written, found whole, and mended."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from isal import isal_zlib

from eggproxy.names import NormalizedName
from eggproxy.negotiation import Form
from eggproxy.store import atomic, twins

_SEEN_WHOLE = 10_000
PageKind = Literal["index", "stored"]
FORMS: tuple[Form, ...] = ("json", "html")
_ENDINGS = [f".{form}{packing}" for form in FORMS for packing in (".gz", "")]


class PageFiles:
    """The pages below a root; `scratch` is a folder for what is being written.

    A name of None stands for the project list.
    """

    def __init__(self, root: Path, scratch: Path) -> None:
        self._root = root
        self._root_name = str(root)
        self._scratch = scratch
        # Pages that were whole when they were looked at, and how to tell that they still are.
        self._seen_whole: dict[tuple[NormalizedName | None, PageKind], object] = {}

    def path(
        self,
        project: NormalizedName | None,
        form: Form,
        *,
        packed: bool,
        kind: PageKind = "index",
    ) -> Path:
        """Name a page; `stored` is the one that has only those files that are on disk."""
        name = f"{kind}.{form}.gz" if packed else f"{kind}.{form}"
        return self._root / name if project is None else self._root.joinpath(project, name)

    def write(
        self,
        project: NormalizedName,
        pages: Mapping[Form, bytes],
        kind: PageKind = "index",
        *,
        packed: Mapping[Form, bytes] = MappingProxyType({}),
    ) -> None:
        """Put all representations of a page in place, some `packed` before.

        Raises StorageError.
        """
        contents = {}
        # The plain JSON comes into place last: where that is new, all is.
        for form in sorted(pages, key=FORMS.index, reverse=True):
            page = pages[form]
            twin = packed.get(form) or twins.pack(page)
            contents[self.path(project, form, packed=True, kind=kind)] = twin
            contents[self.path(project, form, packed=False, kind=kind)] = page
        with atomic.storage_errors(self._root / project):
            atomic.replace(contents, scratch=self._scratch)
            self._note_whole(project, kind, self._signature(project, kind))

    def adopt(self, project: NormalizedName) -> None:
        """Note that another process has just written a page whole. Raises OSError."""
        self._note_whole(project, "index", self._signature(project, "index"))

    def write_stored(self, project: NormalizedName, pages: Mapping[Form, bytes]) -> None:
        """Put the page of files on disk in place, if it is another; without `pages` there is none.

        Raises StorageError.
        """
        if pages:
            if not self._has_stored(project, pages):
                self.write(project, pages, "stored")
            return
        with atomic.storage_errors(self._root / project):
            for form in FORMS:
                for packed in (True, False):
                    self.path(project, form, packed=packed, kind="stored").unlink(missing_ok=True)

    def write_list(self, pieces: Iterable[Mapping[Form, bytes]]) -> None:
        """Put all representations of the project list in place; it is never held at once.

        `pieces` have each a piece of every form. Raises StorageError, and what `pieces` raise.
        """
        with atomic.storage_errors(self._root), ExitStack() as undo:
            writers: dict[Form, _PageWriter] = {}
            for form in FORMS:
                writers[form] = _PageWriter(self, form, self._scratch)
                undo.callback(writers[form].discard)
            for piece in pieces:
                for form in FORMS:
                    writers[form].write(piece[form])
            for writer in writers.values():
                writer.commit()
            undo.pop_all()

    def is_whole(self, project: NormalizedName | None, kind: PageKind = "index") -> bool:
        """Say whether all representations of a page are there. Raises OSError."""
        signature = self._signature(project, kind)
        if self._seen_whole.get((project, kind)) == signature:
            return True
        whole = all(twins.are_same(packed, plain) for packed, plain in self._twins(project, kind))
        if whole:
            self._note_whole(project, kind, signature)
        return whole

    def _twins(self, project: NormalizedName | None, kind: PageKind) -> list[tuple[Path, Path]]:
        """Name both of each form: the packed page, and the plain one."""
        return [
            (
                self.path(project, form, packed=True, kind=kind),
                self.path(project, form, packed=False, kind=kind),
            )
            for form in FORMS
        ]

    def _signature(self, project: NormalizedName | None, kind: PageKind) -> object:
        # Taken often, and making Paths would cost several times as much.
        folder = self._root_name if project is None else f"{self._root_name}/{project}"
        return tuple([atomic.signature(f"{folder}/{kind}{ending}") for ending in _ENDINGS])

    def _note_whole(
        self, project: NormalizedName | None, kind: PageKind, signature: object
    ) -> None:
        if len(self._seen_whole) >= _SEEN_WHOLE:
            self._seen_whole.clear()
        self._seen_whole[project, kind] = signature

    def repaired(self, project: NormalizedName | None) -> bool:
        """Make a page whole again of what is left of it; say whether that was possible.

        So a crash between two renames, or a hand that removed a packed page, costs no question to
        upstream, which may be down.
        """
        for form in FORMS:
            packed, plain = (self.path(project, form, packed=way) for way in (True, False))
            with atomic.storage_errors(plain):
                if not twins.repaired(packed, plain, self._scratch):
                    return False
        return True

    def _has_stored(self, project: NormalizedName, pages: Mapping[Form, bytes]) -> bool:
        page = self.path(project, "json", packed=False, kind="stored")
        try:
            return atomic.holds(page, pages["json"]) and self.is_whole(project, "stored")
        except FileNotFoundError:
            return False


class _PageWriter:
    """Writes a form of the project list, plain and packed."""

    def __init__(self, files: PageFiles, form: Form, scratch: Path) -> None:
        self._plain = atomic.Replacement(files.path(None, form, packed=False), scratch=scratch)
        self._packed = atomic.Replacement(files.path(None, form, packed=True), scratch=scratch)
        # One gzip member: not every client reads on after the first.
        self._packer = isal_zlib.compressobj(
            twins.PACKING, isal_zlib.DEFLATED, 16 + isal_zlib.MAX_WBITS
        )

    def write(self, data: bytes) -> None:
        self._plain.write(data)
        self._packed.write(self._packer.compress(data))

    def commit(self) -> None:
        self._packed.write(self._packer.flush())
        self._packed.commit()
        self._plain.commit()

    def discard(self) -> None:
        self._packed.discard()
        self._plain.discard()
