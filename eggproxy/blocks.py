"""Bodies as blocks, for front ends that have a thread for each request."""

import dataclasses
import time
from collections.abc import Iterator
from typing import BinaryIO

from eggproxy.conditional import Span
from eggproxy.passing import Passing
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
    file, offset, stop = body.file, body.start, body.stop
    while stop is None or offset < stop:
        readable, complete = file.progress()
        end = readable if stop is None else min(readable, stop)
        if offset < end:
            block = file.read(offset, min(BLOCK, end - offset))
            offset += len(block)
            yield block
        elif complete:
            return
        else:
            time.sleep(_POLL)


def when_whole(body: GrowingBody) -> tuple[Iterator[bytes], int]:
    """Wait until a file is whole that does not tell its length, and count that, in bytes.

    Raises EggProxyError if it will never be whole.
    """
    if isinstance(body.file, Passing):
        # It is nowhere but in memory, and comes only as fast as it is read.
        blocks = list(growing_blocks(body))
        return iter(blocks), sum(map(len, blocks))
    while not (progress := body.file.progress()).complete:
        time.sleep(_POLL)
    whole = dataclasses.replace(body, stop=progress.readable)
    return growing_blocks(whole), progress.readable - body.start
