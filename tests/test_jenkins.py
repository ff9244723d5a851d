"""The case that eggproxy was ordered for: Jenkins builds, and the public index is down."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients import programs
from tests.clients.publishing import publish
from tests.distributions import make_wheel
from tests.servers import Server, clean_environment, serving
from tests.upstream import Upstream

JENKINSFILE = Path(__file__).parent.parent / "etc" / "jenkins" / "Jenkinsfile"
DAY = 86400

BUILDOUT = """\
[buildout]
parts = demo

[demo]
recipe = zc.recipe.egg
eggs = Zope.Demo
interpreter = py
"""
TEST = """\
import unittest
import zope_demo, pastedemo

class Test(unittest.TestCase):
    def test_versions(self):
        self.assertEqual((zope_demo.version, pastedemo.version), ("1.0", "2.0"))
"""


def shell_steps() -> list[str]:
    """Take the scripts of all `sh` steps, in their order."""
    steps = re.findall(
        r"\bsh (?:'''(.*?)'''|'(.*?)'$)", JENKINSFILE.read_text(), re.DOTALL | re.MULTILINE
    )
    return [several or single for several, single in steps]


def variables(index: str) -> dict[str, str]:
    """Take the environment, with another index."""
    (block,) = re.findall(r"environment \{(.*?)\}\n    stages", JENKINSFILE.read_text(), re.DOTALL)
    found = dict(re.findall(r"""(\w+) = ['"](.*)['"]""", block))
    return {name: value.replace("${INDEX}", index) for name, value in found.items()} | {
        "INDEX": index
    }


def build(workspace: Path, index: str) -> None:
    """Run the steps in a fresh workspace, as Jenkins runs them; each must succeed."""
    (workspace / "tests").mkdir(parents=True)
    (workspace / "buildout.cfg").write_text(BUILDOUT)
    (workspace / "tests" / "test_demo.py").write_text(TEST)
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    environment = clean_environment(HOME=str(workspace), **variables(index)) | {"PATH": path}
    # There is no other way out.
    environment |= {"https_proxy": programs.NOBODY, "no_proxy": "127.0.0.1"}
    for number, step in enumerate(shell_steps()):
        script = workspace / f"step{number}.sh"
        script.write_text(step)
        done = subprocess.run(
            ["/bin/sh", "-xe", script],
            check=False,
            cwd=workspace,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=programs.PATIENCE,
        )
        assert done.returncode == 0, done.stdout


@pytest.fixture
def index(upstream: Upstream, tmp_path: Path) -> Upstream:
    """Give an index with zc.buildout and all that it needs, and a project."""
    programs._get("download", "--dest", str(tmp_path / "files"), "zc.buildout", "zc.recipe.egg")
    for file in (tmp_path / "files").iterdir():
        upstream.add(file.name.split("-")[0], file.name, file.read_bytes())
    publish(upstream, make_wheel("Zope.Demo", "1.0", requires=["PasteDemo"]))
    publish(upstream, make_wheel("PasteDemo", "2.0"))
    return upstream


@pytest.fixture
def proxy(index: Upstream, tmp_path: Path) -> Iterator[Server]:
    """Give a proxy over that index."""
    with serving(tmp_path, index.index_url) as server:
        yield server


def test_jenkinsfile__steps() -> None:
    """The steps are those that are expected, so that none is left out."""
    assert [step.split()[-1] for step in shell_steps()] == [
        "zc.buildout",
        '"buildout:index=$INDEX"',
        "tests",
    ]
    assert JENKINSFILE.read_text().count("sh '") == len(shell_steps())


def test_jenkins__green_without_upstream(proxy: Server, index: Upstream, tmp_path: Path) -> None:
    """What was built once is built again, from nothing, when the public index is down."""
    build(tmp_path / "first", proxy.index)
    proxy.age_pages(DAY)
    before = len(proxy.log)
    with index.down():
        build(tmp_path / "second", proxy.index)
    assert " GET /pypi/zope-demo/ 200 " in proxy.log[before:]
    assert "fwd=uri-miss" not in proxy.log[before:]
