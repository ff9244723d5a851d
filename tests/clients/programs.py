"""Real clients, each in a fresh environment, without a cache or any settings of this machine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Literal, NamedTuple, NoReturn

import pytest

from eggproxy.names import normalize
from tests.servers import BIN, clean_environment

PATIENCE = 300.0
NOBODY = "http://127.0.0.1:1"
"""Nothing listens there: as a proxy for the web it cuts a program off from all other hosts."""

OLD_PIP = "20.3.4" if sys.version_info < (3, 12) else "23.2.1"
"""The oldest pip that this Python runs; 20.3.4 knows neither JSON pages nor metadata files."""

# The clients' own way to the index is barred, so that all they have came through the proxy.
_NO_WAY_AROUND = {
    "HTTPS_PROXY": NOBODY,
    "https_proxy": NOBODY,
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


class Run(NamedTuple):
    """What came of a command."""

    status: int
    output: str


def run(command: Sequence[str | Path], home: Path, settings: Mapping[str, str] = {}) -> Run:
    """Run a client's command in its home, and wait for it."""
    environment = clean_environment(HOME=str(home), **_NO_WAY_AROUND, **settings)
    done = subprocess.run(
        command,
        check=False,
        cwd=home,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
    )
    return Run(done.returncode, done.stdout)


def lacking(what: str) -> NoReturn:
    """Skip a test for want of what it needs, or fail it in CI, where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"lacking: {what}")
    pytest.skip(f"lacking: {what}")


def get_tools(directory: Path, *requirements: str) -> Path:
    """Get programs into a directory of their own, with this machine's own pip and settings."""
    _get("install", "--no-compile", "--target", str(directory), *requirements)
    return directory


def get_wheel(directory: Path, requirement: str) -> Path:
    """Get one wheel, with this machine's own pip and settings."""
    _get("download", "--no-deps", "--only-binary", ":all:", "--dest", str(directory), requirement)
    return next(directory.glob("*.whl"))


def get_into(python: Path, *requirements: str) -> None:
    """Get programs into an environment, with this machine's own pip and settings."""
    _get("install", *requirements, python=python)


def _get(*arguments: str, python: Path | str = sys.executable) -> None:
    command = [python, "-m", "pip", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode:
        lacking(f"what this gets: pip {' '.join(arguments)}: {done.stderr[-500:]}")


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the client that installs into it; see `make_environment`."""

    client: "Client"
    home: Path
    python: Path
    site: Path

    def install(self, index: str, *arguments: str | Path, **settings: str) -> Run:
        """Install requirements from an index; `settings` are variables of the environment."""
        command = self.client.command("install", index, self.python)
        return run([*command, *arguments], self.home, settings)

    def run(self, name: str, index: str, *arguments: str | Path) -> Run:
        """Run another of the client's commands, such as `download`."""
        return run([*self.client.command(name, index, self.python), *arguments], self.home)

    def installed(self) -> dict[str, str]:
        """Give versions by normalized names: what has been installed beside the tools."""
        tools = {normalize(found.name) for found in distributions(path=[str(self.client.tools)])}
        found = {
            normalize(distribution.name): distribution.version
            for distribution in distributions(path=[str(self.site)])
        }
        return {name: version for name, version in found.items() if name not in tools}


@dataclass(frozen=True)
class Client:
    """A client of some version.

    `tools` holds what its environments begin with: pip itself, and setuptools for source
    distributions.
    """

    name: str
    kind: Literal["pip", "uv"]
    tools: Path

    def command(self, name: str, index: str, python: Path) -> list[str | Path]:
        """Begin a command line that works on the environment of that interpreter."""
        if self.kind == "pip":
            options = ["--no-cache-dir", "--index-url", index]
            return [python, "-m", "pip", name, *options]
        options = ["--no-cache", "--default-index", index]
        return [uv_program(), "pip", name, "--python", python, *options]


def uv_program() -> str:
    """Find uv."""
    found = shutil.which("uv", path=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}")
    return found or lacking("uv")


def nginx_program() -> str:
    """Find nginx, which is in no ordinary user's path."""
    found = shutil.which("nginx", path=f"/usr/sbin:{os.environ.get('PATH', '')}")
    return found or lacking("nginx (Debian's package nginx-light)")


def make_environment(client: Client, home: Path) -> Environment:
    """Make an environment in a directory that is not there yet."""
    venv = home / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    site = next(venv.glob("lib/python*/site-packages"))
    for tool in client.tools.iterdir():
        # Links are quicker than another installation, and pip does not mind.
        (site / tool.name).symlink_to(tool)
    return Environment(client, home, venv / "bin" / "python", site)
