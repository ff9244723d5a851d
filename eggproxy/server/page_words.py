"""What the server and the process for new pages say to each other."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

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


encode = msgspec.msgpack.Encoder().encode
decode_work = msgspec.msgpack.Decoder(Work).decode
decode_wanted = msgspec.msgpack.Decoder(Wanted).decode


@contextmanager
def in_memory(content: bytes) -> Iterator[int]:
    """Give a descriptor of bytes in memory that another process can see. Raises OSError.

    Through a connection a page would go in pieces, after each of which either side waits for the
    other, and each thread for its turn.
    """
    with open(os.memfd_create("page"), "wb", buffering=0) as file:  # noqa: PTH123
        rest = memoryview(content)
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
