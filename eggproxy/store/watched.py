"""A small file that others write, read again whenever it has changed."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from eggproxy.store.atomic import Signature, signature

log = logging.getLogger("eggproxy")

Content = TypeVar("Content")

_SETTLED = 2_000_000_000
"""Nanoseconds after which a change would show in the time of a file, on any file system."""


class Watched(Generic[Content]):
    """What a file says; a file that is not there says what an empty one does.

    `parse` makes it of the bytes, and mistakes, one sentence each, which are logged.
    """

    def __init__(self, path: Path, parse: Callable[[bytes], tuple[Content, list[str]]]) -> None:
        self.path = path
        self._parse = parse
        self._lock = threading.Lock()
        self._seen: tuple[bytes, str] | None = None
        self._signature: Signature | None = None
        self._is_settled = False
        self._content, _ = parse(b"")

    def get(self) -> Content:
        """Give what the file says now; the same object as before if it has not changed."""
        if not (self._is_settled and self._look() == self._signature):
            with self._lock:
                for mistake in self._read():
                    log.error("%s: %s", self.path, mistake)
        return self._content

    def mistakes(self) -> list[str]:
        """Read the file and give what is wrong with it, if it is read for the first time."""
        with self._lock:
            return self._read()

    def _look(self) -> Signature | None:
        try:
            return signature(str(self.path))
        except OSError:
            return None

    def _read(self) -> list[str]:
        """Read the file; return what is wrong with it, once."""
        looked = self._look()
        seen = self._bytes()
        # Written twice within one tick of the clock, a file looks as if written once. And that it
        # may be read again changes nothing of how it looks.
        is_old = looked is None or time.time_ns() - looked.modified > _SETTLED
        self._is_settled = is_old and not seen[1]
        self._signature = looked
        if seen == self._seen:
            return []
        self._seen = seen
        data, why = seen
        self._content, mistakes = self._parse(data)
        return [why, *mistakes] if why else mistakes

    def _bytes(self) -> tuple[bytes, str]:
        """Read the file's bytes, or say why that is not possible."""
        try:
            return self.path.read_bytes(), ""
        except FileNotFoundError:
            return b"", ""
        except OSError as error:
            return b"", f"it cannot be read ({error.strerror}): let the user who serves read it"
