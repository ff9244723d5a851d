"""Rows for Apache: the CPU of a whole httpd for what is stored, beside Apache with no Python."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.client import JSON, Load, get, load
from bench.content import file_entry, synthetic_files, write_noise, write_pages
from bench.lab import Lab, median
from bench.pages import FILES, SMALL
from bench.programs import Program, family_cpu, free_port
from bench.report import Row
from tests import httpd
from tests.apache_sites import apache_site, default_host, write_configuration
from tests.frontends import FRONT_ENDS, Job
from tests.servers import settings_of

CONNECTIONS = 8

TURN, TURNS = 1.0, 2
"""Seconds of one turn, and turns of each server: the machine does other things all the time."""

STARTS = 4
"""How often all servers are started anew in a round.

Two that are the very same differ by up to a tenth for as long as they run (why is not known), and
more turns of the same two tell nothing of that.
"""

SETTLING = 3.0
"""Seconds of load that are not measured, after each start.

mod_python's answers to the same words count when their folder has been seen unchanged for two.
"""

WARM = 50_000
MANY = 200_000
"""Requests until all that is kept is there, and those over which nothing more may be."""

# What mod_python itself costs: with this the file is Apache's own affair.
_DECLINES = """
PythonOption mod_python.mutex_directory "{root}"
PythonOption mod_python.mutex_locks 1
PythonInterpreter main_interpreter
PythonAutoReload Off
PythonPath "['{root}'] + sys.path"
PythonImport declines main_interpreter
<Directory "{eggs}">
    PythonFixupHandler declines::declines
</Directory>
"""
_DECLINES_HANDLER = """
def declines(req):
    return -1
"""

# The very same files, as Apache serves them by default.
PLAIN = """
Alias /pypi "{eggs}"
<Directory "{eggs}">
    Require all granted
    AddType application/vnd.pypi.simple.v1+json .json
</Directory>
"""


# How eggproxy's configuration has files sent. What eggproxy itself adds shows beside a plain Apache
# that does the same, and where neither does.
SENDFILE = "EnableSendfile On\n"


@dataclass(frozen=True)
class _Family:
    """A process and all that it has started."""

    pid: int

    def cpu(self) -> float:
        return family_cpu(self.pid)


@dataclass(frozen=True)
class _Site:
    """A running server, and what is asked of it for the same page."""

    name: str
    program: _Family | Program
    url: str
    page: str = "small/"


@dataclass(frozen=True)
class _Comparison:
    """What is asked of two servers that send the same, and how much more the first may cost."""

    what: str
    ours: str
    theirs: str
    file: bool = False
    target: float | None = None


_PAGE, _FILE = "stored page, mod_python", "10 KB file, mod_python"
_COMPARISONS = (
    _Comparison("page, a handler that does nothing", "nothing", "plain"),
    _Comparison(_PAGE, "mod_python", "plain", target=1.35),
    _Comparison(f"{_FILE}, both by sendfile", "mod_python", "sending", file=True, target=1.1),
    _Comparison(f"{_FILE}, neither by sendfile", "reading", "plain", file=True, target=1.1),
    _Comparison(f"{_FILE}, beside plain Apache", "mod_python", "plain", file=True, target=1.1),
)


class _Turn(NamedTuple):
    """Both servers' loads, one right after the other."""

    ours: Load
    theirs: Load


def stored(lab: Lab) -> Iterator[Row]:
    """Measure CPU a request for a stored page and a stored file of 10 KB."""
    with ExitStack() as stack:
        home, name, index = _index(stack, lab)
        mpms: tuple[httpd.Mpm, ...] = ("event", "prefork")
        for mpm in mpms:
            turns: dict[str, list[_Turn]] = {each.what: [] for each in _COMPARISONS}
            for _ in range(lab.rounds * STARTS):
                with _servers(replace(lab, seconds=SETTLING), home, index, mpm, name) as sites:
                    for each in _COMPARISONS:
                        pair = [sites[each.ours], sites[each.theirs]]
                        if each.file:
                            pair = [replace(site, page=f"small/{name}") for site in pair]
                        turns[each.what] += _turns(replace(lab, rounds=1), *pair)
            for each in _COMPARISONS:
                yield _row(f"{mpm}, {each.what}", turns[each.what], each.target)
        alone = _plain(stack, home / "eggs", "prefork")
        for site in _mod_wsgi(stack, lab, home / "eggs", index):
            yield _row(f"prefork, stored page, {site.name}", _turns(lab, site, alone))


@contextmanager
def _servers(
    lab: Lab, home: Path, index: str, mpm: httpd.Mpm, name: str
) -> Iterator[dict[str, _Site]]:
    """Run all that is compared, over the same directory, and let it settle; by name."""
    eggs = home / "eggs"
    with ExitStack() as stack:
        # Of prefork there is a process for each connection.
        _, python = _mod_python(stack, home, index, mpm)
        for path in ("small/", f"small/{name}"):
            get(python.url + path, JSON)
        load(lab, python, "small/", JSON, CONNECTIONS)
        yield {
            "mod_python": python,
            "reading": _mod_python(stack, home, index, mpm, without=SENDFILE.strip())[1],
            "nothing": _declining(stack, eggs, mpm),
            "plain": _plain(stack, eggs, mpm),
            "sending": _plain(stack, eggs, mpm, SENDFILE),
        }


def memory(lab: Lab) -> Iterator[Row]:
    """Measure by how much a child of httpd grows over many requests, once it is warm."""
    with ExitStack() as stack:
        home, name, index = _index(stack, lab)
        server, site = _mod_python(stack, home, index, "prefork")
        for what, path in (("page", "small/"), ("file of 10 KB", f"small/{name}")):
            _ask_often(site.url + path, WARM)
            before = _resident(server.process.pid)
            _ask_often(site.url + path, MANY)
            growth = _resident(server.process.pid) - before
            yield Row(
                f"Apache, {MANY:,} requests of a stored {what}: growth of its children",
                f"{growth / 1000:,.0f} kB, {growth / MANY:.2f} bytes a request",
                value=growth / MANY,
                target=1,
                unit=" byte",
            )


def _index(stack: ExitStack, lab: Lab) -> tuple[Path, str, str]:
    """Make a home with an eggs directory, and an index; give its file's name and its URL too."""
    home = stack.enter_context(httpd.public_directory())
    (eggs := home / "eggs").mkdir()
    httpd.give_away(eggs)
    name = _write_index(root := lab.folder("upstream"))
    return home, name, stack.enter_context(lab.upstream(root)).url


def _ask_often(url: str, count: int) -> None:
    command = ["ab", "-q", "-k", "-n", str(count), "-c", str(CONNECTIONS), url]
    subprocess.run(command, check=True, capture_output=True)


def _resident(parent: int) -> int:
    """Measure the memory of httpd's children, in bytes."""
    pages = [Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in httpd.children(parent)]
    return sum(map(int, pages)) * os.sysconf("SC_PAGESIZE")


def _write_index(root: Path) -> str:
    """Write a project with a page of about 10 KB and a file of 10 KB; give the file's name."""
    files = synthetic_files("small", SMALL, FILES)
    path = root / "files" / str(files[0]["filename"])
    path.parent.mkdir(parents=True)
    write_noise(path, 10_000)
    files[0] = file_entry(path, f"../../files/{path.name}")
    write_pages(root / "simple" / "small", "small", files, [])
    return path.name


def _mod_python(
    stack: ExitStack, home: Path, index: str, mpm: httpd.Mpm, without: str = ""
) -> tuple[httpd.Httpd, _Site]:
    """Run the configuration that `eggproxy apache-config` prints, but for one directive."""
    config = write_configuration(home / "eggproxy.conf", home / "eggs", index, update_interval=24)
    root = stack.enter_context(httpd.public_directory())
    server = stack.enter_context(
        apache_site("mod_python", root, config, mpm=mpm, processes=_processes(mpm), without=without)
    )
    return server, _Site("mod_python", _Family(server.process.pid), f"{server.url}/pypi/")


def _processes(mpm: httpd.Mpm) -> int:
    """Say how many processes there are: with event, as many as Debian starts."""
    return CONNECTIONS if mpm == "prefork" else 2


def _plain(stack: ExitStack, eggs: Path, mpm: httpd.Mpm, more: str = "") -> _Site:
    """Run Apache without eggproxy, in a virtual host as that is."""
    root = stack.enter_context(httpd.public_directory())
    port = free_port()
    directives = more + PLAIN.format(eggs=eggs) + default_host(root, port)
    server = stack.enter_context(
        httpd.httpd(
            directives, ["headers"], mpm=mpm, processes=_processes(mpm), port=port, root=root
        )
    )
    url = f"{server.url}/pypi/"
    return _Site("plain", _Family(server.process.pid), url, page="small/index.json")


def _declining(stack: ExitStack, eggs: Path, mpm: httpd.Mpm) -> _Site:
    """Run Apache as `_plain` has it, with a handler for each request that does nothing."""
    root = stack.enter_context(httpd.public_directory())
    (root / "declines.py").write_text(_DECLINES_HANDLER)
    httpd.give_away(root)
    port = free_port()
    directives = PLAIN.format(eggs=eggs) + _DECLINES.format(root=root, eggs=eggs)
    directives += default_host(root, port)
    server = stack.enter_context(
        httpd.httpd(
            directives,
            ["headers", "python"],
            mpm=mpm,
            processes=_processes(mpm),
            port=port,
            root=root,
        )
    )
    url = f"{server.url}/pypi/"
    return _Site("nothing", _Family(server.process.pid), url, page="small/index.json")


def _mod_wsgi(stack: ExitStack, lab: Lab, eggs: Path, index: str) -> Iterator[_Site]:
    for name in ("mod_wsgi-daemon", "mod_wsgi-embedded"):
        home = stack.enter_context(httpd.public_directory())
        settings = settings_of(index, eggs, update_interval=24)
        job = Job(port := free_port(), workers=1, home=home, eggs=eggs, settings=settings)
        launch = FRONT_ENDS[name].launch(job)
        program = Program(
            ["setsid", "--wait", *launch.command], lab.work / f"{name}.log", launch.environment
        )
        stack.enter_context(program).wait_until_listening(port)
        yield _Site(name, program, f"http://127.0.0.1:{port}/pypi/")


def _turns(lab: Lab, site: _Site, plain: _Site) -> list[_Turn]:
    """Load two servers by turns with what has to be the same bytes."""
    pair = (site, plain)
    bodies = {get(each.url + each.page, JSON).body for each in pair}
    assert len(bodies) == 1, f"{site.name}, {site.page}: not the same bytes"
    short = replace(lab, seconds=TURN)
    measures = [partial(load, short, each, each.page, JSON, CONNECTIONS) for each in pair]
    return [_Turn(*both) for both in zip(*lab.by_turns(*measures, more=TURNS), strict=True)]


def _row(what: str, turns: list[_Turn], target: float | None = None) -> Row:
    ours, theirs = (
        f"{median([one.rate for one in loads]):,.0f}/s, "
        f"{median([one.cpu_per_request * 1e6 for one in loads]):.0f} us CPU"
        for loads in zip(*turns, strict=True)
    )
    return Row(
        f"Apache, {what}",
        ours,
        theirs,
        value=median([one.ours.cpu_per_request / one.theirs.cpu_per_request for one in turns]),
        target=target,
    )
