"""The front ends of eggproxy, each as the command that runs it; all pass the same tests."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from tests import httpd, mod_wsgi_express

BIN = Path(sys.executable).parent
"""Where the commands of this environment are."""

PROJECT = Path(__file__).parent.parent
"""Where the files are that administrators copy."""

_WSGI = "eggproxy.wsgi:application"


@dataclass(frozen=True)
class Job:
    """What a front end is to serve, and where: `home` is an empty directory for its own files.

    `settings` are variables of the environment, which all front ends read.
    """

    port: int
    workers: int
    home: Path
    eggs: Path
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Launch:
    """A command and its whole environment; `log` where it writes other than on standard error."""

    command: list[str]
    environment: Mapping[str, str]
    log: Path | None = None


@dataclass(frozen=True)
class FrontEnd:
    """A way to run eggproxy.

    Started by root, one that `drops_root` serves as another user, who must reach all its files.
    `refusals` are the statuses with which the server around refuses a bad address by itself, in
    its own words, before eggproxy sees it. `any_version`: it takes a version of HTTP that does not
    exist for one it knows, and tells nobody.
    """

    launch: Callable[[Job], Launch]
    drops_root: bool = False
    refusals: frozenset[int] = frozenset()
    any_version: bool = False

    def home(self, tmp_path: Path) -> AbstractContextManager[Path]:
        """Give a directory for its files that its processes can reach."""
        drops = self.drops_root and os.getuid() == 0
        return httpd.public_directory() if drops else nullcontext(tmp_path)


def clean_environment(**settings: str) -> dict[str, str]:
    """Make an environment without this machine's own settings of pip, uv or eggproxy."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not re.match(r"PIP_|UV_|EGGPROXY_|PYTHON|VIRTUAL_ENV", name)
    }
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "PYTHONUNBUFFERED": "1", **settings}


def _serve(job: Job) -> Launch:
    command = [str(BIN / "eggproxy"), "serve"]
    numbers = ["--port", str(job.port), "--workers", str(job.workers)]
    return Launch([*command, *numbers], clean_environment(**job.settings))


def _gunicorn(job: Job) -> Launch:
    bind = ["--bind", f"127.0.0.1:{job.port}", "--threads", "32", "--workers", str(job.workers)]
    # Workers beat by touching a file, and on a slow disk that must not end them.
    command = [str(BIN / "gunicorn"), *bind, "--worker-tmp-dir", "/dev/shm", _WSGI]  # noqa: S108
    return Launch(command, clean_environment(**job.settings))


@dataclass(frozen=True)
class _ModPython:
    """Apache with mod_python, the index at /pypi and /simple, a page for people at the root."""

    mpm: httpd.Mpm
    directives: str = field(default=httpd.MOD_PYTHON)

    def __call__(self, job: Job) -> Launch:
        httpd.require("python")
        httpd.require_python_of("python")
        job.eggs.mkdir(exist_ok=True)
        httpd.give_away(job.eggs)
        directives = self.directives.format(
            root=job.home, eggs=job.eggs, path=httpd.python_path(), prefix="/pypi"
        )
        (job.home / "htdocs").mkdir()
        (job.home / "htdocs" / "index.html").write_text("<!DOCTYPE html>")
        command = httpd.prepare(
            job.home,
            job.port,
            directives + _SIMPLE.format(eggs=job.eggs),
            ["python"],
            mpm=self.mpm,
            processes=job.workers,
        )
        environment = {"PATH": httpd.CLEAN_PATH, **job.settings}
        return Launch(command, environment, job.home / "error.log")


@dataclass(frozen=True)
class _ModWsgi:
    """Apache with mod_wsgi, the application at the root, in processes of its own or in Apache's."""

    directives: str

    def __call__(self, job: Job) -> Launch:
        httpd.require("wsgi")
        httpd.require_python_of("wsgi")
        job.eggs.mkdir(exist_ok=True)
        httpd.give_away(job.eggs)
        scripts = job.home / "wsgi"
        scripts.mkdir()
        shutil.copy(PROJECT / "apache" / "eggproxy.wsgi", scripts)
        directives = (self.directives + _SCRIPT).format(
            root=job.home, path=":".join(httpd.python_path()), processes=job.workers
        )
        command = httpd.prepare(job.home, job.port, directives, ["wsgi"], processes=job.workers)
        environment = {"PATH": httpd.CLEAN_PATH, **job.settings}
        return Launch(command, environment, job.home / "error.log")


_SCRIPT = """
WSGIApplicationGroup %{{GLOBAL}}
WSGIPassAuthorization On
# A client that waits for the end of a connection would notice.
KeepAliveTimeout 100
WSGIScriptAlias / "{root}/wsgi/eggproxy.wsgi"
<Directory "{root}/wsgi">
    Require all granted
</Directory>
"""

_DAEMON = """
WSGISocketPrefix "{root}/run/wsgi"
WSGIDaemonProcess eggproxy processes={processes} threads=32 python-path={path} home={root}
WSGIProcessGroup eggproxy
"""

_EMBEDDED = """
WSGIPythonPath {path}
"""


def _mod_wsgi_express(job: Job) -> Launch:
    """Apache as mod_wsgi's own command writes its configuration and runs it."""
    job.eggs.mkdir(exist_ok=True)
    httpd.give_away(job.eggs)
    script = shutil.copy(PROJECT / "apache" / "eggproxy.wsgi", job.home)
    command = [str(mod_wsgi_express.program()), "start-server", str(script)]
    # A client that waits for the end of a connection would notice.
    command += ["--keep-alive-timeout", "100", "--locale", "C.UTF-8"]
    options = {
        "host": "127.0.0.1",
        "port": job.port,
        "server-root": job.home / "express",
        "working-directory": job.home,
        "processes": job.workers,
        "threads": 32,
    }
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    for path in httpd.python_path():
        command += ["--python-path", path]
    command += mod_wsgi_express.user_options()
    environment = {"PATH": httpd.CLEAN_PATH, **job.settings}
    return Launch(command, environment, job.home / "express" / "error_log")


def vassal(job: Job) -> Path:
    """Write etc/uwsgi/eggproxy.ini as an administrator would who listens at the job's port."""
    text = (PROJECT / "etc" / "uwsgi" / "eggproxy.ini").read_text()
    changes = {
        r"virtualenv = .*": f"virtualenv = {sys.prefix}",
        r"http-socket = .*": f"http-socket = 127.0.0.1:{job.port}",
        r"processes = .*": f"processes = {job.workers}",
        # Tests run as whoever runs them.
        r"uid = .*": "",
        r"gid = .*": "",
    }
    for old, new in changes.items():
        text, count = re.subn(rf"(?m)^{old}$", new, text)
        assert count == 1, old
    path = job.home / "vassals" / "eggproxy.ini"
    path.parent.mkdir()
    path.write_text(text)
    return path


def _uwsgi(job: Job) -> Launch:
    command = [str(BIN / "uwsgi"), "--ini", str(vassal(job))]
    return Launch(command, clean_environment(**job.settings))


_PASTE = """
[app:main]
use = egg:eggproxy#main

[server:main]
use = egg:waitress#main
listen = 127.0.0.1:{port}
threads = 32
"""

_RUN_PASTE = """
import sys
from paste.deploy import loadapp, loadserver
loadserver(sys.argv[1])(loadapp(sys.argv[1]))
"""


def _paste(job: Job) -> Launch:
    """Run the server that Paste's file names, as `pserve` and `paster serve` do."""
    file = job.home / "paste.ini"
    file.write_text(_PASTE.format(port=job.port))
    command = [sys.executable, "-c", _RUN_PASTE, f"config:{file}"]
    return Launch(command, clean_environment(**job.settings))


_SIMPLE = """
Alias /simple "{eggs}"
<Location "/simple">
    PythonOption URLPrefix /simple
</Location>
"""

# 403 for what is too long to be the name of a file, 404 for %2f and %00.
_OF_APACHE = frozenset({403, 404})

FRONT_ENDS = {
    "serve": FrontEnd(_serve),
    "gunicorn": FrontEnd(_gunicorn),
    "uwsgi": FrontEnd(_uwsgi),
    "paste": FrontEnd(_paste, any_version=True),
    "mod_wsgi-daemon": FrontEnd(_ModWsgi(_DAEMON), drops_root=True, refusals=_OF_APACHE),
    "mod_wsgi-embedded": FrontEnd(_ModWsgi(_EMBEDDED), drops_root=True, refusals=_OF_APACHE),
    "mod_python-prefork": FrontEnd(_ModPython("prefork"), drops_root=True, refusals=_OF_APACHE),
    "mod_python-event": FrontEnd(_ModPython("event"), drops_root=True, refusals=_OF_APACHE),
}
"""All front ends by name, which pass the same tests."""

MORE_FRONT_ENDS = {
    "mod_wsgi-express": FrontEnd(_mod_wsgi_express, drops_root=True, refusals=_OF_APACHE),
}
"""Further ways to run one of them."""
