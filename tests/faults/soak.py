"""Many clients for a long time, while upstream fails in ever other ways."""

import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import processes
from tests.faults.lab import Lab
from tests.faults.load import Clients, Publisher
from tests.faults.verdict import problems_on_disk
from tests.servers import Server, wait_until

FAULTS = (
    "refused", "SYN dropped", "silent", "cut mid-body", "captive portal", "empty 200", "429", "500",
    "503", "redirect loop", "wrong digest", "garbage", "not HTTP",
)  # fmt: skip
PROJECTS = 200
CLIENTS = 50
TIMEOUT = 1.0
SIZE = 100_000


@dataclass(kw_only=True)
class Outcome:
    """What came of it: memory in bytes and open files, each second; what clients saw."""

    memory: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    idle_before: int = 0
    idle_after: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int | str] = field(default_factory=Counter)
    slowest: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def quarters(self) -> list[float]:
        """Memory in each quarter of the time, in bytes, by its median."""
        step = max(1, len(self.memory) // 4)
        return [statistics.median(self.memory[at : at + step]) for at in range(0, 4 * step, step)]

    @property
    def growth(self) -> float:
        """Memory in the last quarter over that in the second, when all is warm."""
        return self.quarters[3] / self.quarters[1]


def run(home: Path, seconds: float) -> Outcome:
    """Let clients ask for so long, faults come and go, then all be quiet."""
    outcome = Outcome()
    with Lab() as lab:
        publisher = Publisher(lab, PROJECTS, size=SIZE)
        settings = {"timeout": TIMEOUT, "update_interval": "2s"}
        eggs = home / "eggs"
        with processes.several(1, home, lab.index_url, eggs, **settings) as [server]:
            outcome.idle_before = processes.descriptors_of(server)
            clients = Clients(publisher, [server.url], steadfast=True, pause=0.2)
            clients.start(CLIENTS, patience=30)
            _trouble(lab, server, publisher, outcome, seconds)
            clients.stop()
            _calm_down(server, outcome)
    outcome.statuses, outcome.slowest = clients.statuses, clients.slowest
    outcome.problems += clients.problems + problems_on_disk(eggs)
    return outcome


def _trouble(
    lab: Lab, server: Server, publisher: Publisher, outcome: Outcome, seconds: float
) -> None:
    """Let upstream be well and ill by turns, and look at the proxy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _watch(server, outcome, random.uniform(1, 4))  # noqa: S311
        fault = random.choice(FAULTS)  # noqa: S311
        outcome.faults[fault] += 1
        lab.begin(fault)
        _watch(server, outcome, random.uniform(1, 6))  # noqa: S311
        lab.end(fault)
        publisher.release(random.choice(publisher.names))  # noqa: S311


def _watch(server: Server, outcome: Outcome, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        outcome.memory.append(processes.memory_of(server))
        outcome.descriptors.append(processes.descriptors_of(server))
        time.sleep(0.5)


def _calm_down(server: Server, outcome: Outcome) -> None:
    """Wait until only connections to upstream are open that may be used again."""
    allowed = outcome.idle_before + 70

    def is_calm() -> bool:
        outcome.idle_after = processes.descriptors_of(server)
        return outcome.idle_after <= allowed

    wait_until(is_calm)
