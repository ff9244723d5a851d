"""Many clients of many processes want one file that nobody has: what upstream sees of them."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.faults import processes
from tests.faults.clients import Download, download
from tests.faults.verdict import problems_on_disk
from tests.servers import PATIENCE, Server
from tests.upstream import Upstream

FILENAME = "big-1.0.tar.gz"


@dataclass(frozen=True, kw_only=True)
class Herd:
    """So many processes with so many clients each, a file of `size` bytes, `rate` in bytes/s."""

    processes: int
    clients: int
    size: int
    rate: float


@dataclass(kw_only=True)
class Outcome:
    """What came of it; `cut` are clients of the process that was killed."""

    asked: int
    ratio: float
    downloads: list[Download]
    cut: list[Download]
    direct: float
    killed: bool
    problems: list[str]

    @property
    def slowest(self) -> float:
        """Time that the last client took, over that of a direct download."""
        return max(each.seconds for each in self.downloads) / self.direct


def run(
    home: Path, herd: Herd, *, kill_at: float | None = None, direct: float | None = None
) -> Outcome:
    """Let a herd loose; `kill_at` is the part of the file at which its writer is killed.

    `direct` is how long a direct download takes, in seconds, where that is known from another run.
    """
    content = random.Random(herd.size).randbytes(herd.size)  # noqa: S311
    with Upstream() as upstream:
        url = upstream.add("big", FILENAME, content)
        upstream.fail("file", rate=herd.rate)
        if direct is None:
            first = download(url, content)
            assert first.whole
            direct = first.seconds
            upstream.forget()
        eggs = home / "eggs"
        with processes.several(herd.processes, home, upstream.index_url, eggs) as servers:
            assert servers[0].get("/pypi/big/").status == 200
            killer = _Killer(servers, eggs, kill_at, herd.size)
            pairs = _stampede(servers, herd, content, killer)
        requests = upstream.asked(kind="file")
    return Outcome(
        asked=len(requests),
        ratio=sum(request.sent for request in requests) / herd.size,
        downloads=[each for server, each in pairs if server is not killer.victim],
        cut=[each for server, each in pairs if server is killer.victim],
        direct=direct,
        killed=killer.victim is not None,
        problems=problems_on_disk(eggs),
    )


def _stampede(
    servers: list[Server], herd: Herd, content: bytes, killer: "_Killer"
) -> list[tuple[Server, Download]]:
    chosen = servers * herd.clients
    with ThreadPoolExecutor(len(chosen)) as pool:
        killer.start()
        urls = [f"{server.index}big/{FILENAME}" for server in chosen]
        downloads = list(pool.map(lambda url: download(url, content), urls))
    killer.join(PATIENCE)
    return list(zip(chosen, downloads, strict=True))


class _Killer(threading.Thread):
    """Kills the process that writes a growing file when it has come so far."""

    def __init__(self, servers: list[Server], eggs: Path, kill_at: float | None, size: int) -> None:
        super().__init__(daemon=True)
        self._servers = servers
        self._final = eggs / "big" / FILENAME
        self._partials = eggs / ".eggproxy" / "partial"
        self._at = None if kill_at is None else int(kill_at * size)
        self.victim: Server | None = None

    def run(self) -> None:
        while self._at is not None and not self._final.exists():
            if any(self._size(path) >= self._at for path in self._partials.glob("*.gz")):
                victim = processes.writer_of(self._servers, self._partials)
                if victim is not None:
                    processes.kill(victim)
                    self.victim = victim
                    return
            time.sleep(0.002)

    def _size(self, path: Path) -> int:
        try:
            return path.stat().st_size
        except FileNotFoundError:
            return -1
