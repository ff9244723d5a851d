"""Other index servers, real ones, with the same files in them."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import requests

from tests.clients import programs
from tests.distributions import Distribution, make_sdist, make_wheel
from tests.httpd import end, free_port, httpd, public_directory
from tests.servers import PATIENCE, clean_environment, serving

WHEEL = make_wheel("Demo.Tool", "1.0", requires=["other-thing"], python=">=3.6")
SDIST = make_sdist("Other.Thing", "2.0", stem="Other.Thing")
LOCAL = make_wheel("demo-tool", "1.0+cu118", requires=["other-thing"])
PROJECTS: Mapping[str, tuple[Distribution, ...]] = {
    "demo-tool": (WHEEL, LOCAL),
    "other-thing": (SDIST,),
}


def fill(root: Path, *, flat: bool = False) -> None:
    """Put the files into folders of their projects, or beside each other."""
    for project, distributions in PROJECTS.items():
        folder = root if flat else root / project
        folder.mkdir(exist_ok=True)
        for each in distributions:
            (folder / each.filename).write_bytes(each.content)


@contextmanager
def running(command: Sequence[str | Path], url: str, home: Path) -> Iterator[None]:
    """Run a server until the end of the block; it answers at the URL when that begins."""
    with (
        (home / "log").open("ab") as log,
        subprocess.Popen(
            command,
            cwd=home,
            env=clean_environment(HOME=str(home)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            deadline = time.monotonic() + 2 * PATIENCE
            while not _answers(url):
                assert process.poll() is None, (home / "log").read_text()
                assert time.monotonic() < deadline, (home / "log").read_text()
                time.sleep(0.05)
            yield
        finally:
            end(process)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=PATIENCE).status_code < 500
    except requests.ConnectionError:
        return False


def _installed(program: str, requirement: str, home: Path) -> Path:
    """Install a program into an environment of its own."""
    home = home / "venv"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    programs.get_into(home / "bin" / "python", requirement)
    return home / "bin" / program


@contextmanager
def devpi(home: Path) -> Iterator[str]:
    """Run devpi-server with an index of its own, and upload the files to it."""
    server = _installed("devpi-server", "devpi-server", home)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    place = ["--serverdir", str(home / "data")]
    init = [str(server.with_name("devpi-init")), *place, "--no-root-pypi"]
    environment = clean_environment(HOME=str(home))
    subprocess.run(
        [*init, "--root-passwd", "root"], env=environment, check=True, capture_output=True
    )
    options = ["--host", "127.0.0.1", "--port", str(port), "--offline-mode"]
    with running([server, *place, *options], url, home):
        session = requests.Session()
        session.trust_env = False
        login = {"user": "root", "password": "root"}
        token = session.post(f"{url}/+login", json=login, timeout=PATIENCE).json()
        session.auth = ("root", token["result"]["password"])
        stage = f"{url}/{login['user']}/dev"
        made = session.put(stage, json={"bases": []}, timeout=PATIENCE)
        assert made.status_code == requests.codes.ok, made.text
        for distributions in PROJECTS.values():
            for each in distributions:
                _upload(session, f"{stage}/", each)
        yield f"{stage}/+simple/"


def _upload(session: requests.Session, url: str, distribution: Distribution) -> None:
    is_wheel = distribution.filename.endswith(".whl")
    lines = distribution.metadata.decode().splitlines()
    facts = dict(line.split(": ", 1) for line in lines if ": " in line)
    form = {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": "2.1",
        "name": facts["Name"],
        "version": distribution.filename.split("-")[1].removesuffix(".tar.gz"),
        "filetype": "bdist_wheel" if is_wheel else "sdist",
        "pyversion": "py3" if is_wheel else "source",
        "requires_python": facts.get("Requires-Python", ""),
    }
    content = {"content": (distribution.filename, distribution.content)}
    answer = session.post(url, data=form, files=content, timeout=PATIENCE)
    assert answer.status_code == requests.codes.ok, answer.text


@contextmanager
def pypiserver(home: Path) -> Iterator[str]:
    """Run pypiserver over a folder of all files."""
    server = _installed("pypi-server", "pypiserver", home)
    port = free_port()
    (home / "files").mkdir()
    fill(home / "files", flat=True)
    url = f"http://127.0.0.1:{port}/simple/"
    options = ["--port", str(port), "--interface", "127.0.0.1"]
    # Otherwise it sends whoever asks for what it has not to the public index.
    options += ["--disable-fallback"]
    with running([server, "run", *options, home / "files"], url, home):
        yield url


@contextmanager
def python(home: Path) -> Iterator[str]:
    """Run Python's own http.server over folders."""
    port = free_port()
    (home / "files").mkdir()
    fill(home / "files")
    url = f"http://127.0.0.1:{port}/"
    options = ["--bind", "127.0.0.1", "--directory", str(home / "files"), str(port)]
    with running([sys.executable, "-m", "http.server", *options], url, home):
        yield url


@contextmanager
def apache(_home: Path) -> Iterator[str]:
    """Run Apache, which lists folders."""
    with public_directory() as root:
        (root / "files").mkdir()
        fill(root / "files")
        directives = (
            f'Alias /files "{root}/files"\nIndexOptions FancyIndexing\n'
            f'<Directory "{root}/files">\nOptions +Indexes\nRequire all granted\n</Directory>'
        )
        with httpd(directives, ["dir", "autoindex"]) as server:
            yield f"{server.url}/files/"


_NGINX = """
daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error;
events {{}}
http {{
  access_log off;
  client_body_temp_path {home}/1; proxy_temp_path {home}/2; fastcgi_temp_path {home}/3;
  uwsgi_temp_path {home}/4; scgi_temp_path {home}/5;
  server {{ listen 127.0.0.1:{port}; root {home}/files; autoindex on; }}
}}
"""


@contextmanager
def nginx(_home: Path) -> Iterator[str]:
    """Run nginx, which lists folders."""
    with public_directory() as home:
        (home / "files").mkdir()
        fill(home / "files")
        port = free_port()
        (home / "conf").write_text(_NGINX.format(home=home, port=port))
        url = f"http://127.0.0.1:{port}/"
        with running([programs.nginx_program(), "-p", home, "-c", home / "conf"], url, home):
            yield url


@contextmanager
def eggproxy(home: Path) -> Iterator[str]:
    """Run another eggproxy over Python's http.server."""
    with python(home) as index, serving(home, index) as server:
        yield server.index


KINDS: Mapping[str, Callable[[Path], AbstractContextManager[str]]] = {
    "devpi": devpi,
    "pypiserver": pypiserver,
    "python": python,
    "apache": apache,
    "nginx": nginx,
    "eggproxy": eggproxy,
}
