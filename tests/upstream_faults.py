"""What the test upstream records of a request, and what can go wrong with its answer."""

import threading
from dataclasses import dataclass, field
from http.client import HTTPMessage
from typing import Literal
from urllib.parse import unquote

Kind = Literal["list", "page", "file", "metadata"]
PATIENCE = 30.0
"""Seconds after which a test that waits for something gives up."""


@dataclass
class Answer:
    """What is to be sent: the body is sent whole unless a fault says otherwise."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    reason: str = ""


@dataclass
class Request:
    """One request as it came, and what became of it."""

    method: str
    target: str
    headers: HTTPMessage
    body: bytes
    kind: Kind = "page"
    status: int = 0
    # Bytes of the body that really went out.
    sent: int = 0
    done: bool = False
    # The client went away before it had all.
    broken: bool = False

    @property
    def path(self) -> str:
        """The path that was asked for, unquoted, without the query."""
        return unquote(self.target.split("?")[0])


class Gate:
    """Holds an answer back after so many bytes of its body, until a test opens it."""

    def __init__(self, after: int) -> None:
        """Stand after that many bytes; 0 is after the headers."""
        self.after = after
        self._opened = threading.Event()
        self._reached = threading.Event()

    def open(self) -> None:
        """Let all answers go on."""
        self._opened.set()

    def wait_reached(self) -> None:
        """Wait until an answer stands before the gate."""
        assert self._reached.wait(PATIENCE), "no answer came to the gate"

    def stand(self) -> None:
        """Wait, as the server, until the gate is opened."""
        self._reached.set()
        self._opened.wait()


@dataclass(kw_only=True)
class Fault:
    """What goes wrong with an answer; all can be combined."""

    latency: float = 0.0  # seconds before the first byte
    hang: Gate | None = None  # nothing is said until it is opened
    status: int | None = None  # this instead of the answer, with `headers` and `reason`
    headers: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    corrupt: bool = False  # one byte in the middle of the body is flipped
    cut_after: int | None = None  # bytes of the body, then the connection is closed
    gate: Gate | None = None
    rate: float | None = None  # bytes a second
    only: str = ""  # hits only addresses that hold this text
    times: int | None = None  # how many answers it still hits; None: all

    def change(self, answer: Answer) -> Answer:
        """Give the answer that is sent instead."""
        if self.status is not None:
            return Answer(self.status, dict(self.headers), b"fault\n", self.reason)
        if self.corrupt and answer.body:
            body = bytearray(answer.body)
            body[len(body) // 2] ^= 1
            return Answer(answer.status, answer.headers, bytes(body), answer.reason)
        return answer

    def release(self) -> None:
        """Let go whatever it holds."""
        for gate in (self.hang, self.gate):
            if gate:
                gate.open()
