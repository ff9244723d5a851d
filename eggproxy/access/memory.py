"""Credentials that have been looked at a moment ago: bcrypt is slow, and clients send many."""

import hashlib
import secrets
import threading
from collections import OrderedDict
from typing import NamedTuple

from eggproxy.access.callers import Caller
from eggproxy.access.errors import UnauthorizedError

RIGHT_FOR = 300.0
"""Seconds for which credentials that were right are remembered."""

WRONG_FOR = 60.0
"""Seconds for which wrong ones are: a client that repeats them is no guesser."""

MAX_EACH = 4096
"""How many of either kind are remembered; guesses never drive out what was right."""

Outcome = Caller | UnauthorizedError


class _Entry(NamedTuple):
    outcome: Outcome
    # What the files said then, and until when it holds, in seconds since the epoch.
    state: object
    until: float


class Memory:
    """Outcomes by a keyed hash of the Authorization header, which itself is not kept."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._right: OrderedDict[bytes, _Entry] = OrderedDict()
        self._wrong: OrderedDict[bytes, _Entry] = OrderedDict()

    def key(self, authorization: str) -> bytes:
        """Hash a header, with a key that dies with the process."""
        data = authorization.encode("utf-8", "backslashreplace")
        return hashlib.blake2b(data, key=self._key, digest_size=32).digest()

    def get(self, key: bytes, state: object, now: float) -> Outcome | None:
        """Recall what came of credentials, if the files have not changed since."""
        entry = self._right.get(key) or self._wrong.get(key)
        if entry is None or entry.state is not state or now >= entry.until:
            return None
        return entry.outcome

    def put(self, key: bytes, outcome: Outcome, state: object, until: float) -> None:
        """Remember what came of credentials; the oldest give way."""
        of_its_kind = self._right if isinstance(outcome, Caller) else self._wrong
        with self._lock:
            self._right.pop(key, None)
            self._wrong.pop(key, None)
            of_its_kind[key] = _Entry(outcome, state, until)
            while len(of_its_kind) > MAX_EACH:
                of_its_kind.popitem(last=False)
