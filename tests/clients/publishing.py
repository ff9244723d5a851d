"""Distributions on the test upstream, as an index would show them."""

from typing import Any

from tests.distributions import Distribution
from tests.upstream import Upstream


def publish(upstream: Upstream, distribution: Distribution, **keys: Any) -> str:
    """Put a distribution on the index, a wheel with its metadata file, and give its URL."""
    filename, content, metadata = distribution
    project = filename.split("-")[0]
    wheel = filename.endswith(".whl")
    return upstream.add(project, filename, content, metadata=metadata if wheel else None, **keys)
