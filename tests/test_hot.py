"""Stored answers made ready to send."""

import hashlib
import math
import os
from pathlib import Path
from typing import Any

import pytest

from eggproxy import hot
from eggproxy.answers import Ready
from eggproxy.hot import HotAnswers, Key, Prepared
from eggproxy.negotiation import HTML_V1, JSON_V1, Preference

BODY = b"<!DOCTYPE html>"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Store a page."""
    path = tmp_path / "index.html"
    path.write_bytes(BODY)
    return path


def ready(path: Path, **facts: Any) -> Ready:
    """Make an answer of a stored file."""
    usual: dict[str, Any] = {
        "content_type": "text/html; charset=utf-8",
        "cache_control": "no-cache",
        "cache_status": "hit",
        "fresh_until": math.inf,
    }
    return Ready(path=path, **usual | facts)


def key(path: bytes = b"/pypi/foo/", **preference: Any) -> Key:
    """Make the key of a request."""
    return (path, None, Preference(**preference))


def replace(path: Path, content: bytes) -> None:
    """Replace a file as the store does it."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.rename(path)


def test_prepared__headers(page: Path) -> None:
    """A page has all its headers, ready for the wire; what describes a body goes with a body."""
    facts: dict[str, Any] = {"vary": "Accept", "encoding": "gzip", "age": 7}
    prepared = Prepared(ready(page, **facts, cache_status="fwd=stale"))
    etag = f'"{hashlib.sha256(BODY).hexdigest()[:32]}"'
    common = (
        "Cache-Control: no-cache\r\nCache-Status: eggproxy; fwd=stale\r\n"
        f"ETag: {etag}\r\nX-Content-Type-Options: nosniff\r\nVary: Accept\r\nAge: 7\r\n"
    )
    content = (
        "Content-Type: text/html; charset=utf-8\r\n"
        "Content-Security-Policy: default-src 'none'\r\nContent-Encoding: gzip\r\n"
        f"Accept-Ranges: bytes\r\nContent-Length: {len(BODY)}\r\n"
    )
    assert prepared.wire.decode() == f"{common}{content}\r\n"
    assert prepared.wire_not_modified.decode() == f"{common}\r\n"


def test_prepared__nothing_runs_in_a_page(page: Path) -> None:
    """HTML of either type comes with a policy under which nothing in it runs; JSON needs none."""
    policies = [
        "Content-Security-Policy" in dict(Prepared(ready(page, content_type=each)).content_headers)
        for each in ("text/html", f"{HTML_V1}; charset=utf-8", JSON_V1, "application/octet-stream")
    ]
    assert policies == [True, True, False, False]


def test_prepared__large_files_stay_on_disk(page: Path) -> None:
    """A large file has no body in memory, and a validator all the same; a small one its bytes."""
    assert Prepared(ready(page)).body == BODY
    os.truncate(page, hot.MAX_BODY + 1)
    large = Prepared(ready(page))
    assert (large.body, large.size) == (None, hot.MAX_BODY + 1)
    assert large.etag != Prepared(ready(page, etag='"x"')).etag == '"x"'
    os.utime(page, (1, 1))
    assert Prepared(ready(page)).etag != large.etag


def test_prepared__later(page: Path) -> None:
    """The next answer to the same request has other headers, and the very same bytes."""
    first = Prepared(ready(page, cache_status="fwd=uri-miss", age=0))
    later = first.later(ready(page))
    assert later.body is first.body
    assert later.wire == Prepared(ready(page)).wire != first.wire
    assert b"fwd=uri-miss" in first.wire


def test_prepared__no_such_file(tmp_path: Path) -> None:
    """Nothing is prepared of what is not there."""
    with pytest.raises(FileNotFoundError):
        Prepared(ready(tmp_path / "nothing"))


def test_holds__until_it_is_stale(page: Path) -> None:
    """An answer holds until its time is over."""
    prepared = Prepared(ready(page, fresh_until=100.0))
    assert prepared.holds(99.9)
    assert not prepared.holds(100.0)


def test_holds__until_the_file_changes(page: Path) -> None:
    """An answer holds no more when the file was replaced, even by one that looks the same."""
    prepared = Prepared(ready(page))
    facts = page.stat()
    replace(page, BODY)
    os.utime(page, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert not prepared.holds(0)


def test_holds__until_the_file_is_gone(page: Path) -> None:
    """An answer holds no more when somebody removed the file."""
    prepared = Prepared(ready(page))
    page.unlink()
    assert not prepared.holds(0)


def test_get__by_request(page: Path) -> None:
    """Path, place and representation make the request; each has its own answer."""
    answers, prepared = HotAnswers(), Prepared(ready(page))
    answers.put(key(), prepared)
    assert answers.get(key()) is prepared
    assert answers.get(key(gzip=True)) is None
    assert answers.get(key(b"/pypi/Foo/")) is None
    assert answers.get((b"/pypi/foo/", "/pypi", Preference())) is None


def test_get__never_the_old_page(page: Path) -> None:
    """After a page was replaced, its old bytes are not given again."""
    answers = HotAnswers()
    answers.put(key(), Prepared(ready(page)))
    replace(page, b"new")
    assert answers.get(key()) is None
    answers.put(key(), Prepared(ready(page)))
    again = answers.get(key())
    assert again is not None
    assert again.body == b"new"


def test_get__by_the_clock(page: Path) -> None:
    """The clock that was given tells when an answer is stale."""
    now = [10.0]
    answers = HotAnswers(clock=lambda: now[0])
    answers.put(key(), Prepared(ready(page, fresh_until=20.0)))
    assert answers.get(key()) is not None
    now[0] = 20.0
    assert answers.get(key()) is None
    now[0] = 10.0
    assert answers.get(key()) is None


def test_put__bounded_in_number(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are never more answers than the limit."""
    monkeypatch.setattr(hot, "MAX_ANSWERS", 3)
    answers, prepared = HotAnswers(), Prepared(ready(page))
    keys = [key(b"/%d" % number) for number in range(5)]
    for each in (*keys, keys[2]):
        answers.put(each, prepared)
    assert [answers.get(each) is prepared for each in keys] == [False, False, True, True, True]


def test_put__bounded_in_bytes(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies never take more memory than the limit; the same one again takes none."""
    monkeypatch.setattr(hot, "MAX_BODIES", 3 * len(BODY))
    answers, prepared = HotAnswers(), Prepared(ready(page))
    for number in (0, 0, 0, 0, 1, 2):
        answers.put(key(b"/%d" % number), prepared)
    assert all(answers.get(key(b"/%d" % number)) for number in range(3))
    answers.put(key(b"/3"), prepared)
    assert answers.get(key(b"/0")) is None


def test_put__what_is_used_stays(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The least recently used answers give way, as MAX_BODIES says."""
    monkeypatch.setattr(hot, "MAX_ANSWERS", 2)
    answers, prepared = HotAnswers(), Prepared(ready(page))
    answers.put(key(b"/used"), prepared)
    for number in range(3):
        assert answers.get(key(b"/used")) is prepared
        answers.put(key(b"/%d" % number), prepared)
