"""Records held in memory: a client wants the files of one page one after the other."""

import threading
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import msgspec

from eggproxy.names import NormalizedName
from eggproxy.store.atomic import Signature, signature
from eggproxy.store.record import Record, addresses_in, decode, excerpt_of, with_only

MAX_FILES = 40_000
"""How many files the records held may have in all; each takes about a kilobyte.

A client that resolves has several projects of thousands of files at work at a time.
"""

SMALL = 100_000
"""Bytes up to which a record is always read whole: that takes 0.2 ms, and it is held then."""

FEW = 20
"""How many files are looked for one by one; of more, each in its turn costs as much as all."""


class _Held(NamedTuple):
    changed: Signature
    record: Record


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
        record = decode(path.read_bytes())
        self._hold(name, _Held(changed, record))
        return record

    def excerpt(
        self, name: NormalizedName | None, path: Path, filenames: Collection[str]
    ) -> Record:
        """Read a record of which only certain files are wanted: it has no others.

        Of one that is large, nothing is held. Raises OSError, msgspec.DecodeError.
        """
        changed = signature(path)
        record = self._recall(name, changed)
        if record is None and changed.size > SMALL and len(filenames) <= FEW:
            found = excerpt_of(path, filenames)
            if found is not None:
                return found
        return with_only(record or self.read(name, path), filenames)

    def addresses(self, name: NormalizedName | None, path: Path) -> dict[str, str]:
        """Give the addresses that a page is from; empty where they are unknown.

        Of a record that is not held, nothing else is read.
        """
        try:
            held = self._recall(name, signature(path))
            return held.addresses if held is not None else addresses_in(path)
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
