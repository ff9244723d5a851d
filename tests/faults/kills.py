"""Every process is killed in the middle of its work, again and again, over one directory."""

import random
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import checker, processes
from tests.faults.load import Clients, Publisher
from tests.servers import Server
from tests.upstream import Upstream

CLIENTS = 8
PROJECTS = 12
SIZE = 150_000
"""Bytes of a file: more than the proxy holds back."""

AFRESH = 20
"""After so many rounds the directory is begun anew: all of it is read after each."""


@dataclass(kw_only=True)
class Outcome:
    """What was found in `rounds` rounds; `torn` counts pages of two generations, in words."""

    rounds: int = 0
    files: int = 0
    answers: int = 0
    torn: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def run(home: Path, rounds: int) -> Outcome:
    """Load two processes over one directory, kill both, look at what they left; and again."""
    outcome = Outcome()
    eggs = home / "eggs"
    while outcome.rounds < rounds:
        with Upstream() as upstream:
            publisher = Publisher(upstream, PROJECTS, size=SIZE)
            for _ in range(min(AFRESH, rounds - outcome.rounds)):
                _round(home, eggs, upstream.index_url, publisher, outcome)
            _heal(home, eggs, upstream.index_url, publisher, outcome)
        shutil.rmtree(eggs)
    return outcome


def _round(home: Path, eggs: Path, index: str, publisher: Publisher, outcome: Outcome) -> None:
    with (
        processes.several(1, home, index, eggs, always_refresh=1) as eager,
        processes.several(1, home, index, eggs, update_interval="1s") as calm,
    ):
        servers = eager + calm
        clients = Clients(publisher, [server.url for server in servers], steadfast=False)
        clients.start(CLIENTS, patience=30)
        _publish_for(random.uniform(0.05, 1.0), publisher)  # noqa: S311
        _kill_all(servers)
        clients.stop()
    report = checker.check(eggs)
    outcome.rounds += 1
    outcome.files += report.files
    outcome.answers += clients.statuses[200]
    outcome.torn += report.torn
    outcome.problems += clients.problems + report.problems
    torn = {name.split(" ")[0] for name in report.torn}
    outcome.problems += [
        f"{name} is on no page" for name in report.unlisted if name.split("/")[0] not in torn
    ]


def _heal(home: Path, eggs: Path, index: str, publisher: Publisher, outcome: Outcome) -> None:
    """See that what is of two generations is whole again once it has been asked for."""
    with processes.several(1, home, index, eggs, always_refresh=1) as [server]:
        for name in publisher.names:
            for path in (f"/pypi/{name}/", f"/pypi/+stored/{name}/"):
                reply = server.get(path)
                if reply.status != 200 and (reply.status, "+stored" in path) != (404, True):
                    outcome.problems.append(f"{path}: {reply.status} afterwards")
        server.get("/pypi/")
    report = checker.check(eggs)
    outcome.problems += report.problems
    outcome.problems += [f"{name} stays of two generations" for name in report.torn]


def _publish_for(seconds: float, publisher: Publisher) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        publisher.release(random.choice(publisher.names))  # noqa: S311
        time.sleep(0.02)


def _kill_all(servers: list[Server]) -> None:
    for server in servers:
        server.process.kill()
    for server in servers:
        server.process.wait()
