"""A link with a latency and a bandwidth, as a TCP proxy: for machines where tc may not be used.

`python -m bench.link PORT TARGET_PORT ROUND_TRIP_SECONDS BYTES_PER_SECOND`; the bandwidth (0 is
without limit) is that of all connections together, towards the client.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

from bench.programs import Program

PIECE = 1 << 16
# More than bandwidth times round trip, so that the queue is never what limits.
IN_FLIGHT = 128


class Link:
    """One link; connections share its bandwidth."""

    def __init__(self, target: int, round_trip: float, rate: float) -> None:
        self._target = target
        self._delay = round_trip / 2
        self._rate = rate
        self._free_at = 0.0

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection, both ways, until both ends have said all."""
        # The handshake of TCP takes a round trip before the first byte of a request can go.
        await asyncio.sleep(2 * self._delay)
        there, back = await asyncio.open_connection("127.0.0.1", self._target, limit=1 << 20)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(
                self._carry(reader, back, 0.0), self._carry(there, writer, self._rate)
            )
        writer.close()
        back.close()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rate: float
    ) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT)
        delivery = asyncio.create_task(_deliver(queue, writer))
        try:
            while data := await reader.read(PIECE):
                await queue.put((self._arrival(len(data), rate), data))
        finally:
            await queue.put((0.0, b""))
            await delivery

    def _arrival(self, size: int, rate: float) -> float:
        now = asyncio.get_running_loop().time()
        if not rate:
            return now + self._delay
        self._free_at = max(self._free_at, now) + size / rate
        return self._free_at + self._delay


async def _deliver(queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    clock = asyncio.get_running_loop().time
    broken = False
    while (item := await queue.get())[1]:
        if broken:
            continue
        if (wait := item[0] - clock()) > 0:
            await asyncio.sleep(wait)
        try:
            writer.write(item[1])
            await writer.drain()
        except ConnectionError:
            broken = True
    with contextlib.suppress(OSError):
        writer.write_eof()


async def serve(port: int, target: int, round_trip: float, rate: float) -> None:
    """Listen on 127.0.0.1 and carry connections to the target port, for ever."""
    link = Link(target, round_trip, rate)
    server = await asyncio.start_server(link.connect, "127.0.0.1", port, limit=1 << 20)
    await server.serve_forever()


def start_link(port: int, target: int, round_trip: float, rate: float, work: Path) -> Program:
    """Start a link in a process of its own; seconds and bytes a second."""
    numbers = [str(port), str(target), str(round_trip), str(rate)]
    return Program([sys.executable, "-m", "bench.link", *numbers], work / f"link-{port}.log")


if __name__ == "__main__":
    own, other, seconds, speed = sys.argv[1:]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(int(own), int(other), float(seconds), float(speed)))
