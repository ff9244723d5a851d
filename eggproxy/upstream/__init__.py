"""Asking upstream: pages whole, files as streams; redirects hop by hop, http(s) only."""

from eggproxy.upstream.answers import (
    Fetched,
    Missing,
    NotModified,
    Probed,
    RangeRefused,
    Stream,
    shown,
)
from eggproxy.upstream.faults import NotAskedError, OfflineError, OutageError
from eggproxy.upstream.flat import FlatUpstream
from eggproxy.upstream.hosts import Hosts
from eggproxy.upstream.index import Upstream
from eggproxy.upstream.priority import Member, Several
from eggproxy.upstream.roles import PageSource, Upstreams

__all__ = [
    "Fetched",
    "FlatUpstream",
    "Hosts",
    "Member",
    "Missing",
    "NotAskedError",
    "NotModified",
    "OfflineError",
    "OutageError",
    "PageSource",
    "Probed",
    "RangeRefused",
    "Several",
    "Stream",
    "Upstream",
    "Upstreams",
    "shown",
]
