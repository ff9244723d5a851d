"""Bytes that can be read at any place: of a file here, or of one far away."""

import io
import os
from typing import Protocol


class Source(Protocol):
    """Bytes that do not change while they are read."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def read(self, offset: int, count: int) -> bytes:
        """Read `count` bytes from `offset` on; fewer only at the end."""


class FileSource:
    """The bytes of an open file, given by its descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def read(self, offset: int, count: int) -> bytes:
        """Read `count` bytes from `offset` on. Raises OSError."""
        return os.pread(self._descriptor, count, offset)


class SourceFile(io.RawIOBase):
    """A source as a file object, for what wants one; not buffered."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Say where the next byte comes from."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size}
        self._position = max(0, base[whence] + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Read at most `size` bytes."""
        left = max(0, self._source.size - self._position)
        count = left if size is None or size < 0 else min(size, left)
        data = self._source.read(self._position, count) if count else b""
        self._position += len(data)
        return data
