"""What the clients of the proxy's first life do: easy_install and zc.buildout."""

from pathlib import Path

from tests.clients import programs
from tests.clients.programs import Client, Run, make_environment


def easy_install(client: Client, home: Path, index: str, name: str) -> Run:
    """Let easy_install put a project and what it needs into `home/eggs`."""
    environment = make_environment(client, home)
    (home / "setup.py").write_text("from setuptools import setup\nsetup(name='x')\n")
    (home / "eggs").mkdir()
    options = ["--index-url", index, "--install-dir", "eggs"]
    settings = {"PYTHONPATH": str(home / "eggs")}
    command = [str(environment.python), "setup.py", "easy_install", *options, name]
    return programs.run(command, home, settings)


def build(client: Client, home: Path, index: str, name: str) -> Run:
    """Let zc.buildout make `bin/py` with a project, by a recipe that it has from the index too."""
    environment = make_environment(client, home)
    (home / "buildout.cfg").write_text(
        f"[buildout]\nparts = demo\nindex = {index}\n"
        f"[demo]\nrecipe = zc.recipe.egg\neggs = {name}\ninterpreter = py\n"
    )
    main = "from zc.buildout.buildout import main; main()"
    return programs.run([environment.python, "-c", main], home)
