"""Memory that the server and the process for new pages both see: how pages go to and fro.

Through a connection a page would go in pieces, after each of which either side waits for the other,
and each thread for its turn.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import accumulate

import msgspec

from eggproxy.names import NormalizedName
from eggproxy.upstream import Fetched

_KEPT = 4 << 20
"""Bytes of such memory that are kept for the next page: the system clears it, and takes it back, in
more time than it takes to fill it."""

_NUMBER = 8
"""Bytes of a number."""


class Work(msgspec.Struct, frozen=True):
    """A page that is new, and of which channel it is."""

    channel: str
    name: NormalizedName
    pages: list[Fetched]
    digest: str
    user_agent: str
    specifier: str


class _Head(msgspec.Struct, frozen=True):
    """That with empty bodies, and the sizes in bytes of those that follow."""

    work: Work
    sizes: list[int]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Head).decode


class PageMemory:
    """Lends memory for a page at a time; safe to share among threads."""

    def __init__(self) -> None:
        self._free: list[int] = []

    @contextmanager
    def lent(self) -> Iterator[int]:
        """Give a descriptor, for as long as both need it. Raises OSError."""
        try:
            memory = self._free.pop()
        except IndexError:
            memory = os.memfd_create("page")
        is_kept = False
        try:
            yield memory
            # After an error the other one may still be at it.
            is_kept = not self._free and os.fstat(memory).st_size <= _KEPT
        finally:
            if is_kept:
                self._free.append(memory)
            else:
                os.close(memory)


def put_work(memory: int, work: Work) -> None:
    """Write what there is to do: two numbers, what is said of the pages, and the pages.

    Raises OSError.
    """
    bodies = [page.body for page in work.pages]
    sizes = list(map(len, bodies))
    empty = [replace(page, body=b"") for page in work.pages]
    head = _encode(_Head(msgspec.structs.replace(work, pages=empty), sizes))
    numbers = (len(head).to_bytes(_NUMBER, "big"), sum(sizes).to_bytes(_NUMBER, "big"))
    _write(memory, [*numbers, head, *bodies])


def size_of(memory: int) -> int:
    """Tell how many bytes the pages have. Raises OSError."""
    return int.from_bytes(os.pread(memory, _NUMBER, _NUMBER), "big")


def work_in(memory: int) -> Work:
    """Read what there is to do. Raises OSError, ValueError."""
    length = int.from_bytes(os.pread(memory, _NUMBER, 0), "big")
    head = _decode(read(memory, length, 2 * _NUMBER))
    begins = accumulate(head.sizes, initial=2 * _NUMBER + length)
    parts = zip(head.work.pages, head.sizes, begins, strict=False)
    pages = [replace(page, body=read(memory, size, begin)) for page, size, begin in parts]
    return msgspec.structs.replace(head.work, pages=pages)


def put_page(memory: int, page: bytes) -> None:
    """Write a page where what there was to do has been read. Raises OSError."""
    _write(memory, [page])


def read(memory: int, size: int, begin: int = 0) -> bytes:
    """Read so many bytes. Raises OSError if there are not so many."""
    if begin + size > os.fstat(memory).st_size:
        raise OSError(f"{size} bytes cannot be there")
    content = os.pread(memory, size, begin)
    if len(content) != size:
        raise OSError(f"{size} bytes cannot be read at once")
    return content


def _write(memory: int, content: list[bytes]) -> None:
    size = sum(map(len, content))
    if os.pwritev(memory, content, 0) != size:
        raise OSError(f"there is no room for {size} bytes")
