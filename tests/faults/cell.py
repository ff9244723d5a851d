"""One cell of the matrix: an index and a proxy of its own, a fault, and what came of it."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Self

from tests.distributions import make_wheel
from tests.faults import processes
from tests.faults.certificates import Certificates
from tests.faults.lab import Lab
from tests.faults.verdict import CUT, WAITS, Seen, Truth, look, on_disk, problems_on_disk
from tests.servers import Server

Kind = Literal["page", "list", "file", "metadata"]
State = Literal["nothing", "page", "stale", "fresh"]

TIMEOUT = 2.0
"""The proxy's `timeout`, in seconds."""

SIZE = 300_000
"""Bytes of the file: more than the proxy holds back."""


class Cell(NamedTuple):
    """A fault, what is asked for during it, and what of that is stored before.

    With "page" the page is stored and fresh, and what it names is not.
    """

    fault: str
    kind: Kind
    state: State


@dataclass(kw_only=True)
class Outcome:
    """What came of a cell; times in seconds, `recovery` is None if it took more than `waited`."""

    cell: Cell
    first: Seen
    again: Seen
    other: Seen | None = None
    disk: str = ""
    recovery: float | None = None
    recovered: bool = False
    waited: float = 0.0
    problems: list[str] = field(default_factory=list)


class Trial:
    """A cell that is being tried: `prepare`, `strike`, `recover`, `close`, in this order.

    `wait` is the time in seconds after which its clients give up.
    """

    def __init__(
        self, cell: Cell, home: Path, certificates: Certificates | None, *, wait: float
    ) -> None:
        self.cell = cell
        self._wait = wait
        self._home = home
        hidden = cell.fault == "DNS failure"
        tls = certificates if cell.fault == "TLS expired" else None
        self._lab = Lab(tls, hidden=hidden)
        self._well = {"http_proxy": self._lab.door} if hidden else {}
        if tls is not None:
            self._well = {"REQUESTS_CA_BUNDLE": str(tls.bundle)}
        self._truth = Truth()
        self._wheel = self._publish("apple", "1.0")
        self._publish("pear", "1.0")
        self._server: Server | None = None
        self._path = {
            "page": "/pypi/apple/",
            "list": "/pypi/",
            "file": f"/pypi/apple/{self._wheel}",
            "metadata": f"/pypi/apple/{self._wheel}.metadata",
        }[cell.kind]

    def prepare(self) -> Self:
        """Start the proxy, and have stored what the cell says."""
        self._start(self._well)
        state, server = self.cell.state, self.server
        apple = ["/pypi/apple/"]
        if state in {"stale", "fresh"}:
            apple += [f"/pypi/apple/{self._wheel}", f"/pypi/apple/{self._wheel}.metadata"]
            apple += ["/pypi/", "/pypi/pear/"]
        for path in apple if state != "nothing" else []:
            assert server.get(path).status == 200, (self.cell, path, server.log)
        if state == "stale":
            server.age_pages(7 * 86400)
        self._publish("apple", "2.0")
        self._publish("plum", "1.0")
        return self

    def strike(self) -> Outcome:
        """Let the fault begin, and ask."""
        self._lab.begin(self.cell.fault)
        if self.cell.fault == "DNS failure":
            self._restart({})
        first, again = self._look(), self._look()
        is_stale_page = (self.cell.kind, self.cell.state) == ("page", "stale")
        other = self._look("/pypi/pear/") if is_stale_page else None
        outcome = Outcome(cell=self.cell, first=first, again=again, other=other)
        outcome.disk = on_disk(self.server.eggs, self._path)
        outcome.problems = self._problems(outcome)
        return outcome

    def recover(self, outcome: Outcome, patience: float) -> None:
        """End the fault, and wait so long for an answer as if nothing had been."""
        self._lab.end(self.cell.fault)
        if self.cell.fault == "DNS failure":
            self._restart(self._well)
        began, outcome.waited = time.monotonic(), patience
        while time.monotonic() < began + patience:
            seen = self._look()
            outcome.problems += [wrong] if (wrong := self._truth.wrong(self._path, seen)) else []
            if self._is_well(seen):
                outcome.recovered, outcome.recovery = True, time.monotonic() - began
                return
            time.sleep(0.1)

    def close(self, outcome: Outcome | None) -> None:
        """End everything, and look at the disk a last time."""
        if self._server is not None:
            processes.end(self._server)
            if outcome is not None:
                outcome.problems += problems_on_disk(self._server.eggs)
        self._lab.close()

    @property
    def server(self) -> Server:
        """The proxy, once it is started."""
        assert self._server is not None
        return self._server

    def _publish(self, project: str, version: str) -> str:
        wheel = make_wheel(project, version, size=SIZE)
        self._lab.add(project, wheel.filename, wheel.content, metadata=wheel.metadata)
        self._truth.add(project, wheel.filename, wheel.content)
        self._truth.add(project, f"{wheel.filename}.metadata", wheel.metadata)
        return wheel.filename

    def _start(self, environment: dict[str, str]) -> None:
        eggs = self._home / "eggs"
        self._server = processes.start(
            self._home, self._lab.index_url, eggs, environment, timeout=TIMEOUT
        )

    def _restart(self, environment: dict[str, str]) -> None:
        processes.end(self.server)
        self._start(environment)

    def _look(self, path: str | None = None) -> Seen:
        return look(self.server.url, path or self._path, self._wait)

    def _problems(self, outcome: Outcome) -> list[str]:
        found = []
        for seen in (outcome.first, outcome.again):
            found.append(self._truth.wrong(self._path, seen))
            if seen.status not in allowed(self.cell):
                found.append(f"answered {seen.status}")
        if outcome.other is not None:
            found.append(self._truth.wrong("/pypi/pear/", outcome.other))
            if outcome.other.status != 200:
                found.append(f"answered {outcome.other.status} for another project")
        if self.cell.state in {"stale", "fresh"} and outcome.disk != "whole":
            found.append("lost what was stored")
        return [problem for problem in found if problem]

    def _is_well(self, seen: Seen) -> bool:
        """Say whether an answer has what upstream has published meanwhile."""
        if seen.status != 200:
            return False
        news = {"page": b"apple-2.0", "list": b"plum"}.get(self.cell.kind, b"")
        return self.cell.state == "fresh" or news in seen.body


def allowed(cell: Cell) -> set[int | str]:
    """Say which answers are right in a cell."""
    if cell.state in {"stale", "fresh"}:
        return {200}
    right: set[int | str] = {502, 503}
    if cell.fault == "404 for all":
        # Upstream's own, for the very thing; but an index without a project list is none.
        right = {502} if cell.kind == "list" else {404}
    if cell.fault == "1 byte/s":
        # It comes, slowly; a file that has begun to is cut when that has lasted for too long.
        right |= {WAITS, CUT} if cell.kind == "file" else {WAITS}
    if cell.kind == "file" and cell.fault in {"cut mid-body", "wrong digest", "garbage"}:
        # The file comes, and then it turns out; or a cut one is brought to its end after all.
        right |= {CUT, 200}
    return right
