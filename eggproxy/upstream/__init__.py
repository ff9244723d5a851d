"""Asking upstream: pages whole, files as streams; redirects hop by hop, http(s) only."""

from eggproxy.upstream.answers import (
    Fetched,
    Missing,
    NotModified,
    RangeRefused,
    Stream,
    shown,
)
from eggproxy.upstream.faults import NotAskedError, OfflineError, OutageError
from eggproxy.upstream.index import Upstream

__all__ = [
    "Fetched",
    "Missing",
    "NotAskedError",
    "NotModified",
    "OfflineError",
    "OutageError",
    "RangeRefused",
    "Stream",
    "Upstream",
    "shown",
]
