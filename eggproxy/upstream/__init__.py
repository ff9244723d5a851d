"""Asking upstream: pages whole, files as streams; redirects hop by hop, http(s) only."""

from eggproxy.upstream.answers import (
    Fetched,
    Missing,
    NotModified,
    RangeRefused,
    Stream,
    shown,
)
from eggproxy.upstream.index import Upstream

__all__ = ["Fetched", "Missing", "NotModified", "RangeRefused", "Stream", "Upstream", "shown"]
