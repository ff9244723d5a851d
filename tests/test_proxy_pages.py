"""Pages through every front end: what clients see, and what upstream is asked."""

import gzip
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers import HTML_V1, JSON, Reply, Server, serving, wait_until
from tests.upstream import Upstream

PIP_ACCEPT = f"{JSON}, {HTML_V1}; q=0.1, text/html; q=0.01"


@pytest.fixture(autouse=True)
def _a_project(upstream: Upstream) -> None:
    """Upstream has one project, with a wheel and its metadata."""
    upstream.add(
        "Foo.Bar",
        "foo_bar-1.0-py3-none-any.whl",
        b"a wheel",
        metadata=b"its metadata",
        requires_python=">=3.8",
        yanked='a <b> & "c"',
    )


def status_of(reply: Reply) -> str:
    """Read how the cache came by an answer."""
    return str(reply.headers["Cache-Status"])


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        ("text/html", "text/html; charset=utf-8"),
        (PIP_ACCEPT, JSON),
        (HTML_V1, f"{HTML_V1}; charset=utf-8"),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("image/png", "text/html; charset=utf-8"),
    ],
)
def test_page__negotiated(proxy: Server, accept: str | None, content_type: str) -> None:
    """Each client gets the form it can read, HTML if it names none, and never a 406."""
    headers = {} if accept is None else {"Accept": accept}
    reply = proxy.get("/pypi/foo-bar/", **headers)
    assert (reply.status, reply.headers["Content-Type"]) == (200, content_type)
    assert {part.strip() for part in reply.headers["Vary"].split(",")} == {
        "Accept",
        "Accept-Encoding",
    }


def test_page__format_beats_accept(proxy: Server) -> None:
    """A `?format=` wins over the Accept header."""
    reply = proxy.get("/pypi/foo-bar/?format=application/vnd.pypi.simple.v1%2Bjson")
    assert reply.headers["Content-Type"] == JSON


def test_page__json_is_complete(proxy: Server) -> None:
    """The JSON page says all that upstream said, with links relative to itself."""
    page = json.loads(proxy.get("/pypi/foo-bar/", Accept=JSON).body)
    (file,) = page["files"]
    assert page["meta"]["api-version"] == "1.4"
    assert file["url"] == file["filename"] == "foo_bar-1.0-py3-none-any.whl"
    assert file["yanked"] == 'a <b> & "c"'
    assert file["core-metadata"].keys() == {"sha256"}
    assert (file["size"], file["requires-python"]) == (7, ">=3.8")


def test_page__html_is_escaped(proxy: Server) -> None:
    """The HTML page has the same, escaped."""
    page = proxy.get("/pypi/foo-bar/").body.decode()
    assert 'data-yanked="a &lt;b&gt; &amp; &quot;c&quot;"' in page
    assert 'data-requires-python="&gt;=3.8"' in page
    assert re.search(r'<a href="foo_bar-1\.0-py3-none-any\.whl#sha256=[0-9a-f]{64}"', page)


@pytest.mark.parametrize("path", ["/pypi/Foo.Bar/", "/simple/foo_bar/", "/pypi/FOO--bar/"])
def test_page__unnormalized_name(proxy: Server, upstream: Upstream, path: str) -> None:
    """A name as a person writes it is answered directly, and asked for normalized."""
    assert proxy.get(path).status == 200
    assert [request.path for request in upstream.requests] == ["/simple/foo-bar/"]


@pytest.mark.parametrize("path", ["/pypi", "/pypi/foo-bar", "/simple/Foo.Bar"])
def test_page__missing_slash(proxy: Server, upstream: Upstream, path: str) -> None:
    """A missing slash redirects to the same path with one, and asks upstream nothing."""
    reply = proxy.get(path)
    assert (reply.status, reply.headers["Location"]) == (301, f"{path}/")
    assert upstream.requests == []


def test_page__gzip_only_when_asked_for(proxy: Server) -> None:
    """A packed page goes only to who asked for one, and holds the same."""
    plain = proxy.get("/pypi/foo-bar/")
    packed = proxy.get("/pypi/foo-bar/", accept_encoding="gzip, deflate")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body


def test_page__etag_and_304(proxy: Server) -> None:
    """Each representation has a strong ETag of its own, which gives a 304."""
    variants: list[dict[str, str]] = [
        {},
        {"Accept": JSON},
        {"accept_encoding": "gzip"},
        {"Accept": JSON, "accept_encoding": "gzip"},
    ]
    etags = set()
    for headers in variants:
        etag = proxy.get("/pypi/foo-bar/", **headers).headers["ETag"]
        again = proxy.get("/pypi/foo-bar/", **headers, if_none_match=f'W/"x", {etag}')
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
        assert again.headers["Vary"]
        etags.add(etag)
    assert len(etags) == 4
    assert all(etag.startswith('"') for etag in etags)


def test_page__head(proxy: Server) -> None:
    """HEAD has the headers of GET, and no body."""
    got, head = proxy.get("/pypi/foo-bar/"), proxy.head("/pypi/foo-bar/")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(got.body))
    assert head.headers["ETag"] == got.headers["ETag"]


def test_page__fresh_asks_nothing(proxy: Server, upstream: Upstream) -> None:
    """A fresh page is served without a word to upstream, in every form."""
    assert "fwd=uri-miss" in status_of(proxy.get("/pypi/foo-bar/"))
    upstream.forget()
    for accept in ("text/html", JSON, HTML_V1):
        reply = proxy.get("/pypi/foo-bar/", Accept=accept)
        assert status_of(reply) == "eggproxy; hit"
        assert reply.headers["Cache-Control"] == "no-cache"
    assert upstream.requests == []


@pytest.mark.parametrize("etags", [True, False])
def test_page__stale_is_revalidated(proxy: Server, upstream: Upstream, *, etags: bool) -> None:
    """A page past its lifetime is revalidated; unchanged, its bytes stay the same."""
    upstream.etags = etags
    first = proxy.get("/pypi/foo-bar/")
    proxy.age_pages(3600)
    again = proxy.get("/pypi/foo-bar/")
    assert f"fwd-status={304 if etags else 200}" in status_of(again)
    assert again.headers["ETag"] == first.headers["ETag"]
    assert status_of(proxy.get("/pypi/foo-bar/")) == "eggproxy; hit"
    assert len(upstream.requests) == 2


def test_page__new_release_is_seen(proxy: Server, upstream: Upstream) -> None:
    """When a page is stale and upstream has changed, all forms show the new file."""
    old = proxy.get("/pypi/foo-bar/")
    upstream.add("foo-bar", "foo_bar-2.0-py3-none-any.whl", b"newer")
    proxy.age_pages(3600)
    new = proxy.get("/pypi/foo-bar/", if_none_match=old.headers["ETag"])
    assert new.status == 200
    assert b"foo_bar-2.0" in new.body
    assert b"foo_bar-2.0" in proxy.get("/pypi/foo-bar/", Accept=JSON).body


def test_page__stale_if_upstream_fails(proxy: Server, upstream: Upstream) -> None:
    """With upstream down, failing or senseless the stored page is served, and says so."""
    page = proxy.get("/pypi/foo-bar/")
    proxy.age_pages(3600)
    with upstream.down():
        stale = proxy.get("/pypi/foo-bar/")
    assert (stale.status, stale.body) == (200, page.body)
    assert "fwd=stale" in status_of(stale)
    assert int(stale.headers["Age"]) >= 3600


@pytest.mark.parametrize(
    "override",
    [
        (500, {}, b"oops"),
        (404, {}, b"gone"),
        (403, {}, b"no"),
        (200, {"Content-Type": "text/html"}, b"<form action=login><input name=password></form>"),
        (200, {"Content-Type": "image/png"}, b"\x89PNG"),
        (200, {"Content-Type": JSON}, b'{"meta":{"api-version":"1.0"},"name":"foo-bar","fil'),
        (200, {"Content-Type": JSON}, b'{"meta":{"api-version":"1.0"},"name":"six","files":[]}'),
        (200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>none</title>"),
    ],
    ids=["500", "404", "403", "login", "png", "truncated", "other-project", "emptied"],
)
def test_page__no_answer_replaces_a_good_page(
    proxy: Server, upstream: Upstream, override: tuple[int, dict[str, str], bytes]
) -> None:
    """No error and no senseless 200 ever takes the place of a stored page."""
    page = proxy.get("/pypi/foo-bar/")
    upstream.page_override["foo-bar"] = override
    proxy.age_pages(3600)
    stale = proxy.get("/pypi/foo-bar/")
    assert (stale.status, stale.body) == (200, page.body)


@pytest.mark.parametrize("fault", [{"rate": 1.0}, {"latency": 60.0}], ids=["drips", "silent"])
def test_page__slow_upstream(tmp_path: Path, upstream: Upstream, fault: dict[str, float]) -> None:
    """With a stored page nobody waits for the end of a silent upstream, or one that drips."""
    with serving(tmp_path, upstream.index_url, timeout=0.5) as proxy:
        page = proxy.get("/pypi/foo-bar/")
        upstream.etags = False
        upstream.fail("page", **fault)
        proxy.age_pages(3600)
        stale = proxy.get("/pypi/foo-bar/")
        assert "fwd=stale" in status_of(stale)
        assert stale.body == page.body
        # Upstream is still at it: it was not awaited.
        assert not upstream.requests[-1].done


def test_page__unknown_project(proxy: Server, upstream: Upstream) -> None:
    """Upstream's 404 is ours, with a sentence, and is remembered for the next who asks."""
    for _ in range(3):
        reply = proxy.get("/pypi/no-such/")
        assert (reply.status, reply.reason) == (404, "The index has no project no-such")
        assert b"no project no-such" in reply.body
    assert len(upstream.asked("/simple/no-such/")) == 1
    assert not (proxy.eggs / "no-such").exists()
    assert not any("no-such" in name for name in proxy.own_files())


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_page__failing_upstream_and_nothing_stored(
    proxy: Server, upstream: Upstream, status: int
) -> None:
    """A failing upstream with nothing stored is a 503 that says what happened and when to come."""
    upstream.fail("page", status=status)
    reply = proxy.get("/pypi/foo-bar/")
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    assert f"answers {status}" in reply.reason
    assert f"answers {status}".encode() in reply.body
    assert proxy.files() == set()


def test_page__unreachable_upstream_and_nothing_stored(proxy: Server, upstream: Upstream) -> None:
    """An upstream that refuses is a 503, and all is well when it is back."""
    with upstream.down():
        assert proxy.get("/pypi/foo-bar/").status == 503
    wait_until(lambda: proxy.get("/pypi/foo-bar/").status == 200)


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (200, "text/html", b"<html><form><input type=password></form></html>"),
        (200, "text/plain", b"hello"),
        (200, JSON, b"{"),
        (401, "text/plain", b"who are you?"),
    ],
)
def test_page__senseless_upstream_and_nothing_stored(
    proxy: Server, upstream: Upstream, status: int, content_type: str, body: bytes
) -> None:
    """An answer that makes no sense is a 502, never a 404 and never an empty page."""
    upstream.page_override["foo-bar"] = (status, {"Content-Type": content_type}, body)
    assert proxy.get("/pypi/foo-bar/").status == 502
    assert proxy.files() == set()


@pytest.mark.parametrize("form", ["html", "legacy"])
def test_page__from_html(proxy: Server, upstream: Upstream, form: str) -> None:
    """An upstream that speaks HTML, new or old, gives both forms of the page."""
    upstream.form = form  # type: ignore[assignment]
    page = json.loads(proxy.get("/pypi/foo-bar/", Accept=JSON).body)
    assert [file["filename"] for file in page["files"]] == ["foo_bar-1.0-py3-none-any.whl"]
    assert page["meta"]["api-version"] == "1.0"
    assert b"foo_bar-1.0" in proxy.get("/pypi/foo-bar/").body


def test_page__unknown_keys_pass_through(proxy: Server, upstream: Upstream) -> None:
    """Keys of JSON that eggproxy does not know reach the client."""
    upstream.add("foo-bar", "foo_bar-3.0.tar.gz", b"x", hashes="sha256", x_new={"a": [1]})
    page = json.loads(proxy.get("/pypi/foo-bar/", Accept=JSON).body)
    assert page["files"][-1]["x_new"] == {"a": [1]}


def test_page__one_request_for_many_clients(proxy: Server, upstream: Upstream) -> None:
    """However many ask for a cold page at once, upstream is asked once."""
    gate = upstream.hang("page")
    with ThreadPoolExecutor(12) as pool:
        replies = [pool.submit(proxy.get, "/pypi/foo-bar/") for _ in range(12)]
        upstream.wait_for(1)
        gate.open()
        assert {reply.result().status for reply in replies} == {200}
    assert len(upstream.requests) == 1


def test_page__removed_by_hand(proxy: Server, upstream: Upstream) -> None:
    """A page that somebody deletes is fetched anew."""
    proxy.get("/pypi/foo-bar/")
    (proxy.eggs / "foo-bar" / "index.html.gz").unlink()
    assert proxy.get("/pypi/foo-bar/", accept_encoding="gzip").status == 200
    assert len(upstream.requests) == 2


def test_list__served_from_its_file(proxy: Server, upstream: Upstream) -> None:
    """The project list is fetched once, whole, in both forms; a project page never needs it."""
    proxy.get("/pypi/foo-bar/")
    assert upstream.asked(kind="list") == []
    assert b'<a href="foo-bar/">' in proxy.get("/pypi/").body
    names = json.loads(proxy.get("/simple/", Accept=JSON).body)["projects"]
    assert [project["name"] for project in names] == ["foo-bar"]
    assert len(upstream.asked(kind="list")) == 1


def test_always_refresh__asks_each_time(tmp_path: Path, upstream: Upstream) -> None:
    """With always_refresh every request of a page revalidates first."""
    with serving(tmp_path, upstream.index_url, always_refresh=1) as proxy:
        for _ in range(3):
            assert proxy.get("/pypi/foo-bar/").status == 200
        assert len(upstream.requests) == 3
        with upstream.down():
            assert proxy.get("/pypi/foo-bar/").status == 200


@pytest.fixture
def no_slash(tmp_path: Path, upstream: Upstream) -> Iterator[Server]:
    """Give a proxy whose index setting lacks its slash."""
    with serving(tmp_path, upstream.index_url.rstrip("/")) as proxy:
        yield proxy


def test_index__without_slash(no_slash: Server, upstream: Upstream) -> None:
    """The index setting may end in a slash or not."""
    assert no_slash.get("/pypi/foo-bar/").status == 200
    assert [request.path for request in upstream.requests] == ["/simple/foo-bar/"]


def test_credentials__never_shown(tmp_path: Path, upstream: Upstream) -> None:
    """Credentials in the index setting are used, and appear in no log, record or answer."""
    upstream.expect_auth = ("joe", "s3cr3t")
    index = upstream.index_url.replace("http://", "http://joe:s3cr3t@")
    with serving(tmp_path, index) as proxy:
        assert proxy.get("/pypi/foo-bar/").status == 200
        upstream.fail("page", status=500)
        assert b"s3cr3t" not in proxy.get("/pypi/other/").body
        wait_until(lambda: "/pypi/other/ 503" in proxy.log)
        assert "s3cr3t" not in proxy.log
        stored = [path.read_bytes() for path in proxy.eggs.rglob("*") if path.is_file()]
        assert not any(b"s3cr3t" in content for content in stored)
