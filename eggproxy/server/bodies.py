"""Bodies as blocks, for an event loop that must not wait for a disk."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable

from eggproxy.following import Following
from eggproxy.responses import FileBody, GrowingBody

Block = bytes | bytearray

BLOCK = 128 * 1024
"""Bytes read at once: all that a client that stops reading costs, beside the socket's buffer."""

# Between two looks at a growing file, in seconds: short at first, when a client waits for its
# first byte, and for small files that end as soon as they begin.
_POLL_FIRST = 0.001
_POLL_LATER = 0.01


async def file_blocks(body: FileBody) -> AsyncGenerator[Block]:
    """Read a part of a stored file."""
    descriptor = os.open(body.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        offset, stop = body.span
        while offset < stop:
            block = await _read(descriptor, offset, min(BLOCK, stop - offset))
            if not block:
                return
            offset += len(block)
            yield block
    finally:
        os.close(descriptor)


async def _read(descriptor: int, offset: int, count: int) -> Block:
    """Read what the page cache holds at once; what it does not, in a thread."""
    buffer = bytearray(count)
    try:
        got = os.preadv(descriptor, [buffer], offset, os.RWF_NOWAIT)
    except (OSError, AttributeError):
        return await asyncio.to_thread(os.pread, descriptor, count, offset)
    if got == count:
        return buffer
    return await asyncio.to_thread(os.pread, descriptor, count, offset)


async def growing_blocks(
    body: GrowingBody, gone: Callable[[], bool] = lambda: False
) -> AsyncGenerator[Block]:
    """Follow a growing file, until its client is `gone`.

    Raises EggProxyError if it will never be whole.
    """
    following = Following(body, BLOCK)
    pause = _POLL_FIRST
    try:
        while (block := following.step()) is not None:
            if block:
                yield block
            elif gone():
                return
            else:
                await asyncio.sleep(pause)
                pause = min(_POLL_LATER, pause * 1.2)
    finally:
        body.file.close()
