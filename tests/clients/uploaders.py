"""Upload clients, old and new, each with the libraries of its time and nothing else."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.clients import programs
from tests.clients.programs import Run
from tests.distributions import make_sdist, make_wheel

_PURE = ("certifi==2021.10.8", "idna==2.10", "pkginfo==1.8.3", "requests==2.27.1")
_OLD = (*_PURE, "requests-toolbelt==0.10.1", "tqdm==4.47.0", "urllib3==1.26.20")
_RENDERER = (
    *("readme-renderer==24.0", "bleach==3.3.1", "docutils==0.17.1", "Pygments==2.11.2"),
    *("six==1.16.0", "webencodings==0.5.1", "packaging==20.9", "pyparsing==2.4.7"),
)
_TWINE_1_11 = ("twine==1.11.0", *_OLD, "chardet==4.0.0", "setuptools==44.1.1")
_PYTHON_3_6 = (*_OLD, *_RENDERER, "charset-normalizer==2.0.12")
_TWINE_1_15 = ("twine==1.15.0", *_PYTHON_3_6, "setuptools==59.6.0")
_TWINE_3_8 = (
    *("twine==3.8.0", *_PYTHON_3_6, "colorama==0.4.4", "importlib-metadata==4.8.3"),
    *("keyring==21.2.1", "rfc3986==1.5.0", "typing-extensions==4.1.1", "zipp==3.6.0"),
)


@dataclass(frozen=True)
class Place:
    """Where to upload to, and as whom."""

    url: str
    user: str
    password: str


Words = list[str | Path]
Command = Callable[["Work"], tuple[Words, dict[str, str]]]


@dataclass(frozen=True)
class Uploader:
    """An upload client of some version.

    `python` is the version of an old interpreter, "" the running one's. `shows` tells whether it
    shows the words of a refusal, or just its status; `builds` whether it builds what it uploads,
    so that each time other bytes come.
    """

    name: str
    requirements: tuple[str, ...]
    command: Command = field(repr=False)
    python: str = ""
    shows: bool = True
    builds: bool = False

    def get_tools(self, directory: Path) -> Path:
        """Get the program and its libraries."""
        if self.python:
            bounds = ("--no-deps", "--only-binary=:all:", f"--python-version={self.python}")
            return programs.get_tools(directory, *bounds, *self.requirements)
        return programs.get_tools(directory, *self.requirements)

    def interpreter(self) -> Path:
        """Find its interpreter; where there is no such old one, leave the test out, in CI too."""
        return find_python(self.python) if self.python else Path(sys.executable)


@dataclass(frozen=True)
class Work:
    """A person's work on a project: a home, with the project in it, and a client."""

    uploader: Uploader
    tools: Path
    home: Path
    place: Place

    @property
    def name(self) -> str:
        """The name of the project, normalized."""
        return f"probe-{self.uploader.name.replace('.', '-')}"

    @property
    def files(self) -> list[Path]:
        """The files that are ready to be uploaded."""
        return sorted((self.home / "dist").iterdir())

    def publish(self, *options: str) -> Run:
        """Upload the project."""
        command, settings = self.uploader.command(self)
        settings = {"PYTHONPATH": str(self.tools), **settings}
        return programs.run([*command, *options], self.home, settings)

    def run(self, *arguments: str | Path) -> Run:
        """Run its Python with other arguments."""
        command = [self.uploader.interpreter(), *arguments]
        return programs.run(command, self.home, {"PYTHONPATH": str(self.tools)})


def find_python(version: str) -> Path:
    """Find an old interpreter, or leave the test out: no distribution has it any more."""
    found = []
    if pyenv := shutil.which("pyenv"):
        done = subprocess.run([pyenv, "root"], check=True, capture_output=True, text=True)
        found = sorted(Path(done.stdout.strip()).glob(f"versions/{version}.*/bin/python"))
    return found[-1] if found else pytest.skip(f"left out: pyenv has no Python {version} here")


def make_project(home: Path, name: str, place: Place, *, size: int = 0) -> None:
    """Write a project that each client can build, and a wheel and an sdist that are built."""
    module = name.replace("-", "_")
    home.mkdir()
    (home / f"{module}.py").write_text(f'"""A probe, {size}."""\n')
    (home / "setup.py").write_text(
        "from setuptools import setup\n"
        f"setup(name={name!r}, version='1.0', py_modules=[{module!r}])\n"
    )
    (home / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\ndescription = "A probe."\n'
        f'[tool.flit.module]\nname = "{module}"\n'
    )
    (home / ".pypirc").write_text(
        "[distutils]\nindex-servers =\n    office\n"
        f"[office]\nrepository: {place.url}\n"
        f"username: {place.user}\npassword: {place.password}\n"
    )
    (home / "dist").mkdir()
    for made in (make_wheel(name, "1.0", size=size), make_sdist(name, "1.0")):
        (home / "dist" / made.filename).write_bytes(made.content)


def _twine(work: Work) -> tuple[Words, dict[str, str]]:
    command: Words = [work.uploader.interpreter(), "-m", "twine", "upload", "-r", "office"]
    return [*command, *work.files], {}


def _setup_py(work: Work) -> tuple[Words, dict[str, str]]:
    command: Words = [work.uploader.interpreter(), "setup.py", "sdist"]
    # It has no option to upload what is there already, and keeps no files in order.
    return [*command, "--dist-dir", "built", "upload", "-r", "office"], {}


def _flit(work: Work) -> tuple[Words, dict[str, str]]:
    return [work.uploader.interpreter(), "-m", "flit", "publish", "--repository", "office"], {}


def _hatch(work: Work) -> tuple[Words, dict[str, str]]:
    place = work.place
    command: Words = [work.uploader.interpreter(), "-m", "hatch", "publish", "--no-prompt"]
    options = ["-r", place.url, "-u", place.user, "-a", place.password]
    return [*command, *options, *work.files], {}


def _pdm(work: Work) -> tuple[Words, dict[str, str]]:
    place = work.place
    command: Words = [work.uploader.interpreter(), "-m", "pdm", "publish", "--no-build"]
    return [*command, "-r", place.url, "-u", place.user, "-P", place.password], {}


def _poetry(work: Work) -> tuple[Words, dict[str, str]]:
    command: Words = [work.uploader.interpreter(), "-m", "poetry", "publish"]
    settings = {
        "POETRY_REPOSITORIES_OFFICE_URL": work.place.url,
        "POETRY_HTTP_BASIC_OFFICE_USERNAME": work.place.user,
        "POETRY_HTTP_BASIC_OFFICE_PASSWORD": work.place.password,
    }
    return [*command, "--no-interaction", "-r", "office"], settings


def _uv(work: Work) -> tuple[Words, dict[str, str]]:
    place = work.place
    command = [programs.uv_program(), "publish", "--publish-url", place.url]
    return [*command, "-u", place.user, "-p", place.password, *work.files], {}


UPLOADERS = {
    uploader.name: uploader
    for uploader in (
        Uploader("twine-1.11", _TWINE_1_11, _twine, "2.7"),
        Uploader("twine-1.15", _TWINE_1_15, _twine, "3.6"),
        Uploader("twine-3.8", _TWINE_3_8, _twine, "3.6"),
        Uploader("twine", ("twine==7.0.0",), _twine),
        Uploader("setup.py-2.7", ("setuptools==44.1.1",), _setup_py, "2.7", builds=True),
        Uploader("setup.py-3.6", ("setuptools==59.6.0",), _setup_py, "3.6", builds=True),
        Uploader("flit", ("flit==4.2.0",), _flit, builds=True),
        Uploader("hatch", ("hatch==1.18.2",), _hatch),
        Uploader("pdm", ("pdm==2.29.3", "hishel==1.2.1", "unearth==0.18.3"), _pdm, shows=False),
        Uploader("poetry", ("poetry==2.5.1",), _poetry),
        Uploader("uv", (), _uv),
    )
}
"""All of them by name."""
