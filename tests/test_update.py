"""`eggproxy update`: all stored pages, asked about before anybody waits for them."""

import subprocess
from pathlib import Path

import pytest

from tests.servers import BIN, Server, clean_environment, serving, settings_of
from tests.upstream import Upstream


@pytest.fixture
def stored(tmp_path: Path, upstream: Upstream) -> Server:
    """Give a server that has stored the pages of three projects, and has ended."""
    for name in ("one", "two", "three"):
        upstream.add(name, f"{name}-1.0.tar.gz", name.encode())
    with serving(tmp_path, upstream.index_url) as server:
        for name in ("one", "two", "three"):
            assert server.get(f"/pypi/{name}/").status == 200
    upstream.forget()
    return server


def update(server: Server, upstream: Upstream, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command over the server's directory."""
    home = server.eggs.parent
    return subprocess.run(
        [BIN / "eggproxy_update", *options],
        env=clean_environment(HOME=str(home), **settings_of(upstream.index_url, server.eggs)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_update__fresh_pages_are_left_alone(stored: Server, upstream: Upstream) -> None:
    """Pages younger than update_interval are not asked about, unless forced."""
    result = update(stored, upstream)
    assert (result.returncode, upstream.requests) == (0, [])
    assert result.stdout.startswith("0 of 3 pages asked about")
    assert update(stored, upstream, "--force").stdout.startswith("3 of 3 pages asked about")
    assert len(upstream.requests) == 3


def test_update__stale_pages_are_renewed(stored: Server, upstream: Upstream) -> None:
    """Stale pages are revalidated; one line sums up what came of it."""
    upstream.add("two", "two-2.0.tar.gz", b"newer")
    stored.age_pages(3600)
    result = update(stored, upstream)
    assert result.returncode == 0
    assert "3 of 3 pages asked about: 1 changed, 2 unchanged, 0 failed" in result.stdout
    assert "two-2.0.tar.gz" in (stored.eggs / "two" / "index.html").read_text()
    assert update(stored, upstream).stdout.startswith("0 of 3")


def test_update__failures(stored: Server, upstream: Upstream) -> None:
    """If some cannot be asked about, each is named, the others are renewed, the status is 1."""
    stored.age_pages(3600)
    upstream.fail("page", status=500, only="/one/")
    result = update(stored, upstream)
    assert result.returncode == 1
    assert "2 unchanged, 1 failed" in result.stdout
    assert "one: Upstream" in result.stderr
    assert "Traceback" not in result.stderr
    assert "one-1.0.tar.gz" in (stored.eggs / "one" / "index.html").read_text()


def test_update__nothing_stored(tmp_path: Path, upstream: Upstream) -> None:
    """Over an empty directory there is nothing to do, and that is no failure."""
    with serving(tmp_path, upstream.index_url) as server:
        result = update(server, upstream)
    assert (result.returncode, upstream.requests) == (0, [])


def test_update__waits_for_the_end_of_an_outage(stored: Server, upstream: Upstream) -> None:
    """A moment of trouble upstream costs no page its update."""
    stored.age_pages(3600)
    upstream.fail("page", status=503, times=1)
    result = update(stored, upstream)
    assert "3 of 3 pages asked about" in result.stdout
    assert "2 unchanged, 1 failed" in result.stdout


def test_update__upstream_is_down(stored: Server, upstream: Upstream) -> None:
    """Where there is no hope it ends, and names each page."""
    stored.age_pages(3600)
    with upstream.down():
        result = update(stored, upstream)
    assert result.returncode == 1
    assert "3 failed" in result.stdout
    assert all(f"{name}: Upstream" in result.stderr for name in ("one", "two", "three"))


def test_update__offline(stored: Server, upstream: Upstream) -> None:
    """A proxy that is to ask nobody updates nothing, and names the setting."""
    result = update(stored, upstream, "--offline", "1")
    assert (result.returncode, result.stdout, upstream.requests) == (2, "", [])
    assert result.stderr.startswith("eggproxy: The option --offline forbids asking the index:")
