"""Bodies as blocks, for front ends that have a thread for each request."""

import dataclasses
import time
from collections.abc import Iterator
from typing import BinaryIO

from eggproxy.conditional import Span
from eggproxy.following import Following
from eggproxy.responses import GrowingBody

BLOCK = 256 * 1024
"""Bytes that are read at once."""

_POLL = 0.002


def file_blocks(file: BinaryIO, span: Span) -> Iterator[bytes]:
    """Read a part of a stored file, and close it."""
    with file:
        file.seek(span.start)
        left = span.stop - span.start
        while left > 0 and (block := file.read(min(BLOCK, left))):
            left -= len(block)
            yield block


def growing_blocks(body: GrowingBody) -> Iterator[bytes]:
    """Read a growing file as it grows. Raises EggProxyError if it will never be whole."""
    following = Following(body, BLOCK)
    while (block := following.step()) is not None:
        if block:
            yield block
        else:
            time.sleep(_POLL)


def when_whole(body: GrowingBody) -> tuple[Iterator[bytes], int]:
    """Wait until a file is whole that does not tell its length, and count that, in bytes.

    Raises EggProxyError if it will never be whole.
    """
    while not (progress := body.file.progress()).complete:
        if body.file.is_in_memory:
            # It comes only as fast as it is read.
            blocks = list(growing_blocks(body))
            return iter(blocks), sum(map(len, blocks))
        time.sleep(_POLL)
    whole = dataclasses.replace(body, stop=progress.readable)
    return growing_blocks(whole), progress.readable - body.start
