"""mod_wsgi from the Python Package Index, and its own command that runs an Apache with it."""

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import httpd

BUILT = Path(sys.prefix) / "built-for-tests"
"""Where the wheel is kept, which takes a compiler 12 s: it goes with the environment."""

_NEEDED = "a mod_wsgi that can be built (Debian's packages apache2-dev, gcc and python3-dev)"


@functools.cache
def program() -> Path:
    """Give `mod_wsgi-express` in an environment of its own, or skip or fail the test."""
    home = Path(tempfile.mkdtemp(prefix="eggproxy-express-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    home.chmod(0o755)
    python = home / "bin" / "python"
    _run([_python(), "-m", "venv", "--without-pip", str(home)])
    _pip(python, "install", "--no-index", str(_wheel()))
    return home / "bin" / "mod_wsgi-express"


def user_options() -> list[str]:
    """Say as whom it is to serve, as it wants to be told where root starts it."""
    user = httpd.SERVER_USER
    return ["--user", user, "--group", user] if os.getuid() == 0 else []


def _python() -> str:
    """Find the system's Python, which Apache's user can run wherever ours is."""
    python = shutil.which("python3", path=httpd.CLEAN_PATH) or httpd.lacking("Debian's python3")
    code = "import sys; print(*sys.version_info[:2])"
    found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    if found.stdout.split() != [str(number) for number in sys.version_info[:2]]:
        httpd.lacking(f"an environment of the Python that {python} is")
    return python


def _wheel() -> Path:
    """Build it, unless this environment has it already.

    pip's own cache does not tell a wheel for this Python from one for another of that version.
    """
    if not list(BUILT.glob("*.whl")):
        if not shutil.which("apxs", path=httpd.CLEAN_PATH):
            httpd.lacking(_NEEDED)
        BUILT.mkdir(exist_ok=True)
        options = ["--no-deps", "--no-cache-dir", "--no-binary", "mod_wsgi"]
        _pip(_python(), "wheel", *options, "--wheel-dir", str(BUILT), "mod_wsgi")
    return next(BUILT.glob("*.whl"))


def _pip(python: str | Path, *arguments: str) -> None:
    """Run this environment's pip, with this machine's settings, for another Python."""
    _run([sys.executable, "-m", "pip", "--python", str(python), *arguments])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        httpd.lacking(f"{_NEEDED}: {' '.join(command)}: {done.stderr[-1000:]}")
