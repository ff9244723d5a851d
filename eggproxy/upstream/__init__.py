"""Asking upstream: pages whole, files as streams; redirects hop by hop, http(s) only."""

from eggproxy.upstream.answers import Fetched, Missing, NotModified, Stream, shown
from eggproxy.upstream.index import Upstream

__all__ = ["Fetched", "Missing", "NotModified", "Stream", "Upstream", "shown"]
