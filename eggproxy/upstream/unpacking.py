"""Bodies of pages unpacked as they come, in pieces of limited size."""

from collections.abc import Iterator

import requests
from isal import isal_zlib

from eggproxy.errors import UpstreamNonsenseError
from eggproxy.upstream.answers import shown

_PIECE = 256 * 1024


class Plain:
    """A page that came as it is."""

    def pieces(self, block: bytes) -> Iterator[bytes]:
        """Give the block."""
        yield block

    def is_whole(self) -> bool:
        """Say so; what ends a page that is not packed is not to be seen in it."""
        return True


class Gzip:
    """A page that came packed; isal takes half of zlib's time."""

    def __init__(self) -> None:
        self._stream = _gzip_stream()

    def pieces(self, block: bytes) -> Iterator[bytes]:
        """Unpack a block, a piece at a time."""
        while block:
            if self._stream.eof:
                # Another member follows (RFC 1952, 2.2).
                self._stream = _gzip_stream()
            # In pieces: a small block may unpack to a thousand times its size.
            piece = self._stream.decompress(block, _PIECE)
            yield piece
            block = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if not block and piece:
                # What the stream holds back for want of room comes with the next call.
                yield from self._rest()

    def _rest(self) -> Iterator[bytes]:
        while not self._stream.eof and (piece := self._stream.decompress(b"", _PIECE)):
            yield piece

    def is_whole(self) -> bool:
        """Say whether the end of what was packed has come."""
        return self._stream.eof


def _gzip_stream() -> isal_zlib.Decompress:
    return isal_zlib.decompressobj(16 + isal_zlib.MAX_WBITS)


def unpacker_of(response: requests.Response) -> Plain | Gzip:
    """Find out how a page is packed. Raises UpstreamNonsenseError."""
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding == "identity":
        return Plain()
    if encoding in {"gzip", "x-gzip"}:
        return Gzip()
    raise UpstreamNonsenseError(shown(response.url), f"packed its page in {encoding[:20]!r}")
