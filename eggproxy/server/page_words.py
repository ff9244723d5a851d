"""What the server and the process for new pages say to each other."""

import socket

import msgspec

from eggproxy.names import NormalizedName
from eggproxy.transfer import Wanted
from eggproxy.upstream import Fetched

WORK = b"j"
"""Said with two descriptors: a connection for one page, and what lies in memory for it."""

# What is said before the page is in place: what will most likely be asked for next, and the page.
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
