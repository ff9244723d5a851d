"""Clients of the bench: wrk for the rate, a plain socket where single moments count."""

import http.client
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPMessage
from typing import Protocol
from urllib.parse import urlsplit

from bench.lab import Lab

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
HTML = {"Accept": "text/html"}
GZIP = {"Accept-Encoding": "gzip"}

REPORT = """
function done(summary, latency, requests)
  local e = summary.errors
  local bad = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("RESULT %d %d %d %d\\n",
    summary.requests, summary.bytes, summary.duration, bad))
end
"""


class Worker(Protocol):
    """Whose CPU time can be told."""

    def cpu(self) -> float:
        """Give the CPU time used so far, in seconds."""


class Loaded(Protocol):
    """A server that can be loaded."""

    @property
    def url(self) -> str:
        """The URL of its projects, ending in a slash."""

    @property
    def program(self) -> Worker:
        """The server itself."""


@dataclass(frozen=True)
class Load:
    """What a server did under load: requests and bytes a second, its CPU seconds for each."""

    rate: float
    speed: float
    cpu_per_request: float
    cpu_per_byte: float


def load(lab: Lab, site: Loaded, path: str, headers: Mapping[str, str], connections: int) -> Load:
    """Load a server with wrk, one thread and kept-alive connections."""
    script = lab.work / "report.lua"
    script.write_text(REPORT)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{round(lab.seconds)}s", "--timeout=20s"]
    command += [f"-H{name}: {value}" for name, value in headers.items()]
    before = site.program.cpu()
    output = subprocess.run(
        [*command, "-s", script, site.url + path], capture_output=True, text=True, check=True
    ).stdout
    cpu = site.program.cpu() - before
    numbers = output.rpartition("RESULT ")[2].split()
    requests, size, microseconds, errors = (int(number) for number in numbers)
    if errors:
        raise RuntimeError(f"{errors} of {requests} requests to {site.url}{path} failed")
    took = microseconds / 1e6
    return Load(requests / took, size / took, cpu / max(requests, 1), cpu / max(size, 1))


@dataclass(frozen=True)
class Answer:
    """An answer as it came, and when: seconds from the request to first and last byte."""

    status: int
    headers: HTTPMessage
    body: bytes
    first: float
    total: float


def get(url: str, headers: Mapping[str, str] | None = None, *, keep: bool = True) -> Answer:
    """Ask for a URL on a new connection; the body is thrown away unless it is to be kept."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    begin = time.monotonic()
    connection.request("GET", parts.path, headers=dict(headers or {}))
    response = connection.getresponse()
    body = bytearray(response.read(1))
    first = time.monotonic() - begin
    buffer = memoryview(bytearray(1 << 18))
    while size := response.readinto(buffer):
        if keep:
            body += buffer[:size]
    total = time.monotonic() - begin
    connection.close()
    if response.status >= HTTPStatus.BAD_REQUEST:
        raise RuntimeError(f"{url}: {response.status} {response.reason}")
    return Answer(response.status, response.headers, bytes(body), first, total)


def stop_reading(url: str) -> socket.socket:
    """Ask for a URL, read the beginning of the answer and then no more."""
    parts = urlsplit(url)
    sock = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=60)
    sock.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    sock.recv(1 << 16)
    return sock
