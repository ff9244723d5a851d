"""What upstream takes back: yanked files, quarantined projects; and what leads elsewhere."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.distributions import make_wheel
from tests.servers import JSON, Server, serving
from tests.upstream import Upstream
from tests.upstream_pages import Form

WHEEL = make_wheel("foo", "1.0")
PATH = f"/pypi/foo/{WHEEL.filename}"
DAY = 86400


def entry(server: Server) -> dict[str, Any]:
    """Ask for the page, and give its one file."""
    (file,) = json.loads(server.get("/pypi/foo/", accept=JSON).body)["files"]
    return dict(file)


@pytest.fixture
def single(tmp_path: Path, upstream: Upstream) -> Iterator[Server]:
    """Give one proxy, of the front end that starts soonest."""
    with serving(tmp_path, upstream.index_url) as server:
        yield server


@pytest.fixture
def published(upstream: Upstream) -> Upstream:
    """Give an index with a wheel."""
    upstream.add("foo", WHEEL.filename, WHEEL.content, metadata=WHEEL.metadata)
    return upstream


@pytest.mark.parametrize("form", ["json", "html"])
def test_yank__and_back_within_update_interval(
    single: Server, published: Upstream, form: Form
) -> None:
    """A yank, its reason and its end show once the page is stale, in both forms (PEP 592)."""
    published.form = form
    assert not entry(single).get("yanked")
    file = published.projects["foo"].files[WHEEL.filename]
    for yanked in ("wrong <tag>", True, False):
        file["yanked"] = yanked
        single.age_pages(DAY)
        assert entry(single).get("yanked", False) == yanked
        assert ("data-yanked" in single.get("/pypi/foo/").body.decode()) == bool(yanked)
    assert single.get(PATH).body == WHEEL.content


def test_quarantine__offers_no_file(proxy: Server, published: Upstream) -> None:
    """A quarantined project has no files on its page, and stored ones are not served (PEP 792)."""
    assert proxy.get(PATH).status == 200
    assert proxy.get(f"{PATH}.metadata").status == 200
    published.projects["foo"].keys["project-status"] = {"status": "quarantined", "reason": "bad"}
    proxy.age_pages(DAY)
    page = json.loads(proxy.get("/pypi/foo/", accept=JSON).body)
    assert page["files"] == []
    assert page["project-status"] == {"status": "quarantined", "reason": "bad"}
    assert b"quarantined" in proxy.get("/pypi/foo/").body
    assert [proxy.get(path).status for path in (PATH, f"{PATH}.metadata")] == [404, 404]
    assert proxy.get("/pypi/+stored/foo/").status == 404


def test_quarantine__ends(single: Server, published: Upstream) -> None:
    """When upstream offers the files again, so do we."""
    keys = published.projects["foo"].keys
    assert single.get(PATH).status == 200
    for status, answer in (("quarantined", 404), ("active", 200)):
        keys["project-status"] = {"status": status}
        single.age_pages(DAY)
        single.get("/pypi/foo/")
        assert single.get(PATH).status == answer
