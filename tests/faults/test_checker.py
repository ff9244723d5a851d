"""The checker finds what it is there to find."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.distributions import make_wheel
from tests.faults import checker
from tests.servers import serving, wait_until
from tests.upstream import Upstream

WHEEL = make_wheel("apple", "1.0", size=1000)


@pytest.fixture
def eggs(tmp_path: Path, upstream: Upstream) -> Path:
    """Give a directory with all that there can be of one project."""
    upstream.add("apple", WHEEL.filename, WHEEL.content, metadata=WHEEL.metadata, yanked="bad")
    with serving(tmp_path, upstream.index_url) as server:
        for path in ("", "apple/", f"apple/{WHEEL.filename}", f"apple/{WHEEL.filename}.metadata"):
            assert server.get(f"/pypi/{path}").status == 200
        # A file is sent before it has its name.
        wait_until(lambda: server.get("/pypi/+stored/apple/").status == 200)
        return server.eggs


def test_check__a_good_directory(eggs: Path) -> None:
    """A directory as eggproxy leaves it has no problem, and all of it was looked at."""
    report = checker.check(eggs)
    assert (report.problems, report.torn, report.unlisted) == ([], [], [])
    assert (report.projects, report.files) == (1, 2)


@pytest.mark.parametrize("name", [WHEEL.filename, f"{WHEEL.filename}.metadata"])
def test_check__a_wrong_byte(eggs: Path, name: str) -> None:
    """A file with a byte that upstream never sent is a problem."""
    content = bytearray((eggs / "apple" / name).read_bytes())
    content[10] ^= 1
    (eggs / "apple" / name).write_bytes(content)
    assert "promises" in checker.check(eggs).problems[0]


@pytest.mark.parametrize("name", ["index.html", "index.json", "stored.json", "index.json.gz"])
def test_check__half_a_page(eggs: Path, name: str) -> None:
    """A page that ends too soon is a problem."""
    page = eggs / "apple" / name
    page.write_bytes(page.read_bytes()[:-40])
    assert checker.check(eggs).problems


def test_check__two_generations(eggs: Path) -> None:
    """A page whose JSON is of another generation than its HTML is told of."""
    page = eggs / "apple" / "index.json"
    page.write_bytes(page.read_bytes().replace(b'"bad"', b'"worse"'))
    assert checker.check(eggs).torn == ["apple/index.json.gz", "apple"]


def test_check__a_missing_form(eggs: Path) -> None:
    """A page without its HTML, or its packed form, is told of."""
    (eggs / "apple" / "stored.html.gz").unlink()
    assert checker.check(eggs).torn == ["apple (stored lacks a form)"]


def test_check__what_does_not_belong(eggs: Path) -> None:
    """A stray file among the projects is a problem, and one on no page is told of."""
    (eggs / "stray").touch()
    (eggs / "apple" / "apple-9.0.tar.gz").touch()
    report = checker.check(eggs)
    assert report.unlisted == ["apple/apple-9.0.tar.gz"]
    assert len(report.problems) == 1


def test_check__a_stored_page_that_lies(eggs: Path) -> None:
    """A file that the page of stored ones names has to be there."""
    (eggs / "apple" / WHEEL.filename).unlink()
    assert "which is not there" in checker.check(eggs).problems[0]


def test_command__exits_with_1_for_problems(eggs: Path) -> None:
    """The script stands on its own, and says by its exit status whether all is well."""
    command = [sys.executable, "-I", checker.__file__, str(eggs)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    (eggs / "stray").touch()
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1
