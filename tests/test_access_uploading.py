"""Who may upload: every address that takes a POST, with every kind of caller."""

import ast
import inspect
import io
from collections.abc import Iterator
from http import HTTPMethod
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from eggproxy import front, paths
from tests.access_site import CALLERS, FILE, Site, open_site
from tests.distributions import Distribution, make_wheel
from tests.test_access_matrix import all_routes
from tests.uploading import TYPE, fields_of, form_of

ADDRESSES = ("/pypi/", "/pypi", "/simple/", "/simple", "/legacy/", "/legacy", "/")
"""All that take uploads."""

OTHERS = ("/pypi/acme-tool/", "/pypi/+tokens", "/pypi/token/", "/token", "/user", "/pypi/+stored/")
"""Some that do not, beside those that are read."""


METHODS = {*HTTPMethod, "MKCOL", "MOVE", "COPY", "LOCK", "PROPFIND", "PURGE", "QUERY"}
"""All that a server might be made to heed."""


class Project(NamedTuple):
    """A name to upload, and whether a rule lets anybody do so."""

    name: str
    is_closed: bool


ACME = Project("acme-new", is_closed=False)
PROJECTS = (ACME, Project("open-tool", is_closed=True), Project("wide-own", is_closed=True))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a site to which nobody has uploaded."""
    with open_site(tmp_path_factory.mktemp("uploading")) as site:
        yield site


def upload(site: Site, caller: str, path: str, wheel: Distribution, **fields: str) -> int:
    """Upload a file as some kind of caller; return the status."""
    body = form_of(fields_of(wheel, **fields), wheel.filename, wheel.content)
    environ = {"CONTENT_TYPE": TYPE, "CONTENT_LENGTH": str(len(body))}
    environ |= {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(body)}  # type: ignore[dict-item]
    return int(site.ask(caller, path, **environ)[0][:3])


def stored(folder: Path) -> list[Path]:
    """List what is among our own packages."""
    return sorted(folder.rglob("*.whl"))


def expected(caller: str, project: Project) -> int:
    """Say what becomes of an upload: the rules for acme-* are the same as those of reading it."""
    status = CALLERS[caller][0]
    if project.is_closed and status is None:
        return 403
    return status or 200


def words_of(*modules: ModuleType) -> set[str]:
    """Find every text that modules have in their code and in their constants."""
    trees = [ast.parse(inspect.getsource(module)) for module in modules]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    held = [value for module in modules for value in vars(module).values()]
    held += [each for value in held if isinstance(value, tuple | frozenset | set) for each in value]
    return {text for text in (*(node.value for node in nodes), *held) if isinstance(text, str)}


def probes() -> set[str]:
    """Make addresses of all that the code could tell addresses by, and of all rows."""
    words = {word.strip("/") for word in words_of(paths, front) if not word.count(" ")}
    folders = ("", *paths.PREFIXES, "/pypi/acme-tool", "/pypi/+other", "/pypi/+stored")
    made = {f"{folder}/{word}" for folder in folders for word in words}
    known = {route.path for route in all_routes()} | {*ADDRESSES, *OTHERS}
    return {path + end for path in made | known for end in ("", "/")}


def test_uploading__addresses() -> None:
    """Uploads go to the addresses of this matrix, and to no other that the code can know."""
    takes = {path for path in probes() if "POST" in paths.methods(path)}
    assert {path.rstrip("/") for path in takes} == {path.rstrip("/") for path in ADDRESSES}
    assert takes >= set(ADDRESSES)
    within = {path for path in probes() if "POST" in paths.methods(path, mounted="/prefix")}
    assert {path.rstrip("/") for path in within} == {""}


def test_uploading__methods() -> None:
    """No method but those of this matrix is in the code that decides, or is offered anywhere."""
    offered = {method for path in probes() for method in paths.methods(path)}
    spelled = {word for word in words_of(paths, front) if word in METHODS}
    assert offered == spelled == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
@pytest.mark.parametrize("path", ADDRESSES)
def test_uploading__matrix(site: Site, path: str, project: Project, caller: str) -> None:
    """Only who may upload a project has its file taken, wherever it is sent."""
    wheel = make_wheel(project.name, f"2.{list(CALLERS).index(caller)}")
    status = expected(caller, project)
    assert upload(site, caller, path, wheel) == status
    page = site.ask("user with right", f"/pypi/{project.name}/")[2]
    assert (wheel.filename.encode() in page) == (status == 200)


@pytest.mark.parametrize("name", ["Acme.New", "ACME--NEW", "acme_new"])
def test_uploading__any_spelling(site: Site, name: str) -> None:
    """The rule is that of the project, however its name is spelled."""
    wheel = make_wheel("acme-new", "3.0")
    assert upload(site, "user without right", "/pypi/", wheel, name=name) == 403
    assert upload(site, "user with right", "/pypi/", wheel, name=name) in {200, 400}


@pytest.mark.parametrize("claimed", ["acme-other", "open-tool"])
def test_uploading__under_another_name(site: Site, claimed: str) -> None:
    """A file of a closed project does not get in under a name that may be uploaded."""
    wheel = make_wheel("wide-own", "6.6")
    assert upload(site, "user with right", "/pypi/", wheel, name=claimed) in {400, 403}
    assert wheel.filename.encode() not in site.ask("user with right", "/pypi/wide-own/")[2]


@pytest.mark.parametrize("caller", ["anonymous", "user with right", "token with scope"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_uploading__no_other_way(site: Site, method: str, caller: str) -> None:
    """Nothing else can be changed over HTTP: no token made or widened, no file put or removed."""
    read = {route.path for route in all_routes()}
    for path in sorted((read | {*OTHERS, f"/pypi/acme-tool/{FILE}"}) - set(ADDRESSES)):
        assert site.ask(caller, path, REQUEST_METHOD=method)[0][:3] == "405"
    if method != "POST":
        for path in ADDRESSES:
            assert site.ask(caller, path, REQUEST_METHOD=method)[0][:3] == "405"
