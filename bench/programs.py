"""Programs that are measured: started, watched from outside, ended."""

import contextlib
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Memory:
    """Memory of the largest process of a program, in MiB."""

    rss: float
    pss: float
    peak: float


class Program:
    """A running program and its descendants; a context manager that ends it."""

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.command = command
        self.log = log
        env = dict(environment) if environment is not None else None
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=env
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait_until_listening(self, port: int) -> None:
        """Wait until the port takes connections; a program that has ended is an error."""
        deadline = time.monotonic() + 20
        while not listens(port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
                raise RuntimeError(f"{' '.join(self.command)}\ndoes not listen:\n{tail}")
            time.sleep(0.002)

    def family(self) -> list[int]:
        """List the process and its descendants, by id."""
        return family(self._process.pid)

    def cpu(self) -> float:
        """Give the CPU time used so far by all its processes, in seconds."""
        return family_cpu(self._process.pid)

    def settled_cpu(self) -> float:
        """Give the CPU time once the program has nothing more to do: it may work on after."""
        last, quiet = self.cpu(), 0
        for _ in range(400):
            time.sleep(0.02)
            now = self.cpu()
            quiet = quiet + 1 if now - last < QUIET else 0
            last = now
            if quiet > 4:  # noqa: PLR2004 - 0.1 s without work
                break
        return last

    def memory(self) -> Memory:
        """Give the memory of its largest process."""
        return max((_memory(pid) for pid in self.family()), key=lambda m: m.peak)

    def forget_peak(self) -> None:
        """Let the peaks start anew from what is used now."""
        for pid in self.family():
            Path(f"/proc/{pid}/clear_refs").write_text("5")


QUIET = 0.0005
"""Seconds of CPU in 20 ms that a program may use and still count as idle."""


def family(pid: int) -> list[int]:
    """List a process and its descendants, by id."""
    parents = {}
    for name in (path.name for path in Path("/proc").iterdir() if path.name.isdigit()):
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # It has just ended.
        parents[int(name)] = int(fields[1])
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def family_cpu(pid: int) -> float:
    """Give the CPU time used so far by a process and its descendants, in seconds."""
    return sum(_cpu(each) for each in family(pid))


def listens(port: int) -> bool:
    """Say whether the port of 127.0.0.1 takes connections."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Find a port of 127.0.0.1 that nobody uses at the moment."""
    while True:
        # Below those that the system gives away (32768, net.ipv4.ip_local_port_range): of them any
        # connection may take one until the server comes to listen there.
        port = 10_000 + secrets.randbelow(20_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def _cpu(pid: int) -> float:
    try:
        # The CPU clock of another process, in nanoseconds: clock_getcpuclockid(3) gives this id.
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        pass
    try:
        user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    except OSError:
        return 0.0
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> Memory:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return Memory(0, 0, 0)
    kib = {
        line.split(":")[0]: int(line.split()[1])
        for line in (status + rollup).splitlines()
        if line.endswith(" kB")
    }
    return Memory(*(kib.get(key, 0) / 1024 for key in ("VmRSS", "Pss", "VmHWM")))
