"""zc.buildout 2.13 and easy_install of setuptools 44, on an old Python, where pyenv has one."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients import programs

PYTHON = "2.7"
RECIPE = "zc.recipe.egg-2.0.7.tar.gz"
"""The last one for that Python; there is no wheel of it."""

_TOOLS = ("zc.buildout==2.13.8", "setuptools==44.1.1", "wheel==0.37.1")
_ONLY_WHEELS = ("--no-deps", "--only-binary=:all:", f"--python-version={PYTHON}")
_THIS_MACHINE = (
    *("--implementation=cp", "--abi=cp27mu"),
    *("--platform=manylinux1_x86_64", "--platform=manylinux2010_x86_64"),
)


def find_python() -> Path:
    """Find the interpreter, or leave the test out, in CI too: no distribution has it any more."""
    found = []
    if pyenv := shutil.which("pyenv"):
        done = subprocess.run([pyenv, "root"], check=True, capture_output=True, text=True)
        found = sorted(Path(done.stdout.strip()).glob(f"versions/{PYTHON}.*/bin/python"))
    return found[-1] if found else pytest.skip(f"left out: pyenv has no Python {PYTHON} here")


def get_tools(directory: Path) -> Path:
    """Get what runs on that Python, into a directory for its `site.addsitedir`."""
    return programs.get_tools(directory, *_ONLY_WHEELS, *_TOOLS)


def get_wheels(directory: Path, *requirements: str) -> list[Path]:
    """Get wheels for that Python."""
    options = [*_ONLY_WHEELS, *_THIS_MACHINE, "--dest", str(directory)]
    programs._get("download", *options, *requirements)
    return sorted(directory.glob("*.whl"))
