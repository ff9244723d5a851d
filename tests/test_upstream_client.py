"""What is asked of upstream, and what becomes of its answers."""

import base64
import gzip
import hashlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from eggproxy.errors import EggProxyError, UpstreamNonsenseError, UpstreamUnavailableError
from eggproxy.upstream import (
    Fetched,
    Missing,
    NotModified,
    OfflineError,
    OutageError,
    RangeRefused,
    Stream,
    Upstream,
    shown,
)
from tests.servers import wait_until
from tests.upstream import Request
from tests.upstream import Upstream as Index

BODY = bytes(range(256)) * 4000
DATE = "Tue, 02 Jan 2024 03:04:05 GMT"


@pytest.fixture(autouse=True)
def _no_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no credentials of this machine get in the way."""
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture
def url(upstream: Index) -> str:
    """Publish a file of a megabyte, and give its URL."""
    return upstream.add("foo", "foo-1.0.tar.gz", BODY)


@pytest.fixture
def other() -> Iterator[Index]:
    """Have another host."""
    with Index() as other:
        yield other


def client(upstream: Index, *, credentials: str = "", timeout: float = 5) -> Upstream:
    """Make the client of an index."""
    return Upstream(upstream.index_url.replace("//", f"//{credentials}"), timeout)


def page(upstream: Index, **asked: str) -> Fetched:
    """Fetch the page of foo, which must be there."""
    fetched = client(upstream).page("foo/", **asked)
    assert isinstance(fetched, Fetched)
    return fetched


def read(upstream: Upstream, url: str, **asked: int | str) -> tuple[Stream, bytes]:
    """Fetch a file to its end."""
    with upstream.file(url, **asked) as stream:  # type: ignore[arg-type]
        return stream, b"".join(stream.blocks)


def broken_off(upstream: Upstream, url: str, why: str) -> bytes:
    """Fetch a file that breaks off, and give what came before."""
    came: list[bytes] = []
    with upstream.file(url) as stream, pytest.raises(UpstreamUnavailableError, match=why):
        came.extend(stream.blocks)
    return b"".join(came)


def only(upstream: Index) -> Request:
    """Give the one request that upstream was asked."""
    (request,) = upstream.requests
    return request


# Pages.


@pytest.mark.usefixtures("url")
def test_page__as_it_came(upstream: Index) -> None:
    """A page comes with its type, its address and its validators; JSON is what is asked for."""
    upstream.last_modified = DATE
    fetched = page(upstream)
    assert json.loads(fetched.body)["name"] == "foo"
    assert fetched.content_type == "application/vnd.pypi.simple.v1+json"
    assert fetched.url == f"{upstream.index_url}foo/"
    assert (fetched.etag or "").startswith('"')
    assert fetched.last_modified == DATE
    asked = only(upstream).headers
    assert asked["Accept"].startswith("application/vnd.pypi.simple.v1+json,")
    assert asked["User-Agent"].startswith("eggproxy/")
    assert "Authorization" not in asked


@pytest.mark.usefixtures("url")
def test_page__not_modified(upstream: Index) -> None:
    """With the right validator nothing comes; the ETag is the better one."""
    upstream.last_modified = DATE
    etag = page(upstream).etag
    upstream.forget()
    known = client(upstream).page("foo/", etag=etag, last_modified=DATE)
    assert known == NotModified()
    assert only(upstream).headers["If-None-Match"] == etag
    assert "If-Modified-Since" not in only(upstream).headers
    assert client(upstream).page("foo/", last_modified=DATE) == NotModified()
    assert page(upstream, etag='"old"').etag == etag


def test_page__not_modified_although_not_asked(upstream: Index) -> None:
    """A 304 to a question without validators makes no sense."""
    upstream.page_override["foo"] = (304, {}, b"")
    with pytest.raises(UpstreamNonsenseError, match="304"):
        client(upstream).page("foo/")


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize("chunked", [False, True])
def test_page__packed(upstream: Index, *, chunked: bool) -> None:
    """A packed page is unpacked, and a plain one is taken as it is."""
    plain = page(upstream).body
    upstream.gzip = True
    if chunked:
        upstream.page_headers = {"Transfer-Encoding": "chunked"}
    assert page(upstream).body == plain


def test_page__packed_in_crumbs(upstream: Index) -> None:
    """A packed page that drips in is read to its end: some crumbs hold no byte of it yet."""
    packed = gzip.compress(b"0123456789" * 500)
    upstream.page_override["foo"] = (200, {"Content-Encoding": "gzip"}, packed)
    upstream.fail("page", rate=500)
    assert page(upstream).body == b"0123456789" * 500


def test_page__not_really_packed(upstream: Index) -> None:
    """What cannot be unpacked is an answer that broke."""
    upstream.page_override["foo"] = (200, {"Content-Encoding": "gzip"}, b"not packed")
    with pytest.raises(UpstreamNonsenseError):
        client(upstream).page("foo/")


@pytest.mark.parametrize("end", [-1, -8, 40, 10, 1, 0])
def test_page__packed_but_not_to_its_end(upstream: Index, end: int) -> None:
    """A packed page of which the end is missing broke off, though the answer itself is whole."""
    packed = gzip.compress(b"0123456789" * 500)[:end]
    upstream.page_override["foo"] = (200, {"Content-Encoding": "gzip"}, packed)
    with pytest.raises(UpstreamUnavailableError, match="broke off"):
        client(upstream).page("foo/")


@pytest.mark.parametrize("size", [0, 1, 262_143, 262_144, 262_145, 3_000_000])
def test_page__packed_of_any_size(upstream: Index, size: int) -> None:
    """A page is unpacked whole, whether it packs well or not."""
    for body in (bytes(size), hashlib.shake_128(b"").digest(size)):
        upstream.page_override["foo"] = (
            200,
            {"Content-Encoding": "x-gzip"},
            gzip.compress(body, 1),
        )
        assert page(upstream).body == body


def test_page__packed_in_members(upstream: Index) -> None:
    """A packed page may have several members (RFC 1952, 2.2)."""
    packed = gzip.compress(b"<!DOCTYPE html>") + gzip.compress(b"<a href=x.zip>x.zip</a>")
    upstream.page_override["foo"] = (200, {"Content-Encoding": "gzip"}, packed)
    assert page(upstream).body == b"<!DOCTYPE html><a href=x.zip>x.zip</a>"


def test_page__packed_in_another_way(upstream: Index) -> None:
    """What was packed in a way that was not asked for makes no sense."""
    upstream.page_override["foo"] = (200, {"Content-Encoding": "br"}, b"x")
    with pytest.raises(UpstreamNonsenseError, match="br"):
        client(upstream).page("foo/")


@pytest.mark.parametrize("packed", [False, True])
def test_page__too_large(upstream: Index, *, packed: bool) -> None:
    """A page is never larger than the limit, unpacked."""
    asking = Upstream(upstream.index_url, 5, max_page_size=1 << 20)
    for size, fits in ((1 << 20, True), ((1 << 20) + 1, False)):
        body = gzip.compress(bytes(size)) if packed else bytes(size)
        headers = {"Content-Encoding": "gzip"} if packed else {}
        upstream.page_override["foo"] = (200, headers, body)
        if fits:
            fetched = asking.page("foo/")
            assert isinstance(fetched, Fetched)
            assert len(fetched.body) == size
        else:
            with pytest.raises(UpstreamNonsenseError, match="more than 1 MB"):
                asking.page("foo/")


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("after", [0, 20])
def test_page__truncated(upstream: Index, after: int, *, chunked: bool) -> None:
    """A page that breaks off is never taken for a whole one."""
    upstream.fail("page", cut_after=after)
    if chunked:
        upstream.page_headers = {"Transfer-Encoding": "chunked"}
    with pytest.raises(UpstreamUnavailableError, match="broke off"):
        client(upstream).page("foo/")


# What statuses mean.


@pytest.mark.parametrize("status", [404, 410])
def test_status__missing(upstream: Index, status: int) -> None:
    """Only these say that there is no such thing."""
    upstream.fail(status=status)
    with pytest.raises(Missing):
        client(upstream).page("foo/")
    with pytest.raises(Missing):
        read(client(upstream), f"{upstream.url}/files/foo/foo-1.zip")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 520, 599])
def test_status__passing(upstream: Index, url: str, status: int) -> None:
    """An upstream in trouble, or too busy, is worth another try."""
    upstream.fail(status=status, reason="Oh dear")
    for ask in (lambda: client(upstream).page("foo/"), lambda: read(client(upstream), url)):
        with pytest.raises(UpstreamUnavailableError, match=f"answers {status} Oh dear"):
            ask()


@pytest.mark.parametrize("status", [201, 204, 206, 300, 304, 400, 401, 403, 405, 416, 418, 451])
def test_status__senseless(upstream: Index, url: str, status: int) -> None:
    """Anything else is not what was asked for, and says nothing of whether it is there."""
    upstream.fail(status=status)
    for ask in (lambda: client(upstream).page("foo/"), lambda: read(client(upstream), url)):
        with pytest.raises(UpstreamNonsenseError, match=f"answers {status}"):
            ask()


def test_status__redirect_to_nowhere(upstream: Index) -> None:
    """A redirect that names no address is not followed."""
    upstream.fail(status=302)
    with pytest.raises(UpstreamNonsenseError, match="302"):
        client(upstream).page("foo/")


# Faults on the way.


def test_fault__refused(upstream: Index, url: str) -> None:
    """An upstream that is down is said to be so; once it is back, so is the next answer."""
    times = itertools.count(step=5)
    asking = Upstream(upstream.index_url, 5, clock=lambda: float(next(times)))
    assert isinstance(asking.page("foo/"), Fetched)
    with upstream.down():
        with pytest.raises(UpstreamUnavailableError, match="cannot be reached"):
            asking.page("foo/")
        with pytest.raises(UpstreamUnavailableError, match="cannot be reached"):
            read(asking, url)
    assert isinstance(asking.page("foo/"), Fetched)


def test_fault__silent(upstream: Index, url: str) -> None:
    """An upstream that takes a question and says nothing is given up."""
    upstream.hang()
    with pytest.raises(UpstreamUnavailableError, match="in time"):
        client(upstream, timeout=0.1).page("foo/")
    with pytest.raises(UpstreamUnavailableError, match="in time"):
        read(client(upstream, timeout=0.1), url)


def test_fault__silent_in_the_middle(upstream: Index, url: str) -> None:
    """So is one that stops in the middle; what came before is there."""
    upstream.gate("all", after=20)
    with pytest.raises(UpstreamUnavailableError, match="in time"):
        client(upstream, timeout=0.1).page("foo/")
    assert broken_off(client(upstream, timeout=0.1), url, "in time") == BODY[:20]


@pytest.mark.usefixtures("url")
def test_fault__drips(upstream: Index) -> None:
    """A page that comes byte by byte is given up, though none of them is late."""
    upstream.fail("page", rate=50)
    with pytest.raises(UpstreamUnavailableError, match="too slowly"):
        client(upstream, timeout=0.2).page("foo/")


def test_fault__file_drips(upstream: Index, url: str) -> None:
    """So is a file; the host may well send the rest at its usual speed."""
    upstream.fail("file", rate=50, times=1)
    asking = client(upstream, timeout=0.2)
    came = broken_off(asking, url, "too slowly")
    assert read(asking, url, start=len(came))[1] == BODY[len(came) :]


def test_fault__hung_up_between_questions(upstream: Index, url: str) -> None:
    """A connection that upstream has closed in the meantime is made anew, and no fault."""
    asking = client(upstream)
    asking.page("foo/")
    upstream.refuse()
    upstream.listen()
    assert read(asking, url)[1] == BODY


def test_fault__file_stops_in_the_middle(upstream: Index, url: str) -> None:
    """A file that stops coming says nothing of its host, which is asked for the rest."""
    gate = upstream.gate("file", after=20)
    asking = client(upstream, timeout=0.2)
    assert broken_off(asking, url, "in time") == BODY[:20]
    gate.open()
    assert read(asking, url, start=20)[1] == BODY[20:]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("77", 77), ("", 0), ("soon", 0), ("-5", 0), ("Fri, 01 Jan 2100 00:00:00 GMT", 1e9)],
)
def test_status__asks_to_be_left_alone(upstream: Index, said: str, seconds: float) -> None:
    """What upstream wishes in Retry-After is read, as seconds or as a date."""
    upstream.fail(status=429, headers={"Retry-After": said})
    with pytest.raises(OutageError) as caught:
        client(upstream).page("foo/")
    asked_for = caught.value.asked_for
    assert asked_for > seconds if seconds > 1e6 else asked_for == seconds


def test_offline__asks_nobody(upstream: Index, url: str) -> None:
    """An upstream that is not to be asked is not."""
    asking = Upstream(upstream.index_url, 5, offline=True)
    for ask in (lambda: asking.page("foo/"), lambda: read(asking, url)):
        with pytest.raises(OfflineError):
            ask()
    assert (asking.available(), upstream.requests) == (False, [])


def test_fault__no_such_host() -> None:
    """A host that nobody knows cannot be reached."""
    with pytest.raises(UpstreamUnavailableError, match="cannot be reached"):
        Upstream("http://index.invalid/simple/", 5).page("foo/")


def test_fault__endless_headers(upstream: Index) -> None:
    """A header without end is not read."""
    upstream.fail("page", headers={"X": "y" * 70_000}, status=200)
    with pytest.raises(UpstreamUnavailableError):
        client(upstream).page("foo/")


# Files.


@pytest.mark.parametrize("chunked", [False, True])
def test_file__whole(upstream: Index, url: str, *, chunked: bool) -> None:
    """A file comes as it is, with its size, if upstream says, and its validator."""
    upstream.chunked = chunked
    stream, body = read(client(upstream), url)
    assert body == BODY
    assert (stream.start, stream.total) == (0, None if chunked else len(BODY))
    assert (stream.validator or "").startswith('"')
    assert only(upstream).headers["Accept-Encoding"] == "identity"
    assert "Range" not in only(upstream).headers


def test_file__the_rest(upstream: Index, url: str) -> None:
    """From a byte on, if the file is still the same."""
    etag = read(client(upstream), url)[0].validator or ""
    stream, body = read(client(upstream), url, start=1000, validator=etag)
    assert (stream.start, stream.total, body) == (1000, len(BODY), BODY[1000:])
    asked = upstream.requests[-1].headers
    assert (asked["Range"], asked["If-Range"]) == ("bytes=1000-", etag)


def test_file__the_rest_of_another(upstream: Index, url: str) -> None:
    """If the file is another, or upstream knows no ranges, all of it comes."""
    stream, body = read(client(upstream), url, start=1000, validator='"old"')
    assert (stream.start, stream.total, body) == (0, len(BODY), BODY)
    upstream.ranges = False
    stream, body = read(client(upstream), url, start=1000)
    assert (stream.start, body) == (0, BODY)


def test_file__nothing_from_there_on(upstream: Index, url: str) -> None:
    """Where upstream has no bytes from there on, it says so: that is no fault."""
    with pytest.raises(RangeRefused):
        read(client(upstream), url, start=len(BODY))


@pytest.mark.parametrize(
    "where", ["", "bytes 0-9/100", "bytes 100-109/200", "bytes */100", "lines 10-19/100", "10-19"]
)
def test_file__another_range(upstream: Index, url: str, where: str) -> None:
    """Bytes from elsewhere are never taken for those that were asked for."""
    upstream.fail("file", status=206, headers={"Content-Range": where})
    with pytest.raises(UpstreamNonsenseError, match="another range"):
        read(client(upstream), url, start=10)


@pytest.mark.parametrize(("where", "total"), [("bytes 10-15/16", 16), ("bytes 10-15/*", None)])
def test_file__size_of_the_whole(upstream: Index, url: str, where: str, total: int | None) -> None:
    """The answer to a range tells the size of the whole, or that it is not known."""
    upstream.fail("file", status=206, headers={"Content-Range": where})
    assert read(client(upstream), url, start=10)[0].total == total


def test_file__packed(upstream: Index, url: str) -> None:
    """A file that upstream packs on the way is refused: its digest would be another."""
    upstream.fail("file", status=200, headers={"Content-Encoding": "gzip"})
    with pytest.raises(UpstreamNonsenseError, match="packed"):
        read(client(upstream), url)


@pytest.mark.parametrize("chunked", [False, True])
def test_file__truncated(upstream: Index, url: str, *, chunked: bool) -> None:
    """A file that breaks off says so, after all that came."""
    upstream.fail("file", cut_after=70_000)
    upstream.chunked = chunked
    assert broken_off(client(upstream), url, "broke off") == BODY[:70_000]


def test_file__as_it_comes(upstream: Index, url: str) -> None:
    """What has come is there at once, however little it is."""
    gate = upstream.gate("file", after=10)
    with client(upstream).file(url) as stream:
        assert next(stream.blocks) == BODY[:10]
        gate.open()
        assert b"".join(stream.blocks) == BODY[10:]


def test_file__left_in_the_middle(upstream: Index, url: str) -> None:
    """Who has seen enough hangs up, and upstream notices."""
    upstream.gate("file", after=10)
    with client(upstream).file(url) as stream:
        next(stream.blocks)
    upstream.heal()
    wait_until(lambda: only(upstream).done)
    assert only(upstream).broken


@pytest.mark.parametrize(
    ("etag", "last_modified", "validator"),
    [('"1"', DATE, '"1"'), ('W/"1"', DATE, DATE), ('W/"1"', None, None), (None, DATE, DATE)],
)
def test_file__validator(
    upstream: Index, url: str, etag: str | None, last_modified: str | None, validator: str | None
) -> None:
    """A weak ETag is none for ranges (RFC 9110, 13.1.5)."""
    said = {"ETag": etag, "Last-Modified": last_modified}
    headers = {name: value for name, value in said.items() if value}
    upstream.path_override["/files/foo/foo-1.0.tar.gz"] = (200, headers, b"x")
    assert read(client(upstream), url)[0].validator == validator


# Redirects.


def test_redirect__followed(upstream: Index, url: str, other: Index) -> None:
    """A redirect is followed to another host, with what was asked."""
    other.put("/files/foo/foo-1.0.tar.gz", BODY)
    upstream.redirect_files = other.url
    assert read(client(upstream), url, start=10)[1] == BODY[10:]
    assert only(other).headers["Range"] == "bytes=10-"


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect__of_a_page(upstream: Index, status: int) -> None:
    """The address of a page is where it was found: its links are relative to that."""
    upstream.page_override["bar"] = (status, {"Location": "../foo/?a=b"}, b"")
    fetched = client(upstream).page("bar/", etag='"old"')
    assert isinstance(fetched, Fetched)
    assert fetched.url == f"{upstream.index_url}foo/?a=b"
    assert [request.headers["If-None-Match"] for request in upstream.requests] == ['"old"'] * 2


@pytest.mark.parametrize(
    "where",
    ["ftp://files.example/x", "file:///etc/passwd", "gopher://x/", "data:,x", "javascript:"],
)
def test_redirect__to_another_scheme(upstream: Index, where: str) -> None:
    """Only http and https are followed."""
    upstream.page_override["foo"] = (302, {"Location": where}, b"")
    with pytest.raises(UpstreamNonsenseError, match="not an http or https address"):
        client(upstream).page("foo/")


def test_redirect__in_circles(upstream: Index) -> None:
    """A circle is left after some rounds."""
    upstream.page_override["foo"] = (302, {"Location": "../bar/"}, b"")
    upstream.page_override["bar"] = (302, {"Location": "../foo/"}, b"")
    with pytest.raises(UpstreamNonsenseError, match="redirects more than"):
        client(upstream).page("foo/")
    assert len(upstream.requests) <= 20


@pytest.mark.parametrize("where", ["http://", "//", "http://a b/", "http://.x/"])
def test_redirect__to_no_address(upstream: Index, where: str) -> None:
    """An address that is none is upstream's mistake."""
    upstream.page_override["foo"] = (302, {"Location": where}, b"")
    with pytest.raises(UpstreamNonsenseError):
        client(upstream).page("foo/")


@pytest.mark.parametrize("where", ["http://[::1/x", "http://x.example:99999/", "http://x:abc/"])
def test_redirect__to_a_broken_address(upstream: Index, where: str) -> None:
    """So is one that cannot even be taken apart."""
    upstream.page_override["foo"] = (302, {"Location": where}, b"")
    with pytest.raises(UpstreamNonsenseError):
        client(upstream).page("foo/")


# Credentials and cookies.


@pytest.mark.parametrize(
    ("user", "password"), [("user", "pass"), ("u@x", "p:/?#@%"), ("user", ""), ("é", "ü")]
)
def test_credentials__to_the_index(upstream: Index, user: str, password: str) -> None:
    """Credentials of the index are sent to it unasked, pages and files alike."""
    url = upstream.add("foo", "foo-1.0.tar.gz", BODY)
    words = f"{quote(user, safe='')}:{quote(password, safe='')}@"
    asking = client(upstream, credentials=words)
    assert isinstance(asking.page("foo/"), Fetched)
    assert read(asking, url)[1] == BODY
    for request in upstream.requests:
        scheme, _, word = request.headers["Authorization"].partition(" ")
        assert (scheme, base64.b64decode(word)) in [
            ("Basic", f"{user}:{password}".encode(charset)) for charset in ("utf-8", "latin-1")
        ]
    assert "@" not in asking.index


def test_credentials__beyond_latin_1(upstream: Index) -> None:
    """A password may be in any script (RFC 7617, UTF-8)."""
    upstream.add("foo", "foo-1.0.tar.gz", BODY)
    asking = client(upstream, credentials=f"user:{quote('пароль')}@")
    assert isinstance(asking.page("foo/"), Fetched)


def test_credentials__not_to_files_elsewhere(upstream: Index, other: Index) -> None:
    """Another host, another port even, gets no credentials."""
    url = upstream.add("foo", "foo-1.0.tar.gz", BODY, on=other)
    assert read(client(upstream, credentials="user:pass@"), url)[1] == BODY
    assert "Authorization" not in only(other).headers


def test_credentials__not_after_a_redirect(upstream: Index, url: str, other: Index) -> None:
    """They do not go along with a redirect to another host, but are there again on the way back."""
    other.redirect_files = f"{upstream.url}/moved"
    upstream.redirect_files = other.url
    upstream.path_override["/moved/files/foo/foo-1.0.tar.gz"] = (200, {}, b"here")
    assert read(client(upstream, credentials="user:pass@"), url)[1] == b"here"
    assert ["Authorization" in request.headers for request in upstream.requests] == [True, True]
    assert "Authorization" not in only(other).headers


def test_credentials__of_a_redirect(upstream: Index, url: str, other: Index) -> None:
    """Credentials in an address that upstream names go to that host, and into no error."""
    upstream.redirect_files = other.url.replace("//", "//own:secret@")
    with pytest.raises(Missing):
        read(client(upstream), url)
    word = only(other).headers["Authorization"].partition(" ")[2]
    assert base64.b64decode(word) == b"own:secret"
    other.fail(status=500)
    with pytest.raises(UpstreamUnavailableError) as caught:
        read(client(upstream), url)
    assert "secret" not in str(caught.value)
    assert other.url in str(caught.value)


def test_credentials__in_no_error(upstream: Index) -> None:
    """What fails is named without the credentials."""
    asking = client(upstream, credentials="user:secret@")
    for status in (401, 404, 500):
        upstream.fail(status=status)
        with pytest.raises((EggProxyError, Missing)) as caught:
            asking.page("foo/")
        assert "secret" not in f"{caught.value!s} {caught.value!r}"


@pytest.mark.usefixtures("url")
def test_cookies__not_kept(upstream: Index) -> None:
    """A cookie is neither kept nor sent back, not even along a redirect."""
    cookie = {"Set-Cookie": "id=1; Path=/"}
    upstream.page_headers = cookie
    upstream.page_override["bar"] = (302, {"Location": "../foo/"} | cookie, b"")
    asking = client(upstream)
    for path in ("foo/", "bar/", "foo/"):
        asking.page(path)
    assert len(upstream.requests) == 4
    assert not any("Cookie" in request.headers for request in upstream.requests)


# Connections.


@pytest.mark.usefixtures("url")
def test_connections__kept(upstream: Index) -> None:
    """One connection serves one question after another, whatever the answers."""
    asking = client(upstream)
    used = []
    for path in ("foo/", "foo/"):
        asking.page(path)
        used.append(set(upstream._wire._connections))
    assert used[0] == used[1]
    assert len(used[0]) == 1


@pytest.mark.parametrize(
    ("url", "short"),
    [
        ("https://u:p@index.example/simple/", "https://index.example/simple/"),
        ("https://index.example:8443/a?token=1#sha256=00", "https://index.example:8443/a"),
        ("http://u@x:p@index.example/", "http://index.example/"),
        ("ftp://u:p@files.example/x", "ftp://files.example/x"),
    ],
)
def test_shown(url: str, short: str) -> None:
    """Addresses are shown without what may be secret."""
    assert shown(url) == short
