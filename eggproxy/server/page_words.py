"""What the server and the process for new pages say to each other."""

import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import accumulate

import msgspec

from eggproxy.names import NormalizedName
from eggproxy.transfer import Wanted
from eggproxy.upstream import Fetched

WORK = b"j"
"""Said with two descriptors: a connection for one page, and what lies in memory for it."""

# What is said before the page is in place: what will most likely be asked for next, with its length
# and itself, and the page, with a descriptor of what lies in memory.
WANTED, PAGE = b"w", b"p"


class Work(msgspec.Struct, frozen=True):
    """A page that is new, and of which channel it is."""

    channel: str
    name: NormalizedName
    pages: list[Fetched]
    digest: str
    user_agent: str
    specifier: str


class _Sent(Work, frozen=True):
    """How that lies in memory: with empty bodies, and the sizes of those that follow it."""

    sizes: list[int]


encode = msgspec.msgpack.Encoder().encode
decode_wanted = msgspec.msgpack.Decoder(Wanted).decode
_decode_sent = msgspec.msgpack.Decoder(_Sent).decode
_LENGTH = 8


def work_in_memory(work: Work) -> AbstractContextManager[int]:
    """Give a descriptor of what there is to do, as `in_memory` does. Raises OSError."""
    bodies = [page.body for page in work.pages]
    values = {name: getattr(work, name) for name in Work.__struct_fields__}
    values["pages"] = [replace(page, body=b"") for page in work.pages]
    head = encode(_Sent(**values, sizes=list(map(len, bodies))))
    return in_memory(len(head).to_bytes(_LENGTH, "big"), head, *bodies)


def work_of(descriptor: int) -> Work:
    """Read what there is to do, of which only pages are large. Raises OSError, ValueError."""
    length = int.from_bytes(_at(descriptor, 0, _LENGTH), "big")
    sent = _decode_sent(_at(descriptor, _LENGTH, length))
    begins = accumulate(sent.sizes, initial=_LENGTH + length)
    parts = zip(sent.pages, begins, sent.sizes, strict=False)
    pages = [replace(page, body=_at(descriptor, begin, size)) for page, begin, size in parts]
    return msgspec.structs.replace(sent, pages=pages)


def _at(descriptor: int, begin: int, size: int) -> bytes:
    found = os.pread(descriptor, size, begin)
    if len(found) != size:
        raise ValueError(f"there are {len(found)} of {size} bytes")
    return found


@contextmanager
def in_memory(*content: bytes) -> Iterator[int]:
    """Give a descriptor of bytes in memory that another process can see. Raises OSError.

    Through a connection a page would go in pieces, after each of which either side waits for the
    other, and each thread for its turn.
    """
    with open(os.memfd_create("page"), "wb", buffering=0) as file:  # noqa: PTH123
        for piece in content:
            rest = memoryview(piece)
            while rest:
                rest = rest[file.write(rest) :]
        yield file.fileno()


def content_of(descriptor: int) -> bytes:
    """Read what lies in memory, and close it. Raises OSError."""
    with open(descriptor, "rb", buffering=0) as file:
        # Where whoever wrote it has left off is the end.
        file.seek(0)
        return file.read()


def give(connection: socket.socket, page: bytes) -> None:
    """Say that there is a page. Raises OSError."""
    with in_memory(page) as descriptor:
        socket.send_fds(connection, [PAGE], [descriptor])


def say(connection: socket.socket, word: bytes, what: bytes) -> None:
    """Say a word, and what belongs to it. Raises OSError."""
    connection.sendall(word)
    connection.sendall(len(what).to_bytes(8, "big"))
    connection.sendall(what)


def said(connection: socket.socket) -> bytearray:
    """Take what belongs to a word, whole. Raises OSError."""
    return _exactly(connection, int.from_bytes(_exactly(connection, 8), "big"))


def _exactly(connection: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        count = connection.recv_into(rest)
        if not count:
            raise ConnectionResetError
        rest = rest[count:]
    return data
