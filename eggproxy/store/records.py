"""Records held in memory: a client wants the files of one page one after the other."""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import msgspec

from eggproxy.model import ProjectDetail
from eggproxy.names import NormalizedName
from eggproxy.store.atomic import Signature, signature

MAX_FILES = 40_000
"""How many files the records held may have in all; each takes about a kilobyte.

A client that resolves has several projects of thousands of files at work at a time.
"""


class Validators(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """By what upstream can tell that a page has not changed."""

    etag: str | None = None
    last_modified: str | None = None
    # SHA-256 of the page as it came, for upstreams that give neither.
    digest: str = ""


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """That upstream no longer has a project: since when, and how often it has said so."""

    # Seconds since the epoch.
    since: float
    times: int


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a stored page; the time of its file is when upstream last confirmed it."""

    url: str
    validators: Validators
    # The addresses of the indexes that it is from, by their names.
    addresses: dict[str, str] = {}
    # None for the project list, which is read from nowhere but its pages.
    detail: ProjectDetail | None = None
    # Files whose `.metadata` upstream promised and did not have.
    withdrawn: list[str] = []
    # When that was found out last, in seconds since the epoch.
    withdrawn_at: float = 0.0
    # Files for which upstream names no digest: theirs, in `detail`, is of what came first.
    pinned: list[str] = []
    gone: Gone | None = None
    # The name of the index that the page came from; of files from others, theirs by filename.
    index: str = ""
    sources: dict[str, str] = {}

    def indexes(self) -> set[str]:
        """Name the indexes that it is from."""
        return {self.index, *self.sources.values()}

    @property
    def weight(self) -> int:
        """How much memory it takes, in files."""
        return 1 + (len(self.detail.files) if self.detail is not None else 0)


class _Held(NamedTuple):
    changed: Signature
    record: Record


class _Addresses(msgspec.Struct, frozen=True):
    """The little of a record that says where its page came from."""

    addresses: dict[str, str] = {}


_decode = msgspec.json.Decoder(Record).decode
_decode_addresses = msgspec.json.Decoder(_Addresses).decode


class Records:
    """Reads records, and holds those that were used last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[NormalizedName | None, _Held] = OrderedDict()
        self._weight = 0

    def read(self, name: NormalizedName | None, path: Path) -> Record:
        """Read a record, if it has changed. Raises OSError, msgspec.DecodeError."""
        changed = signature(path)
        held = self._recall(name, changed)
        if held is not None:
            return held
        record = _decode(path.read_bytes())
        self._hold(name, _Held(changed, record))
        return record

    def addresses(self, name: NormalizedName | None, path: Path) -> dict[str, str]:
        """Give the addresses that a page is from; empty where they are unknown.

        Of a record that is not held, nothing else is read.
        """
        try:
            held = self._recall(name, signature(path))
            return (held or _decode_addresses(path.read_bytes())).addresses
        except (OSError, msgspec.DecodeError):
            return {}

    def _recall(self, name: NormalizedName | None, changed: Signature) -> Record | None:
        with self._lock:
            held = self._held.get(name)
            if held is None or held.changed != changed:
                return None
            self._held.move_to_end(name)
            return held.record

    def hold(self, name: NormalizedName | None, path: Path, record: Record) -> None:
        """Hold a record that has just been written, under its lock. Raises OSError."""
        self._hold(name, _Held(signature(path), record))

    def clear(self) -> None:
        """Hold none any more."""
        with self._lock:
            self._held.clear()
            self._weight = 0

    def _hold(self, name: NormalizedName | None, held: _Held) -> None:
        with self._lock:
            self._drop(name)
            self._held[name] = held
            self._weight += held.record.weight
            while self._weight > MAX_FILES and len(self._held) > 1:
                self._drop(next(iter(self._held)))

    def _drop(self, name: NormalizedName | None) -> None:
        gone = self._held.pop(name, None)
        if gone is not None:
            self._weight -= gone.record.weight
