"""The HTTP/1.1 wire of the test upstream: threads and sockets, and faults put to work."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from tests.upstream_faults import PATIENCE, Answer, Fault, Request


class Wire:
    """Listens on 127.0.0.1, a thread for each connection; `respond` makes the answers."""

    def __init__(self, respond: Callable[[Request], tuple[Answer, Fault]]) -> None:
        """Listen on a free port."""
        self._respond = respond
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._socket = self._bind(0)
        self.port: int = self._socket.getsockname()[1]
        self.listen()

    @staticmethod
    def _bind(port: int) -> socket.socket:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        return sock

    def listen(self) -> None:
        """Accept connections."""
        self._closing.clear()
        self._socket.listen(512)
        self._acceptor = threading.Thread(target=self._accept, args=(self._socket,), daemon=True)
        self._acceptor.start()

    def refuse(self) -> None:
        """Cut all connections and refuse new ones, but keep the port for `listen`."""
        self.close()
        self._socket = self._bind(self.port)

    def close(self) -> None:
        """End all threads and connections."""
        self._closing.set()
        if self._acceptor.is_alive():
            self._socket.shutdown(socket.SHUT_RDWR)
            self._acceptor.join(PATIENCE)
        self._socket.close()
        with self._lock:
            connections = list(self._connections.items())
            for _, sock in connections:
                _hang_up(sock)
        for thread, _ in connections:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a connection does not end"

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            with self._lock:
                self._connections[thread] = sock
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, sock.makefile("rb") as stream:
            try:
                while self._exchange(sock, stream):
                    pass
            except OSError:
                pass  # The client went away, or the server was closed.
            # Not to be shut down by close() any more: the number may soon be another's.
            with self._lock:
                del self._connections[threading.current_thread()]

    def _exchange(self, sock: socket.socket, stream: BinaryIO) -> bool:
        line = stream.readline(65536).decode("latin-1").split()
        if not line:
            return False
        headers = http.client.parse_headers(stream)
        body = stream.read(int(headers.get("Content-Length") or 0))
        request = Request(line[0], line[1], headers, body)
        answer, fault = self._respond(request)
        try:
            return self._send(sock, request, fault.change(answer), fault)
        except OSError:
            request.broken = True
            raise
        finally:
            request.done = True

    def _send(self, sock: socket.socket, request: Request, answer: Answer, fault: Fault) -> bool:
        self._closing.wait(fault.latency)
        if fault.hang:
            fault.hang.stand()
        request.status = answer.status
        bodiless = request.method == "HEAD" or answer.status in (204, 304)
        chunked = answer.headers.get("Transfer-Encoding") == "chunked"
        sock.sendall(_head(answer))
        if bodiless:
            return True
        for piece in self._pieces(answer.body, fault):
            sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            request.sent += len(piece)
        whole = request.sent == len(answer.body)
        if chunked and whole:
            sock.sendall(b"0\r\n\r\n")
        return whole and request.headers.get("Connection", "").lower() != "close"

    def _pieces(self, body: bytes, fault: Fault) -> Iterator[bytes]:
        end = len(body) if fault.cut_after is None else min(len(body), fault.cut_after)
        step = 65536 if fault.rate is None else max(1, int(fault.rate / 50))
        gate, at, begin = fault.gate, 0, time.monotonic()
        while at < end:
            if gate and at == gate.after:
                gate.stand()
                gate = None
            to = min(at + step, end)
            if gate and at < gate.after < to:
                to = gate.after
            if fault.rate is not None:
                self._closing.wait(max(0.0, begin + to / fault.rate - time.monotonic()))
            yield body[at:to]
            at = to


def _head(answer: Answer) -> bytes:
    reason = answer.reason or http.client.responses.get(answer.status, "Unknown")
    lines = [f"HTTP/1.1 {answer.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    framed = answer.headers.keys() & {"Content-Length", "Transfer-Encoding"}
    if not framed and answer.status not in (204, 304):
        lines.append(f"Content-Length: {len(answer.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # The client may have been faster.
        sock.shutdown(socket.SHUT_RDWR)
