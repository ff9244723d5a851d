"""Proxies as processes of their own: any number over one directory, ended as hard as is wanted."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.frontends import BIN, clean_environment
from tests.servers import PATIENCE, Server, settings_of, wait_for_port

_GREETING = re.compile(rb"serves http://127\.0\.0\.1:(\d+)/")


def start(
    home: Path, index: str, eggs: Path, environment: Mapping[str, str] = {}, **settings: object
) -> Server:
    """Start a proxy on a free port, and wait until it listens."""
    log = home / f"{time.monotonic_ns()}.log"
    # With a name server that does not answer, each question would take 10 seconds.
    quick = {"RES_OPTIONS": "timeout:1 attempts:1", "HTTP_PROXY": "", "http_proxy": ""}
    variables = {"HOME": str(home), **settings_of(index, eggs, **settings), **quick, **environment}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(BIN / "eggproxy"), "serve", "--port", "0"],
            env=clean_environment(**variables),
            cwd=home,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(process, _port(process, log), eggs, log)
    wait_for_port(server)
    return server


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    deadline = time.monotonic() + PATIENCE
    while (greeting := _GREETING.search(log.read_bytes())) is None:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.005)
    return int(greeting[1])


def kill(server: Server) -> None:
    """End a proxy without a word of warning."""
    server.process.kill()
    server.process.wait(PATIENCE)


def end(server: Server) -> None:
    """End a proxy as its administrator does, or by force where it does not end."""
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            kill(server)


@contextmanager
def several(
    count: int, home: Path, index: str, eggs: Path, **settings: object
) -> Iterator[list[Server]]:
    """Run so many proxies over one directory; the block may kill some."""
    servers: list[Server] = []
    try:
        for _ in range(count):
            # One by one: those that run must be ended even if the next one does not start.
            servers += [start(home, index, eggs, {}, **settings)]
        yield servers
    finally:
        for server in servers:
            end(server)


def writer_of(servers: list[Server], partials: Path) -> Server | None:
    """Find the proxy that has a growing file open for writing; None if there is none."""
    for server in servers:
        folder = Path(f"/proc/{server.process.pid}/fd")
        try:
            descriptors = list(folder.iterdir())
        except OSError:
            continue
        if any(_writes_below(descriptor, partials) for descriptor in descriptors):
            return server
    return None


def _writes_below(descriptor: Path, folder: Path) -> bool:
    try:
        target = descriptor.readlink()
        info = Path(str(descriptor).replace("/fd/", "/fdinfo/")).read_text()
    except OSError:
        return False
    flags = int(info.split("flags:")[1].split()[0], 8)
    # A process that stands by has it open for a moment, but only the writer's offset moves.
    position = int(info.split("pos:")[1].split()[0])
    return target.is_relative_to(folder) and bool(flags & os.O_RDWR) and position > 0


def memory_of(server: Server) -> int:
    """Tell a proxy's resident memory, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def descriptors_of(server: Server) -> int:
    """Count a proxy's open files and sockets."""
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))  # noqa: PTH208  only how many
