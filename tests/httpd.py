"""A private Apache httpd for the tests: its own directory, port, processes and configuration.

As root it drops to www-data, as every distribution runs it; `public_directory` gives it files
that this user can reach.
"""

import atexit
import contextlib
import functools
import grp
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, NoReturn

import pytest

import eggproxy

Mpm = Literal["prefork", "event"]

PROGRAM = Path("/usr/sbin/apache2")
MODULES = Path("/usr/lib/apache2/modules")
BASE_MODULES = ("authz_core", "mime", "alias", "dir")
SERVER_USER = "www-data"
PATIENCE = 30.0

CLEAN_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""libpython takes its prefix from the first python3 on PATH: an activated venv must not be it."""

# Threads for as many clients at once as any test has; few processes, for each imports everything.
_MPM = {
    "prefork": """
StartServers {processes}
MinSpareServers 1
MaxSpareServers {processes}
ServerLimit {processes}
MaxRequestWorkers {processes}
""",
    "event": """
StartServers {processes}
ServerLimit {processes}
ThreadsPerChild 32
MaxRequestWorkers {workers}
MinSpareThreads 1
MaxSpareThreads {workers}
""",
}

_FRAME = """\
ServerRoot "{root}"
DefaultRuntimeDir "{root}/run"
PidFile "{root}/run/httpd.pid"
Mutex file:{root}/run default
ServerName localhost
Listen 127.0.0.1:{port}
{modules}
{mpm}
User {user}
Group {group}
TypesConfig /etc/mime.types
DocumentRoot "{root}/htdocs"
LogLevel info
ErrorLog "{root}/error.log"
LogFormat "%m %U %>s %B %u" short
CustomLog "{root}/access.log" short
<Directory "/">
    Require all denied
    AllowOverride None
</Directory>
<Directory "{root}/htdocs">
    Require all granted
</Directory>
{directives}
"""


# As the one who ordered eggproxy wrote it, with the module's name of today.
AS_WRITTEN = """\
Alias /pypi "{eggs}"
<Directory "{eggs}">
    Require all granted
    SetHandler mod_python
    PythonFixupHandler eggproxy.apache_handler::fixup_handler
    PythonInterpreter main_interpreter
    PythonOption URLPrefix /pypi
</Directory>
"""

MOD_PYTHON = """
PythonOption mod_python.mutex_directory "{root}/run"
PythonOption mod_python.mutex_locks 1
PythonInterpreter main_interpreter
PythonAutoReload Off
PythonPath "{path} + sys.path"
PythonImport eggproxy.apache_handler main_interpreter
Alias {prefix} "{eggs}"
<Directory "{eggs}">
    Require all granted
    SetHandler mod_python
    PythonFixupHandler eggproxy.apache_handler::fixup_handler
    PythonOption URLPrefix {prefix}
</Directory>
"""
"""An index by mod_python; `path` is `python_path()`, `root` the server's directory."""


def lacking(what: str) -> NoReturn:
    """Skip a test for want of what it needs, or fail it in CI, where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"lacking: {what}")
    pytest.skip(f"lacking: {what}")


def require(*modules: str) -> None:
    """Skip or fail a test where httpd itself or one of these modules is not installed."""
    if not PROGRAM.exists():
        lacking("Apache (Debian's package apache2)")
    for module in modules:
        if not (MODULES / f"mod_{module}.so").exists():
            lacking(f"Apache's module {module} ({MODULES / f'mod_{module}.so'})")


def require_python_of(module: str) -> None:
    """Skip or fail a test where a module is built for another Python than the one that runs."""
    found = re.search(rb"libpython(3\.\d+)", (MODULES / f"mod_{module}.so").read_bytes())
    wanted = found[1].decode() if found else "unknown"
    if wanted != f"{sys.version_info.major}.{sys.version_info.minor}":
        lacking(f"an environment of Python {wanted}, which is that of Apache's module {module}")


@functools.cache
def python_path() -> list[str]:
    """List what Python within httpd needs on its path: eggproxy and its libraries.

    Where httpd's user cannot pass to them, say below the home of root, it gets copies.
    """
    places = [Path(eggproxy.__file__).parent.parent, Path(sysconfig.get_path("platlib"))]
    if os.getuid() != 0 or all(_is_open_to_server(place) for place in places):
        return [str(place) for place in places]
    copies = Path(tempfile.mkdtemp(prefix="eggproxy-code-"))
    atexit.register(shutil.rmtree, copies, ignore_errors=True)
    shutil.copytree(places[0] / "eggproxy", copies / "eggproxy")
    # __editable__ and the like name places that cannot be passed.
    shutil.copytree(places[1], copies / "libraries", ignore=shutil.ignore_patterns("*.pth"))
    subprocess.run(["chmod", "-R", "a+rX", copies], check=True)
    return [str(copies), str(copies / "libraries")]


def _is_open_to_server(place: Path) -> bool:
    tries = subprocess.run(
        ["ls", place / "eggproxy" if (place / "eggproxy").is_dir() else place],
        check=False,
        capture_output=True,
        user=SERVER_USER,
        cwd="/",
    )
    return tries.returncode == 0


def give_away(path: Path, user: str | None = None) -> None:
    """Let httpd's children, or `user`, own a file or directory, where root starts them."""
    if os.getuid() == 0:
        shutil.chown(path, user or SERVER_USER)


def server_user() -> str:
    """Name the user that httpd's children have: www-data where root starts it."""
    return SERVER_USER if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name


@contextmanager
def public_directory(user: str | None = None) -> Iterator[Path]:
    """Make a directory that httpd's children may write, and remove it in the end.

    It is not below pytest's own, whose mode of 700 no other user passes.
    """
    root = Path(tempfile.mkdtemp(prefix="eggproxy-httpd-"))
    try:
        root.chmod(0o755)
        give_away(root, user)
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


class Httpd:
    """A running httpd: `url` is that of its host, `root` its own directory."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, root: Path) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.root = root

    @property
    def log(self) -> str:
        """The error log, with all that was written to standard output and error."""
        return (self.root / "error.log").read_text(errors="replace")

    @property
    def access_log(self) -> str:
        """One line for each request: method, path, status, bytes, user."""
        return (self.root / "access.log").read_text(errors="replace")

    def children(self) -> list[int]:
        """List the processes that serve."""
        return children(self.process.pid)

    def graceful(self) -> None:
        """Reload the configuration in new children; old ones end what they are at."""
        self.process.send_signal(signal.SIGUSR1)


@contextmanager
def httpd(  # noqa: PLR0913  each is one thing that a test may want otherwise
    directives: str,
    modules: Sequence[str] = (),
    *,
    mpm: Mpm = "event",
    processes: int = 1,
    port: int | None = None,
    root: Path | None = None,
    user: str | None = None,
    environment: Mapping[str, str] = {},
) -> Iterator[Httpd]:
    """Run an httpd until the end of the block, ready when it begins.

    `modules` are loaded beside `BASE_MODULES`, by names such as "python" or "wsgi" (never both:
    httpd then ends itself). `user` starts it as that user instead of root, who would drop to
    www-data. `root` is an existing directory for its files (see `public_directory`).
    """
    require(*modules)
    with ExitStack() as stack:
        root = root or stack.enter_context(public_directory(user))
        port = port or free_port()
        command = prepare(root, port, directives, modules, mpm=mpm, processes=processes, user=user)
        with (
            (root / "error.log").open("ab") as output,
            subprocess.Popen(
                command,
                cwd=root,
                env={"PATH": CLEAN_PATH, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # it kills its whole process group when it ends
                user=user,
                group=user and _group(user),
                extra_groups=None if user is None else [],
            ) as process,
        ):
            server = Httpd(process, port, root)
            try:
                _wait_for_answer(server)
                yield server
            finally:
                end(process)


def prepare(  # noqa: PLR0913  as `httpd`
    root: Path,
    port: int,
    directives: str,
    modules: Sequence[str] = (),
    *,
    mpm: Mpm = "event",
    processes: int = 1,
    user: str | None = None,
) -> list[str]:
    """Write the configuration into a directory, and give the command that runs it."""
    user = user or server_user()
    for name in ("run", "htdocs"):
        (root / name).mkdir(exist_ok=True)
        give_away(root / name, user)
    limits = _MPM[mpm].format(processes=processes, workers=32 * processes)
    loaded = [f"mpm_{mpm}", *BASE_MODULES, *modules]
    text = _FRAME.format(
        root=root,
        port=port,
        modules="\n".join(f"LoadModule {m}_module {MODULES}/mod_{m}.so" for m in loaded),
        mpm=limits,
        user=user,
        group=_group(user),
        directives=directives,
    )
    configuration = root / "httpd.conf"
    configuration.write_text(text)
    for log in ("error.log", "access.log"):
        (root / log).touch()
        give_away(root / log, user)
    return [str(PROGRAM), "-d", str(root), "-f", str(configuration), "-DFOREGROUND"]


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, with patience, by its pid."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


def free_port() -> int:
    """Find a port that nobody listens on."""
    while True:
        # Below those that the system gives away (32768, net.ipv4.ip_local_port_range): of them any
        # connection may take one until the server comes to listen there.
        port = 10_000 + secrets.randbelow(20_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def _group(user: str) -> str:
    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name


def _wait_for_answer(server: Httpd) -> None:
    """Wait until httpd answers; whatever it answers to nothing in particular."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
                client.sendall(b"GET /is-it-up HTTP/1.0\r\n\r\n")
                if client.recv(5) == b"HTTP/":
                    return
        except OSError:
            pass
        assert server.process.poll() is None, server.log
        assert time.monotonic() < deadline, server.log
        time.sleep(0.005)


def children(pid: int) -> list[int]:
    """List the processes that a process has started, and that run."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
