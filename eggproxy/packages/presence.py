"""Whether the packages directory is there: a disk that is away must not set its names free.

A mount point without its disk is an empty directory. What tells it from one that was emptied is a
marker within the directory; what was in it is remembered elsewhere, beside the eggs.
"""

import os
import secrets
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import msgspec

from eggproxy.store import atomic

MARKER = "present"
"""Name of the marker, in the folder of our own records."""

_WORDS = b"By this file eggproxy knows that the disk with the packages is mounted.\n"
_SAMPLE = 50
_GONE = (FileNotFoundError, NotADirectoryError)


class _Noted(msgspec.Struct, frozen=True, omit_defaults=True):
    """Names that were ours; with some of their files, where there can be no marker."""

    names: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()


_NOTHING = _Noted()
_decode = msgspec.json.Decoder(_Noted).decode


class Presence:
    """Knows whether the directory at `root` is the one it was, and which names were in it.

    `memory` is the file that remembers them; without one nothing is remembered.
    """

    def __init__(self, root: Path, own: Path, memory: Path | None) -> None:
        self.marker = own / MARKER
        self._root = root
        self._memory = memory
        self._held: tuple[atomic.Signature, _Noted] | None = None

    def is_here(self) -> bool:
        """Say whether the directory is there, and is no mount point without its disk."""
        try:
            os.stat(self.marker)  # noqa: PTH116  it is asked at each request for what is ours
        except _GONE:
            pass
        except OSError:
            return False
        else:
            return True
        if not self._root.is_dir():
            return False
        noted = self._noted()
        if not noted.names or any((self._root / path).exists() for path in noted.paths):
            return True
        # The names may have been noted just now, and before them the marker was made.
        return self.marker.exists()

    def names(self) -> frozenset[str]:
        """Name the projects that were here when the directory was last seen."""
        return self._noted().names

    def note(self, names: Collection[str], paths: Collection[str]) -> None:
        """Remember the names that are here, and some of the `paths` below the directory.

        Only while it is here, and by one process at a time. Raises StorageError.
        """
        noted = self._noted()
        if self._memory is None or not (names or noted.names):
            return
        marked = self._mark()
        new = _Noted(frozenset(names), () if marked else tuple(sorted(paths)[:_SAMPLE]))
        if new == noted:
            return
        with atomic.storage_errors(self._memory):
            # In order, so that people can compare.
            text = msgspec.json.encode(new, order="deterministic")
            atomic.replace({self._memory: text}, scratch=self._memory.parent / "tmp")

    def _mark(self) -> bool:
        """Have the marker there; False in a directory that may only be read."""
        if self.marker.exists():
            return True
        temporary = self.marker.with_name(f"{MARKER}.{secrets.token_hex(8)}")
        try:
            self.marker.parent.mkdir(exist_ok=True)
            temporary.write_bytes(_WORDS)
            temporary.replace(self.marker)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            return False
        return True

    def _noted(self) -> _Noted:
        if self._memory is None:
            return _NOTHING
        try:
            changed = atomic.signature(self._memory)
            if self._held is None or self._held[0] != changed:
                self._held = changed, _decode(self._memory.read_bytes())
        except (OSError, msgspec.DecodeError):
            # What was read before is more than nothing.
            return self._held[1] if self._held is not None else _NOTHING
        return self._held[1]
