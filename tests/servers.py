"""eggproxy as its users run it: processes of their own, on a free port, over a fresh directory."""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.frontends import BIN, FRONT_ENDS, MORE_FRONT_ENDS, Job, clean_environment
from tests.httpd import end, free_port

__all__ = ["BIN", "Reply", "Server", "clean_environment", "free_port", "serving"]

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

    # Statuses with which the server around eggproxy refuses bad addresses by itself.
    refusals: frozenset[int] = frozenset()
    any_version = False

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
        return {name for name in files_below(self.eggs) if not name.startswith(".eggproxy")}

    def own_files(self) -> set[str]:
        """Name what lies among its own records, partial downloads and scratch files."""
        return files_below(self.eggs / ".eggproxy")

    def age_pages(self, seconds: float) -> None:
        """Let all stored pages have been confirmed so many seconds earlier than they were.

        Answers that the server holds in memory go by the page's own file: it gets a new inode.
        """
        for record in self.eggs.rglob(".eggproxy/**/record.json"):
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


def files_below(folder: Path) -> set[str]:
    """Name all files below a folder, in which others may come and go meanwhile."""
    return {
        str(Path(root, name).relative_to(folder))
        for root, _folders, names in os.walk(folder)
        for name in names
    }


def settings_of(index: str, eggs: Path, **settings: object) -> dict[str, str]:
    """Write settings as variables of the environment, which all front ends read.

    Without an `index`, they are in a file of configuration.
    """
    usual: dict[str, object] = {"eggs_directory": eggs, "timeout": 5}
    usual |= {"index": index} if index else {}
    # Who counts what upstream is asked does not want to count what is asked beside that.
    all_settings = {**usual, "complete_metadata": 0, "prefetch_metadata": 0, **settings}
    return {f"EGGPROXY_{name.upper()}": str(value) for name, value in all_settings.items()}


@contextmanager
def serving(  # noqa: PLR0913  each is one thing that a test may want otherwise
    tmp_path: Path,
    index: str,
    *,
    front_end: str = "serve",
    workers: int = 1,
    eggs: Path | None = None,
    port: int | None = None,
    **settings: object,
) -> Iterator[Server]:
    """Run a server over an index until the end of the block."""
    chosen = {**FRONT_ENDS, **MORE_FRONT_ENDS}[front_end]
    with chosen.home(tmp_path) as home:
        port = port or free_port()
        eggs = eggs or home / "eggs"
        settings_ = settings_of(index, eggs, **settings)
        launch = chosen.launch(Job(port, workers, home, eggs, {"HOME": str(home), **settings_}))
        log = launch.log or home / f"{front_end}-{port}.log"
        log.parent.mkdir(exist_ok=True)
        with (
            log.open("ab") as output,
            subprocess.Popen(
                launch.command,
                env=launch.environment,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Some end by killing their whole process group.
                start_new_session=True,
            ) as process,
        ):
            server = Server(process, port, eggs, log)
            server.refusals = chosen.refusals
            server.any_version = chosen.any_version
            try:
                wait_for_port(server)
                yield server
            finally:
                end(process)


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
