"""What upstream leaves out of its pages is found out, told apart from its own words, and kept."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eggproxy.completion.versions import likely
from eggproxy.model import File
from eggproxy.names import MAX_FILENAME, METADATA, normalize
from tests.distributions import make_sdist, make_wheel
from tests.frontends import FRONT_ENDS
from tests.servers import JSON, Server, serving, wait_until
from tests.upstream import Upstream

WHEEL = make_wheel("foo", "1.0", requires=["bar>=2"], python=">=3.8", size=300_000)
SDIST = make_sdist("foo", "1.0")
MODIFIED = "Tue, 02 Jan 2024 03:04:05 GMT"


@pytest.fixture
def bare(upstream: Upstream) -> Upstream:
    """Give an index of HTML without times and metadata, whose files say when they changed."""
    upstream.form, upstream.api_version = "html", "1.0"
    upstream.file_headers["Last-Modified"] = MODIFIED
    upstream.add("foo", WHEEL.filename, WHEEL.content, size=False, upload_time=None)
    upstream.add("foo", SDIST.filename, SDIST.content, size=False, upload_time=None)
    return upstream


@pytest.fixture
def server(tmp_path: Path, bare: Upstream) -> Iterator[Server]:
    """Give a proxy that completes metadata."""
    with serving(tmp_path, bare.index_url, complete_metadata=1) as server:
        yield server


def page(server: Server, project: str = "foo") -> dict[str, Any]:
    """Ask for a project's page in JSON."""
    return dict(json.loads(server.get(f"/pypi/{project}/", accept=JSON).body))


def files(server: Server, project: str = "foo") -> dict[str, dict[str, Any]]:
    """Ask for the files on a project's page, by name."""
    return {file["filename"]: file for file in page(server, project)["files"]}


def completed(server: Server, project: str = "foo") -> dict[str, dict[str, Any]]:
    """Wait until every file has been looked at, and give them."""
    wait_until(lambda: all("_eggproxy" in file for file in files(server, project).values()))
    return files(server, project)


def test_complete__wheel(server: Server) -> None:
    """A wheel gets size, time, requires-python and the digest of its metadata, named as ours."""
    wheel = completed(server)[WHEEL.filename]
    assert wheel["size"] == len(WHEEL.content)
    assert wheel["upload-time"] == "2024-01-02T03:04:05.000000Z"
    assert wheel["requires-python"] == ">=3.8"
    assert wheel["core-metadata"] == {"sha256": hashlib.sha256(WHEEL.metadata).hexdigest()}
    assert wheel["_eggproxy"] == {
        "completed": ["core-metadata", "requires-python", "size", "upload-time"]
    }


def test_complete__sdist(server: Server) -> None:
    """An sdist gets size and time."""
    sdist = completed(server)[SDIST.filename]
    assert sdist["size"] == len(SDIST.content)
    assert sdist["_eggproxy"] == {"completed": ["size", "upload-time"]}
    assert "core-metadata" not in sdist


def test_complete__claims_what_has_become_true(server: Server) -> None:
    """A page of which all files have sizes names its versions, and claims API 1.1."""
    completed(server)
    assert page(server)["versions"] == ["1.0"]
    assert page(server)["meta"]["api-version"] == "1.1"


def test_complete__metadata_can_be_had(server: Server, bare: Upstream) -> None:
    """The metadata are served by the proxy, to the byte; the wheel itself never moved."""
    completed(server)
    reply = server.get(f"/pypi/foo/{WHEEL.filename}.metadata")
    assert (reply.status, reply.body) == (200, WHEEL.metadata)
    assert sum(r.sent for r in bare.asked(WHEEL.filename)) < len(WHEEL.content) / 10
    html = server.get("/pypi/foo/").body.decode()
    assert f'data-core-metadata="sha256={hashlib.sha256(WHEEL.metadata).hexdigest()}"' in html


def test_complete__metadata_of_a_stored_wheel(tmp_path: Path, bare: Upstream) -> None:
    """A host that sends no parts of files is no hindrance, once the wheel has come."""
    bare.ranges = False
    with serving(tmp_path, bare.index_url, complete_metadata=1) as server:
        assert "core-metadata" not in completed(server)[WHEEL.filename]
        assert server.get(f"/pypi/foo/{WHEEL.filename}").body == WHEEL.content
        wait_until(lambda: "core-metadata" in files(server)[WHEEL.filename])
        assert server.get(f"/pypi/foo/{WHEEL.filename}.metadata").body == WHEEL.metadata


def test_complete__metadata_removed_by_hand(server: Server) -> None:
    """Metadata that somebody removed from the disk are read once more."""
    completed(server)
    (server.eggs / "foo" / f"{WHEEL.filename}.metadata").unlink()
    assert server.get(f"/pypi/foo/{WHEEL.filename}.metadata").body == WHEEL.metadata


def test_complete__survives_a_new_page(server: Server, bare: Upstream) -> None:
    """What was completed stays on a new page, and nobody is asked about it again."""
    before = completed(server)
    newer = make_sdist("foo", "2.0")
    bare.add("foo", newer.filename, newer.content, size=False, upload_time=None)
    bare.forget()
    server.age_pages(10_000)
    after = files(server)
    assert {name: after[name] for name in before} == before
    assert "_eggproxy" in completed(server)[newer.filename]
    assert [r.path for r in bare.asked(kind="file")] == [f"/files/foo/{newer.filename}"]
    assert page(server)["versions"] == ["1.0", "2.0"]


def test_complete__survives_the_process(tmp_path: Path, bare: Upstream) -> None:
    """Another process asks nothing that was found out before."""
    with serving(tmp_path, bare.index_url, complete_metadata=1) as server:
        before = completed(server)
    bare.forget()
    with serving(tmp_path, bare.index_url, complete_metadata=1) as server:
        server.age_pages(10_000)
        assert files(server) == before
        # Something that is incomplete comes after it, when its turn had come.
        bare.add("bar", "bar-1.zip", b"bar", size=False, upload_time=None)
        completed(server, "bar")
    assert bare.asked("foo-1.0.tar.gz") == bare.asked(WHEEL.filename) == []


def test_complete__upstreams_own_word_counts(server: Server, bare: Upstream) -> None:
    """What upstream says itself later replaces what was completed, and is not named ours."""
    completed(server)
    other = make_wheel("foo", "1.0", requires=["baz"])
    bare.add("foo", WHEEL.filename, WHEEL.content, metadata=other.metadata, size=False)
    server.age_pages(10_000)
    wheel = files(server)[WHEEL.filename]
    assert wheel["upload-time"] == "2024-01-02T03:04:05.000000Z"
    assert wheel["_eggproxy"] == {"completed": ["requires-python", "size", "upload-time"]}
    reply = server.get(f"/pypi/foo/{WHEEL.filename}.metadata")
    assert (reply.status, reply.body) == (200, other.metadata)


def test_complete__other_bytes_under_the_name(server: Server, bare: Upstream) -> None:
    """A file that upstream replaced is looked at anew."""
    completed(server)
    other = make_wheel("foo", "1.0", requires=["baz"], size=200_000)
    bare.add("foo", WHEEL.filename, other.content, size=False, upload_time=None)
    server.age_pages(10_000)
    wait_until(lambda: files(server)[WHEEL.filename].get("size") == len(other.content))
    assert server.get(f"/pypi/foo/{WHEEL.filename}.metadata").body == other.metadata


def test_complete__nothing_is_missing(tmp_path: Path, upstream: Upstream) -> None:
    """Where upstream says all, it is asked nothing beside its page."""
    upstream.add("foo", WHEEL.filename, WHEEL.content, metadata=WHEEL.metadata)
    upstream.add("bar", "bar-1.zip", b"bar", size=False)
    with serving(tmp_path, upstream.index_url, complete_metadata=1) as server:
        assert "_eggproxy" not in files(server)[WHEEL.filename]
        completed(server, "bar")
    assert upstream.asked(WHEEL.filename) == []


def test_complete__switched_off(tmp_path: Path, bare: Upstream) -> None:
    """With `complete_metadata = 0` upstream is asked for nothing that nobody wanted."""
    with serving(tmp_path, bare.index_url, complete_metadata=0) as server:
        assert "size" not in files(server)[WHEEL.filename]
        assert server.get(f"/pypi/foo/{SDIST.filename}").body == SDIST.content
    assert bare.asked(kind="file", path=WHEEL.filename) == []


def test_complete__damaged_wheel(tmp_path: Path, bare: Upstream) -> None:
    """Of a wheel that cannot be trusted no metadata is promised; it is not asked for twice."""
    bare.add("foo", WHEEL.filename, WHEEL.content + b"junk", size=False, upload_time=None)
    with serving(tmp_path, bare.index_url, complete_metadata=1) as server:
        wheel = completed(server)[WHEEL.filename]
        assert "core-metadata" not in wheel
        assert wheel["size"] == len(WHEEL.content) + 4
        assert server.get(f"/pypi/foo/{WHEEL.filename}.metadata").status == 404


def test_complete__longest_name(tmp_path: Path, bare: Upstream) -> None:
    """Metadata of a wheel with the longest name that leaves room for theirs can be had."""
    longest = MAX_FILENAME - len(METADATA)
    version = f"1.{'0' * (longest - 24)}"
    wheel = make_wheel("long", version)
    assert len(wheel.filename) == longest
    bare.add("long", wheel.filename, wheel.content, size=False, upload_time=None)
    with serving(tmp_path, bare.index_url, complete_metadata=1) as server:
        assert "core-metadata" in completed(server, "long")[wheel.filename]
        assert server.get(f"/pypi/long/{wheel.filename}.metadata").body == wheel.metadata
        assert server.get(f"/pypi/long/{wheel.filename}").body == wheel.content
        wait_until(lambda: server.get("/pypi/+stored/long/").status == 200)
        stored = json.loads(server.get("/pypi/+stored/long/", accept=JSON).body)
        assert "core-metadata" in stored["files"][0]


def test_complete__legacy_api(tmp_path: Path, bare: Upstream) -> None:
    """An index with the legacy JSON API is asked once for all, and no file is."""
    listed = [
        {"filename": made.filename, "size": len(made.content), "digests": {}}
        | {"upload_time_iso_8601": "2020-02-02T02:02:02.123456Z"}
        for made in (WHEEL, SDIST)
    ]
    body = json.dumps({"info": {}, "releases": {"1.0": listed}}).encode()
    bare.path_override["/pypi/foo/json"] = (200, {"Content-Type": "application/json"}, body)
    with serving(tmp_path, bare.index_url, complete_metadata=1) as server:
        assert completed(server)[SDIST.filename]["upload-time"] == "2020-02-02T02:02:02.123456Z"
    assert bare.asked(SDIST.filename) == []


def test_complete__no_legacy_api_is_remembered(tmp_path: Path, bare: Upstream) -> None:
    """An index without that API is asked for it once, whatever the number of projects."""
    bare.add("bar", "bar-1.zip", b"bar", size=False, upload_time=None)
    with serving(tmp_path, bare.index_url, complete_metadata=1) as server:
        completed(server)
        completed(server, "bar")
    assert len(bare.asked("/json")) == 1


def test_complete__upstream_is_busy(tmp_path: Path, bare: Upstream) -> None:
    """A host that has no time for our questions still gives files to those who want them."""
    bare.fail("file", status=429, times=1)
    with serving(tmp_path, bare.index_url, complete_metadata=1) as server:
        files(server)
        bare.wait_for(1, kind="file")
        assert server.get(f"/pypi/foo/{SDIST.filename}").body == SDIST.content


def test_complete__no_head(tmp_path: Path, bare: Upstream) -> None:
    """A host without HEAD is asked for the first byte instead."""
    bare.head_status = 405
    with serving(tmp_path, bare.index_url, complete_metadata=1) as server:
        assert completed(server)[SDIST.filename]["size"] == len(SDIST.content)
    assert sum(r.sent for r in bare.asked(SDIST.filename)) <= 1


def test_complete__by_one_process_of_several(tmp_path: Path, bare: Upstream) -> None:
    """However many processes serve a page, each file is looked at once."""
    for number in range(20):
        bare.add("foo", f"foo-2.{number}.tar.gz", b"x", size=False, upload_time=None)
    with serving(tmp_path, bare.index_url, workers=3, complete_metadata=1, update_interval=0) as s:
        wait_until(lambda: all("_eggproxy" in file for file in files(s).values()))
    looked = [r.path for r in bare.asked(kind="file") if r.method == "HEAD"]
    assert len(looked) == len(set(looked)) == 21


def test_complete__offline(tmp_path: Path, bare: Upstream) -> None:
    """Offline nothing is asked, and what was completed before is there."""
    with serving(tmp_path, bare.index_url, complete_metadata=1) as server:
        before = completed(server)
    bare.forget()
    with serving(
        tmp_path, bare.index_url, complete_metadata=1, offline=1, outage_pages="all"
    ) as server:
        assert files(server) == before
        assert server.get(f"/pypi/foo/{WHEEL.filename}.metadata").body == WHEEL.metadata
    assert bare.requests == []


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_complete__in_every_front_end(tmp_path: Path, bare: Upstream, front_end: str) -> None:
    """Threads in the background get their time inside every server."""
    with serving(tmp_path, bare.index_url, front_end=front_end, complete_metadata=1) as server:
        assert completed(server)[WHEEL.filename]["size"] == len(WHEEL.content)
        assert server.get(f"/pypi/foo/{WHEEL.filename}.metadata").body == WHEEL.metadata


@pytest.mark.parametrize(
    ("versions", "yanked", "expected"),
    [
        (["1.0", "2.0", "2.1rc1"], "", ["2.0"]),
        (["1.0", "2.0"], "2.0", ["1.0"]),
        (["1.0rc1", "1.0rc2"], "", ["1.0rc2"]),
        (["1.0", "1.0.0"], "", ["1.0", "1.0.0"]),
        ([], "", []),
    ],
)
def test_likely(versions: list[str], yanked: str, expected: list[str]) -> None:
    """Most clients choose from the newest version that is final and not yanked."""
    names = {version: f"foo-{version}-py3-none-any.whl" for version in versions}
    listed = [
        File(filename=name, url="", hashes={}, yanked=version == yanked)
        for version, name in names.items()
    ]
    found = [file.filename for file in likely(normalize("foo"), listed)]
    assert found == [names[version] for version in expected]
