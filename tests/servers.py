"""eggproxy as its users run it: processes of their own, on a free port, over a fresh directory."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

BIN = Path(sys.executable).parent
PATIENCE = 30.0
JSON = "application/vnd.pypi.simple.v1+json"
HTML_V1 = "application/vnd.pypi.simple.v1+html"


class Reply(NamedTuple):
    """What a server answered."""

    status: int
    reason: str
    headers: http.client.HTTPMessage
    body: bytes


def ask(
    url: str,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] = {},
    timeout: float = PATIENCE,
) -> Reply:
    """Ask for a path exactly as it is written; a body that ends too soon is an IncompleteRead."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return Reply(response.status, response.reason, response.headers, response.read())
    finally:
        connection.close()


class Server:
    """A running eggproxy: `url` is that of the host, `index` that of its index."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, eggs: Path, log: Path) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.index = f"{self.url}/pypi/"
        self.port = port
        self.eggs = eggs
        self._log = log

    def get(self, path: str, **headers: str) -> Reply:
        """GET a path; `accept_encoding="gzip"` is the header Accept-Encoding."""
        return ask(self.url, path, headers=_named(headers))

    def head(self, path: str, **headers: str) -> Reply:
        """HEAD a path."""
        return ask(self.url, path, method="HEAD", headers=_named(headers))

    @property
    def log(self) -> str:
        """All that it has written to its standard output and error."""
        return self._log.read_text(errors="replace")

    def files(self) -> set[str]:
        """Name all that is on disk below its directory, but for its own records."""
        paths = (path for path in self.eggs.rglob("*") if path.is_file())
        names = {str(path.relative_to(self.eggs)) for path in paths}
        return {name for name in names if not name.startswith(".eggproxy")}

    def own_files(self) -> set[str]:
        """Name what lies among its own records, partial downloads and scratch files."""
        own = self.eggs / ".eggproxy"
        return {str(path.relative_to(own)) for path in own.rglob("*") if path.is_file()}

    def age_pages(self, seconds: float) -> None:
        """Let all stored pages have been confirmed so many seconds earlier than they were.

        Answers that the server holds in memory go by the page's own file: it gets a new inode.
        """
        for record in (self.eggs / ".eggproxy").rglob("record.json"):
            earlier = record.stat().st_mtime - seconds
            os.utime(record, (earlier, earlier))
        for page in self.eggs.rglob("index.*"):
            copy = page.with_name(f"{page.name}.copy")
            copy.write_bytes(page.read_bytes())
            copy.rename(page)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, and return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def clean_environment(**settings: str) -> dict[str, str]:
    """Make an environment without this machine's own settings of pip, uv or eggproxy."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not re.match(r"PIP_|UV_|EGGPROXY_|PYTHON|VIRTUAL_ENV", name)
    }
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "PYTHONUNBUFFERED": "1", **settings}


def settings_of(index: str, eggs: Path, **settings: object) -> dict[str, str]:
    """Write settings as variables of the environment, which all front ends read."""
    all_settings = {"index": index, "eggs_directory": eggs, "timeout": 5, **settings}
    return {f"EGGPROXY_{name.upper()}": str(value) for name, value in all_settings.items()}


def command(front_end: str, port: int, workers: int) -> list[str]:
    """Give the command that runs a front end."""
    if front_end == "serve":
        return [str(BIN / "eggproxy"), "serve", "--port", str(port), "--workers", str(workers)]
    if front_end == "gunicorn":
        bind = ["--bind", f"127.0.0.1:{port}", "--threads", "32", "--workers", str(workers)]
        # Workers beat by touching a file, and on a slow disk that must not end them.
        return [str(BIN / "gunicorn"), *bind, "--worker-tmp-dir", "/dev/shm", _WSGI]  # noqa: S108
    raise ValueError(front_end)


_WSGI = "eggproxy.wsgi:application"


@contextmanager
def serving(
    tmp_path: Path,
    index: str,
    *,
    front_end: str = "serve",
    workers: int = 1,
    eggs: Path | None = None,
    **settings: object,
) -> Iterator[Server]:
    """Run a server over an index until the end of the block."""
    eggs = eggs or tmp_path / "eggs"
    port = free_port()
    log = tmp_path / f"{front_end}-{port}.log"
    environment = clean_environment(HOME=str(tmp_path), **settings_of(index, eggs, **settings))
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command(front_end, port, workers),
            env=environment,
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        server = Server(process, port, eggs, log)
        try:
            wait_for_port(server)
            yield server
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(server: Server) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            ask(server.url, "/")
        except OSError:
            assert server.process.poll() is None, server.log
            assert time.monotonic() < deadline, server.log
            time.sleep(0.01)
        else:
            return


def wait_until(condition: object, *, patience: float = PATIENCE) -> None:
    """Wait until a function of no arguments says something true."""
    assert callable(condition)
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.005)
