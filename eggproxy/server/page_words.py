"""What the server and the process for new pages say to each other."""

import socket

import msgspec

from eggproxy.transfer import Wanted

WORK = b"j"
"""Said with two descriptors: a connection for one page, and the memory that it lies in."""

# What is said before the page is in place: what will most likely be asked for next, with its length
# and itself, and how many bytes the page has, which lies in memory now.
WANTED, PAGE = b"w", b"p"

_NUMBER = 8
"""Bytes of a number."""

encode = msgspec.msgpack.Encoder().encode
decode_wanted = msgspec.msgpack.Decoder(Wanted).decode


def say(connection: socket.socket, word: bytes, what: bytes) -> None:
    """Say a word, and what belongs to it. Raises OSError."""
    say_number(connection, word, len(what))
    connection.sendall(what)


def say_number(connection: socket.socket, word: bytes, number: int) -> None:
    """Say a word, and a number. Raises OSError."""
    connection.sendall(word + number.to_bytes(_NUMBER, "big"))


def said(connection: socket.socket) -> bytearray:
    """Take what belongs to a word, whole. Raises OSError."""
    return _exactly(connection, said_number(connection))


def said_number(connection: socket.socket) -> int:
    """Take the number that belongs to a word. Raises OSError."""
    return int.from_bytes(_exactly(connection, _NUMBER), "big")


def _exactly(connection: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        count = connection.recv_into(rest)
        if not count:
            raise ConnectionResetError
        rest = rest[count:]
    return data
