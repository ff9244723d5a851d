"""Several indexes: who is asked for what, and what happens when one of them is down."""

import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.indexes import about, names, page, proxying, section
from tests.servers import BIN, JSON, Server, clean_environment, settings_of, wait_until
from tests.upstream import Upstream

WHEEL = "acme_tool-1.0-py3-none-any.whl"
OWNED = "projects = acme-*, internal-tool"


@pytest.fixture
def internal() -> Iterator[Upstream]:
    """Give an index of a company."""
    with Upstream() as index:
        yield index


@pytest.fixture
def public() -> Iterator[Upstream]:
    """Give an index of everybody."""
    with Upstream() as index:
        index.add("plain", "plain-1.0.tar.gz", b"plain")
        yield index


@pytest.fixture
def owning(tmp_path: Path, internal: Upstream, public: Upstream) -> Iterator[Server]:
    """Give a proxy over both, of which the first owns acme-*; the other has such names as well."""
    internal.add("acme-tool", WHEEL, b"ours", metadata=b"Name: acme-tool\n")
    public.add("acme-tool", "acme_tool-9.0-py3-none-any.whl", b"theirs", metadata=b"Name: x\n")
    public.add("acme-trap", "acme_trap-9.0-py3-none-any.whl", b"theirs")
    with two(tmp_path, internal, public, OWNED) as server:
        yield server


def two(
    tmp_path: Path, internal: Upstream, public: Upstream, *lines: str
) -> AbstractContextManager[Server]:
    """Run a proxy over both; the lines are the first one's."""
    both = section("internal", internal, *lines), section("public", public)
    return proxying(tmp_path, *both, timeout=20)


def test_first_wins__whole(tmp_path: Path, internal: Upstream, public: Upstream) -> None:
    """Of two indexes that have a project the first counts, whole, and the other is not asked."""
    internal.add("both", "both-1.0.tar.gz", b"ours")
    public.add("both", "both-2.0.tar.gz", b"theirs")
    with two(tmp_path, internal, public) as proxy:
        assert names(proxy, "both") == ["both-1.0.tar.gz"]
        assert proxy.get("/pypi/both/both-1.0.tar.gz").body == b"ours"
        assert proxy.get("/pypi/both/both-2.0.tar.gz").status == 404
    assert about(public, "both") == []


def test_first_wins__next(tmp_path: Path, internal: Upstream, public: Upstream) -> None:
    """What the first index has not comes from the next."""
    with two(tmp_path, internal, public) as proxy:
        assert proxy.get("/pypi/plain/plain-1.0.tar.gz").body == b"plain"
        assert proxy.get("/pypi/nowhere/").status == 404
    assert [len(about(index, "nowhere")) for index in (internal, public)] == [1, 1]


def test_first_wins__first_is_down(tmp_path: Path, internal: Upstream, public: Upstream) -> None:
    """While the first index is down nobody knows what it has: nothing comes from the next."""
    with two(tmp_path, internal, public) as proxy, internal.down():
        assert proxy.get("/pypi/plain/").status == 503
    assert about(public, "plain") == []


def test_first_wins__second_is_down(tmp_path: Path, internal: Upstream, public: Upstream) -> None:
    """What the first index has is fresh, whatever has become of the others."""
    internal.add("ours", "ours-1.0.tar.gz", b"ours")
    with two(tmp_path, internal, public) as proxy, public.down():
        assert proxy.get("/pypi/plain/").status == 503
        assert names(proxy, "ours") == ["ours-1.0.tar.gz"]
        assert proxy.get("/pypi/ours/ours-1.0.tar.gz").body == b"ours"


@pytest.mark.parametrize(
    "path",
    [
        "/pypi/acme-tool/",
        "/pypi/Acme.Tool/",
        "/pypi/acme-trap/",
        f"/pypi/acme-tool/{WHEEL}",
        f"/pypi/acme-tool/{WHEEL}.metadata",
        "/pypi/acme-tool/acme_tool-9.0-py3-none-any.whl",
        "/pypi/acme-tool/acme_tool-9.0-py3-none-any.whl.metadata",
        "/pypi/acme-trap/acme_trap-9.0-py3-none-any.whl",
        "/pypi/+stored/acme-tool/",
        "/pypi/+stored/acme-trap/acme_trap-9.0-py3-none-any.whl",
    ],
)
def test_owned__asked_nowhere_else(owning: Server, public: Upstream, path: str) -> None:
    """Whatever is asked about an owned name, no other index hears of it."""
    owning.get(path)
    assert about(public, "acme-t") == []


def test_owned__is_what_the_owner_has(owning: Server) -> None:
    """Of an owned project there is what its owner has; one that it has not does not exist."""
    assert names(owning, "acme-tool") == [WHEEL]
    assert owning.get(f"/pypi/acme-tool/{WHEEL}").body == b"ours"
    assert owning.get("/pypi/acme-trap/").status == 404


def test_owned__owner_is_asked_nothing_else(owning: Server, internal: Upstream) -> None:
    """An index that owns names is asked for those only."""
    assert names(owning, "plain") == ["plain-1.0.tar.gz"]
    assert about(internal, "plain") == []


def test_owned__owner_is_down(owning: Server, internal: Upstream, public: Upstream) -> None:
    """While its owner is down, a name that is not stored is refused with 503."""
    with internal.down():
        reply = owning.get("/pypi/acme-tool/")
        assert (reply.status, b"cannot be reached" in reply.body) == (503, True)
        assert owning.get(f"/pypi/acme-tool/{WHEEL}").status == 503
        assert names(owning, "plain") == ["plain-1.0.tar.gz"]
    assert about(public, "acme-t") == []


def test_owned__stored_and_owner_is_down(owning: Server, internal: Upstream) -> None:
    """What is stored of it is served meanwhile."""
    owning.get(f"/pypi/acme-tool/{WHEEL}")
    owning.age_pages(1e6)
    with internal.down():
        assert names(owning, "acme-tool") == [WHEEL]
        assert owning.get(f"/pypi/acme-tool/{WHEEL}").body == b"ours"


def test_owned__project_list(owning: Server, internal: Upstream, public: Upstream) -> None:
    """The list has the projects of all indexes; nothing but lists is asked for."""
    listed = owning.get("/pypi/", accept=JSON).body
    assert b"acme-tool" in listed
    assert b"plain" in listed
    assert {request.path for request in internal.requests + public.requests} == {"/simple/"}


def test_owned__update(
    tmp_path: Path, owning: Server, internal: Upstream, public: Upstream
) -> None:
    """`eggproxy update` asks each index for its own projects only."""
    for project in ("acme-tool", "plain"):
        assert names(owning, project)
    for index in (internal, public):
        index.forget()
    settings = settings_of("", owning.eggs, config=tmp_path / "eggproxy.conf")
    command = [str(BIN / "eggproxy"), "update", "--force"]
    environment = clean_environment(HOME=str(tmp_path), **settings)
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("2 of 2 pages asked about")
    assert [request.path for request in internal.requests] == ["/simple/acme-tool/"]
    assert [request.path for request in public.requests] == ["/simple/plain/"]


def test_owned__was_stored_from_elsewhere(
    tmp_path: Path, internal: Upstream, public: Upstream
) -> None:
    """A name that becomes owned is no longer served from what another index had, not even once."""
    public.add("acme-tool", WHEEL, b"theirs")
    with two(tmp_path, internal, public) as before:
        assert before.get(f"/pypi/acme-tool/{WHEEL}").body == b"theirs"
        assert before.stop() == 0
    with internal.down(), two(tmp_path, internal, public, OWNED) as proxy:
        assert proxy.get("/pypi/acme-tool/").status == 503
        assert proxy.get(f"/pypi/acme-tool/{WHEEL}").status == 503
        assert proxy.get("/pypi/+stored/acme-tool/").status == 404
        assert proxy.get(f"/pypi/+stored/acme-tool/{WHEEL}").status == 404


def test_owned__was_stored_from_elsewhere_and_is_had_anew(
    tmp_path: Path, internal: Upstream, public: Upstream
) -> None:
    """Once its owner answers, it is the owner's, page and file."""
    public.add("acme-tool", WHEEL, b"theirs")
    with two(tmp_path, internal, public) as before:
        assert before.get(f"/pypi/acme-tool/{WHEEL}").body == b"theirs"
        assert before.stop() == 0
    internal.add("acme-tool", WHEEL, b"ours")
    with two(tmp_path, internal, public, OWNED) as proxy:
        assert proxy.get(f"/pypi/acme-tool/{WHEEL}").body == b"ours"
        wait_until(lambda: proxy.get(f"/pypi/+stored/acme-tool/{WHEEL}").body == b"ours")


def test_switch__drops_what_the_other_had(
    tmp_path: Path, internal: Upstream, public: Upstream
) -> None:
    """When an earlier index gets a project, the files of the later one are no longer there."""
    public.add("both", "both-1.0.tar.gz", b"theirs")
    public.add("both", "both-1.1.tar.gz", b"theirs too")
    with two(tmp_path, internal, public) as proxy:
        for name in names(proxy, "both"):
            assert proxy.get(f"/pypi/both/{name}").status == 200
        internal.add("both", "both-1.0.tar.gz", b"ours")
        proxy.age_pages(1e6)
        assert names(proxy, "both") == ["both-1.0.tar.gz"]
        assert proxy.get("/pypi/both/both-1.0.tar.gz").body == b"ours"
        assert proxy.get("/pypi/both/both-1.1.tar.gz").status == 404


def test_merge__files_of_both(tmp_path: Path, internal: Upstream, public: Upstream) -> None:
    """An index that merges adds its files; of two of one name the first index's counts."""
    internal.add("both", "both-1.0.tar.gz", b"ours")
    public.add("both", "both-1.0.tar.gz", b"theirs")
    public.add("both", "both-2.0.tar.gz", b"theirs too")
    lines = section("internal", internal), section("public", public, "merge = yes")
    with proxying(tmp_path, *lines) as proxy:
        assert names(proxy, "both") == ["both-1.0.tar.gz", "both-2.0.tar.gz"]
        assert proxy.get("/pypi/both/both-1.0.tar.gz").body == b"ours"
        assert proxy.get("/pypi/both/both-2.0.tar.gz").body == b"theirs too"


def test_merge__only_the_second_has_it(
    tmp_path: Path, internal: Upstream, public: Upstream
) -> None:
    """One that merges may be the only one that has a project."""
    lines = section("internal", internal), section("public", public, "merge = yes")
    with proxying(tmp_path, *lines) as proxy:
        assert proxy.get("/pypi/plain/plain-1.0.tar.gz").body == b"plain"


def test_merge__not_of_owned(tmp_path: Path, internal: Upstream, public: Upstream) -> None:
    """Nothing is merged into a project that an index owns."""
    internal.add("acme-tool", WHEEL, b"ours")
    public.add("acme-tool", "acme_tool-9.0-py3-none-any.whl", b"theirs")
    lines = section("internal", internal, OWNED), section("public", public, "merge = yes")
    with proxying(tmp_path, *lines) as proxy:
        assert names(proxy, "acme-tool") == [WHEEL]
    assert about(public, "acme-t") == []


def test_merge__one_is_down(tmp_path: Path, internal: Upstream, public: Upstream) -> None:
    """While one that merges is down, a page that is not stored is refused, not cut short."""
    internal.add("both", "both-1.0.tar.gz", b"ours")
    lines = section("internal", internal), section("public", public, "merge = yes")
    with proxying(tmp_path, *lines) as proxy, public.down():
        assert proxy.get("/pypi/both/").status == 503


def test_health__tells_of_each(owning: Server, internal: Upstream) -> None:
    """One index that is down makes the whole not well, and is well again by itself."""
    assert b'"upstream": "ok"' in owning.get("/healthz").body
    with internal.down():
        owning.get("/pypi/acme-tool/")
        assert b'"upstream": "ok"' not in owning.get("/healthz").body
    wait_until(lambda: owning.get("/pypi/acme-tool/").status == 200)
    assert b'"upstream": "ok"' in owning.get("/healthz").body


def test_update_interval__of_each(tmp_path: Path, internal: Upstream, public: Upstream) -> None:
    """Each index has its own update_interval."""
    internal.add("acme-tool", WHEEL, b"ours")
    with two(tmp_path, internal, public, OWNED, "update_interval = 60s") as proxy:
        assert names(proxy, "acme-tool")
        assert names(proxy, "plain")
        proxy.age_pages(120)
        for project in ("acme-tool", "plain"):
            proxy.get(f"/pypi/{project}/")
        internal.wait_for(2, "/acme-tool/")
    assert len(about(public, "plain")) == 1


def test_timeout__of_each(tmp_path: Path, internal: Upstream, public: Upstream) -> None:
    """Each index has its own timeout: one that hangs is not waited for as long as the others."""
    internal.add("acme-tool", WHEEL, b"ours")
    with two(tmp_path, internal, public, OWNED, "timeout = 0.3") as proxy:
        gate = internal.hang()
        reply = proxy.get("/pypi/acme-tool/")
        gate.open()
    assert (reply.status, b"does not answer in time" in reply.body) == (503, True)


def test_page__names_nothing_of_the_index(owning: Server) -> None:
    """Clients do not see which index a file is from."""
    (file,) = page(owning, "acme-tool")["files"]
    assert file["url"] == WHEEL
