"""The journal: what was read from packages, kept so that it is read once for all processes.

One line of JSON for each file, only ever appended to. It is derived from the files: whatever is
lost of it, by a crash or a full disk, is read from them again.
"""

import contextlib
import logging
import os
import secrets
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from eggproxy.packages.entries import Line

log = logging.getLogger("eggproxy")

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Line)

_MISSING = -1


class Journal:
    """The journal in a file, as far as this process has read it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Held open: as long as it is, no other file can have its inode.
        self._descriptor = _MISSING
        self._close: Callable[[], object] = bool
        self._identity: tuple[int, int] | None = None
        self._offset = 0
        self.lines = 0

    def has_news(self) -> bool:
        """Say whether there is something to be read; safe beside a thread that reads it."""
        try:
            facts = os.stat(self._path)  # noqa: PTH116  each request that decides asks
        except OSError:
            return self._identity is not None
        return (facts.st_dev, facts.st_ino) != self._identity or facts.st_size != self._offset

    def news(self) -> list[Line]:
        """Read what was added since; after another process has written it anew, all."""
        try:
            facts = self._path.stat()
        except OSError:
            self._forget()
            return []
        if (facts.st_dev, facts.st_ino) != self._identity:
            self._open()
        if self._descriptor == _MISSING or facts.st_size == self._offset:
            return []
        data = os.pread(self._descriptor, max(facts.st_size - self._offset, 0), self._offset)
        # A line is whole when its end is there.
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        lines = _decoded(whole)
        self.lines += len(lines)
        return lines

    def append(self, lines: Iterable[Line]) -> None:
        """Add lines, for all processes. Raises OSError."""
        # Whatever a crash has left of a line before ends at the first newline.
        data = b"".join(b"\n" + _encode(line) + b"\n" for line in lines)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o644)
        try:
            # One write: those of others come before or after it, never between.
            os.write(descriptor, data)
        finally:
            os.close(descriptor)

    def rewrite(self, lines: Iterable[Line]) -> None:
        """Write the journal anew, with nothing in it that no longer counts. Raises OSError.

        What others append meanwhile is lost: they, and we, find those files again.
        """
        temporary = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        try:
            temporary.write_bytes(b"".join(_encode(line) + b"\n" for line in lines))
            temporary.replace(self._path)
        finally:
            temporary.unlink(missing_ok=True)

    def _open(self) -> None:
        self._forget()
        with contextlib.suppress(OSError):
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            closing: Callable[[], object] = weakref.finalize(self, os.close, descriptor)
            self._close = closing
            self._descriptor = descriptor
            facts = os.fstat(descriptor)
            self._identity = (facts.st_dev, facts.st_ino)

    def _forget(self) -> None:
        self._close()
        self._descriptor, self._identity, self._offset, self.lines = _MISSING, None, 0, 0


def _decoded(data: bytes) -> list[Line]:
    try:
        return _decoder.decode_lines(data)
    except msgspec.DecodeError:
        log.warning("the index of packages is damaged; what is missing is read again")
    lines = []
    for line in data.splitlines():
        with contextlib.suppress(msgspec.DecodeError):
            lines.append(_decoder.decode(line))
    return lines
