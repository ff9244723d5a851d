"""A real index on 127.0.0.1 that can go wrong in every way of the matrix, and be well again."""

import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tests.faults.certificates import Certificates
from tests.faults.spoilers import NO_HTTP, SPOILERS
from tests.upstream import Answer, Fault, Request, Upstream
from tests.upstream_wire import Wire

FAULTS = (
    "refused",
    "DNS failure",
    "SYN dropped",
    "TLS expired",
    "silent",
    "1 byte/s",
    "cut mid-body",
    "captive portal",
    "empty 200",
    "404 for all",
    "429",
    "500",
    "503",
    "redirect loop",
    "wrong digest",
    "garbage",
    "not HTTP",
)
"""All that can go wrong; "not HTTP" is garbage in place of the whole answer."""

HOST = "upstream.invalid"
"""A host that no resolver knows (RFC 6761): it is reached only through a proxy."""

_STATUSES = {"404 for all": 404, "429": 429, "500": 500, "503": 503}


class LabWire(Wire):
    """The wire of the test upstream, which can also send what is no HTTP."""

    def _send(self, sock: socket.socket, request: Request, answer: Answer, fault: Fault) -> bool:
        if answer.status != NO_HTTP:
            return super()._send(sock, request, answer, fault)
        sock.sendall(answer.body)
        return False


class TlsWire(LabWire):
    """The same, over TLS."""

    def __init__(
        self, respond: Callable[[Request], tuple[Answer, Fault]], context: ssl.SSLContext
    ) -> None:
        self._context = context
        super().__init__(respond)

    def _serve(self, sock: socket.socket) -> None:
        # Wire knows the connection by its thread, and ends it by its socket.
        thread = threading.current_thread()
        try:
            wrapped = self._context.wrap_socket(sock, server_side=True)
        except OSError:
            sock.close()
            with self._lock:
                del self._connections[thread]
            return
        with self._lock:
            self._connections[thread] = wrapped
        super()._serve(wrapped)


class Lab(Upstream):
    """An index with one fault at a time: `begin` and `end` are its switch.

    With `certificates` it speaks TLS. With `hidden` its addresses are all of `HOST`; who has
    `self.door` for a proxy reaches it, for anybody else that host does not exist.
    """

    def __init__(self, certificates: Certificates | None = None, *, hidden: bool = False) -> None:
        super().__init__()
        self._certificates = certificates
        self._cutting = False
        self._spoil: Callable[[Request, Answer], Answer] | None = None
        self._fillers: list[socket.socket] = []
        self._wire.close()
        if certificates is None:
            self._wire = LabWire(self._respond)
            self._move(f"http://127.0.0.1:{self._wire.port}")
        else:
            self._context = certificates.context()
            self._wire = TlsWire(self._respond, self._context)
            self._move(f"https://127.0.0.1:{self._wire.port}")
        self.door = self.url
        if hidden:
            self._move(f"http://{HOST}:{self._wire.port}")

    def _move(self, url: str) -> None:
        self.url = url
        self.index_url = f"{url}/simple/"

    def begin(self, fault: str) -> None:
        """Let a fault begin, for everything that is asked from now on."""
        match fault:
            case "refused":
                self.refuse()
            case "DNS failure":
                assert urlsplit(self.url).hostname == HOST
            case "SYN dropped":
                self._drop()
            case "TLS expired":
                assert self._certificates is not None
                self._certify(self._certificates.expired)
            case "silent":
                self.hang()
            case "1 byte/s":
                self._slow = self.fail(rate=1)
            case "cut mid-body":
                self._cutting = True
            case "404 for all" | "429" | "500" | "503":
                self.fail(status=_STATUSES[fault], headers={"Content-Type": "text/html"})
            case _:
                self._spoil = SPOILERS[fault]

    def end(self, fault: str) -> None:
        """End that fault."""
        self._spoil, self._cutting = None, False
        for filler in self._fillers:
            filler.close()
        if fault == "SYN dropped":
            self._fillers.clear()
            self._wire._socket.close()
            self._wire._socket = Wire._bind(self._wire.port)
        if fault in {"refused", "SYN dropped"}:
            self.listen()
        if fault == "TLS expired" and self._certificates is not None:
            self._certify(self._certificates.good)
        if fault == "1 byte/s":
            # What is on its way comes to its end as well.
            self._slow.rate = None
        self.heal()

    def answer(self, request: Request) -> Answer:
        """Answer as an index does, whether asked directly or as a proxy, and spoil it."""
        if request.target.startswith("http"):
            request.target = urlsplit(request.target)._replace(scheme="", netloc="").geturl()
        answer = super().answer(request)
        return answer if self._spoil is None else self._spoil(request, answer)

    def _respond(self, request: Request) -> tuple[Answer, Fault]:
        answer, fault = super()._respond(request)
        return answer, Fault(cut_after=len(answer.body) // 2) if self._cutting else fault

    def _certify(self, pem: Path) -> None:
        # What is connected has checked the other one already.
        self.refuse()
        self._context.load_cert_chain(pem)
        self.listen()

    def _drop(self) -> None:
        """Have the queue of new connections full: the kernel then drops what asks to connect."""
        self.refuse()
        self._wire._socket.listen(0)
        for _ in range(4):
            filler = socket.socket()
            filler.settimeout(0)
            filler.connect_ex(("127.0.0.1", self._wire.port))
            self._fillers.append(filler)
