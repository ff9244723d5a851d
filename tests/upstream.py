"""A real index on 127.0.0.1 for the tests: it records what it is asked and fails on demand."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal, Self

from tests.upstream_faults import PATIENCE, Answer, Fault, Gate, Kind, Request
from tests.upstream_index import Index
from tests.upstream_pages import Project
from tests.upstream_wire import Wire

__all__ = ["Answer", "Fault", "Gate", "Kind", "Project", "Request", "Upstream"]

KINDS: tuple[Kind, ...] = ("list", "page", "file", "metadata")


class Upstream(Index):
    """An index at `index_url`, with the attributes of `Index`, that records and that fails.

    `requests` is the record; see `asked` and `wait_for`. Faults: `fail`, `gate`, `hang`,
    `refuse`, `listen`, `down`; `heal` ends them all.
    """

    def __init__(self) -> None:
        """Listen, at once, on a free port."""
        self.requests: list[Request] = []
        self._faults: dict[Kind, list[Fault]] = defaultdict(list)
        self._changed = threading.Condition()
        self._wire = Wire(self._respond)
        super().__init__(f"http://127.0.0.1:{self._wire.port}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop, at once, whatever the clients are doing."""
        self.heal()
        self._wire.close()

    # What it was asked.

    def asked(self, path: str = "", *, kind: Kind | None = None) -> list[Request]:
        """Give the requests whose unquoted path ends so, oldest first."""
        with self._changed:
            return [r for r in self.requests if r.path.endswith(path) and kind in (None, r.kind)]

    def wait_for(self, count: int, path: str = "", *, kind: Kind | None = None) -> list[Request]:
        """Wait until so many requests have come whose path ends so."""

        def enough() -> bool:
            return len(self.asked(path, kind=kind)) >= count

        with self._changed:
            assert self._changed.wait_for(enough, PATIENCE), f"{len(self.asked(path))} requests"
        return self.asked(path, kind=kind)

    def forget(self) -> None:
        """Start the record anew."""
        with self._changed:
            self.requests.clear()

    # What goes wrong.

    def fail(self, kind: Kind | Literal["all"] = "all", **fault: Any) -> Fault:
        """Let a kind of answer go wrong, in the ways that are the fields of `Fault`."""
        new = Fault(**fault)
        with self._changed:
            for each in KINDS if kind == "all" else (kind,):
                self._faults[each].insert(0, new)
        return new

    def gate(self, kind: Kind | Literal["all"] = "file", *, after: int, only: str = "") -> Gate:
        """Hold answers back after so many bytes of their body, until the gate is opened."""
        gate = Gate(after)
        self.fail(kind, gate=gate, only=only)
        return gate

    def hang(self, kind: Kind | Literal["all"] = "all", *, only: str = "") -> Gate:
        """Accept requests and say nothing, until the gate is opened."""
        gate = Gate(0)
        self.fail(kind, hang=gate, only=only)
        return gate

    def heal(self) -> None:
        """End all faults; what was held goes on."""
        with self._changed:
            for faults in self._faults.values():
                for fault in faults:
                    fault.release()
            self._faults.clear()

    def refuse(self) -> None:
        """Cut all connections and refuse new ones."""
        self.heal()
        self._wire.refuse()

    def listen(self) -> None:
        """Accept connections again, on the same port."""
        self._wire.listen()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Refuse connections meanwhile."""
        self.refuse()
        try:
            yield
        finally:
            self.listen()

    def _respond(self, request: Request) -> tuple[Answer, Fault]:
        with self._changed:
            answer = self.answer(request)
            self.requests.append(request)
            self._changed.notify_all()
            return answer, self._fault(request)

    def _fault(self, request: Request) -> Fault:
        for fault in self._faults[request.kind]:
            if fault.only in request.path and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return Fault()
