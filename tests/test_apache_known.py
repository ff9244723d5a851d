"""Requests that Apache has sent before: answered again only while nothing can have changed."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eggproxy.answers import Ready
from eggproxy.apache_known import MOMENT, SETTLED, KnownRequests, words_of
from eggproxy.apache_request import ApacheRequest
from eggproxy.hot import Key, Prepared
from eggproxy.negotiation import prefer
from eggproxy.recalling import Recaller

OPTIONS = {"URLPrefix": "/pypi"}


@dataclass
class Request:
    """As much of a request as is looked at; `changed` is when its folder was, in whole seconds."""

    folder: Path
    method: str = "GET"
    changed: int = 100
    inode: int = 7
    header_only: int = 0
    headers_in: dict[str, str] = field(default_factory=dict)
    unparsed_uri: str = "/pypi/foo/"

    @property
    def filename(self) -> str:
        """Name what Apache has looked at."""
        return f"{self.folder}/"

    @property
    def finfo(self) -> Any:  # noqa: ANN401  it is mod_python's
        """Give what it has seen."""
        return SimpleNamespace(ctime=self.changed, inode=self.inode)

    @property
    def hlist(self) -> Any:  # noqa: ANN401  it is mod_python's
        """Say where the handler was configured."""
        return SimpleNamespace(directory=str(self.folder.parent))


class Site:
    """Known requests, a clock, and a page that a front may or may not answer with."""

    def __init__(self, tmp_path: Path) -> None:
        self.now = 1000.0
        self.folder = tmp_path / "foo"
        self.folder.mkdir()
        self.known = KnownRequests(lambda: self.now)
        self.allowed = True
        self.key: Key = (b"/foo/", "/pypi", prefer(None, None, None))
        self.prepared = self._page()

    def _page(self) -> Prepared:
        path = self.folder / "index.html"
        path.write_text("page")
        return Prepared(
            Ready(
                path=path,
                content_type="text/html",
                cache_control="",
                cache_status="hit",
                fresh_until=math.inf,
            )
        )

    def holds(self, key: Key, prepared: Prepared) -> bool:
        """Answer as the front does."""
        return self.allowed and (key, prepared) == (self.key, self.prepared)

    def ask(self, **what: object) -> Prepared | None:
        """Ask as Apache does: recall an answer, or note the one that was found otherwise."""
        req = cast("ApacheRequest", Request(self.folder, **what))  # type: ignore[arg-type]
        words = words_of(req, OPTIONS)
        if words is None:
            return None
        recalled = self.known.recall(req, words)
        if recalled is None:
            self.known.note(req, words, cast("Recaller", self), self.key, self.prepared)
        return recalled

    def settle(self) -> None:
        """Ask, and let so much time pass that the answer is known."""
        self.ask()
        self.now += SETTLED


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Give a site with a page."""
    return Site(tmp_path)


def test_known__once_settled(site: Site) -> None:
    """An answer is known when its folder has been seen unchanged for some time."""
    assert site.ask() is None
    site.now += SETTLED / 2
    assert site.ask() is None
    site.now += SETTLED / 2
    assert site.ask() is site.prepared


@pytest.mark.parametrize("seen", [{"changed": 101}, {"changed": 99}, {"inode": 8}])
def test_known__folder_changes(site: Site, seen: dict[str, int]) -> None:
    """Whatever changes in the folder, the answer is looked at anew, and settles anew."""
    site.settle()
    assert site.ask(**seen) is None
    assert site.ask(**seen) is None
    site.now += SETTLED
    assert site.ask(**seen) is site.prepared


def test_known__other_answer(site: Site) -> None:
    """When another answer has taken its place, the old one is never given again."""
    site.settle()
    site.prepared = site._page()
    assert site.ask() is None
    site.now += SETTLED
    assert site.ask() is site.prepared


def test_known__not_allowed(site: Site) -> None:
    """A moment after the front says no, as in an outage, it is no."""
    site.settle()
    assert site.ask() is site.prepared
    site.allowed = False
    site.now += MOMENT
    assert site.ask() is None


@pytest.mark.parametrize(
    "what",
    [
        {"method": "HEAD"},
        {"header_only": 1},
        {"method": "POST"},
        *(
            {"headers_in": {name: "x"}}
            for name in ("If-None-Match", "Range", "If-Range", "Authorization", "CDN-Loop")
        ),
    ],
)
def test_known__only_plain_requests(site: Site, what: dict[str, Any]) -> None:
    """Whoever asks for more than the whole page is looked at each time."""
    site.settle()
    assert site.ask(**what) is None


@pytest.mark.parametrize(
    "what",
    [
        {"unparsed_uri": "/pypi/foo/?format=html"},
        {"headers_in": {"Accept": "text/html"}},
        {"headers_in": {"Accept-Encoding": "gzip"}},
    ],
)
def test_known__by_all_that_matters(site: Site, what: dict[str, Any]) -> None:
    """Requests that differ in what an answer depends on are different requests."""
    site.settle()
    assert site.ask(**what) is None


def test_known__only_short_ones(site: Site) -> None:
    """Nobody fills memory with long headers."""
    what: Any = {"headers_in": {"Accept": "text/html," * 200}}
    for _ in range(2):
        assert site.ask(**what) is None
        site.now += SETTLED


def test_known__another_folder(site: Site) -> None:
    """Where Apache looks at another folder than that of the page, nothing is known."""
    elsewhere = site.folder.parent / "Foo"
    for _ in range(2):
        req = cast("ApacheRequest", Request(elsewhere))
        words = words_of(req, OPTIONS)
        assert words is not None
        assert site.known.recall(req, words) is None
        site.known.note(req, words, cast("Recaller", site), site.key, site.prepared)
        site.now += SETTLED
