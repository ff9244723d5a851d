"""Following a growing file from block to block, for those who wait in a thread or in a loop."""

from eggproxy.responses import GrowingBody


class Following:
    """Reads a part of a growing file, at most `block` bytes at a time; whoever waits waits."""

    def __init__(self, body: GrowingBody, block: int) -> None:
        self._file = body.file
        self._offset = body.start
        self._stop = body.stop
        self._block = block

    def step(self) -> bytes | None:
        """Give the next block, empty if it has not come yet; None at the end.

        Raises EggProxyError if the file will never be whole.
        """
        if self._stop is not None and self._offset >= self._stop:
            return None
        readable, complete = self._file.progress()
        end = readable if self._stop is None else min(readable, self._stop)
        if self._offset >= end:
            return None if complete else b""
        block = self._file.read(self._offset, min(self._block, end - self._offset))
        self._offset += len(block)
        return block
