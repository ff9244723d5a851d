"""What was found out of a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eggproxy.model import File


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was found out of a file, which was listed as `file`.

    `values` by their bits (see `eggproxy.completed`) has those that were found, `looked_for` the
    bits that need not be looked for again; `metadata` are the bytes of a wheel's METADATA.
    """

    file: File
    looked_for: int
    values: Mapping[int, Any] = field(default_factory=dict)
    metadata: bytes | None = None
