"""Who guesses passwords has to wait, for longer and longer."""

import ipaddress
import math
import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from eggproxy.access.errors import TooManyFailuresError

FREE = 5
"""So many different wrong passwords from an address cost nothing: people mistype."""

LONGEST = 60.0
"""Longest wait, in seconds: no more, since many may have one address."""

FORGOTTEN = 900.0
"""Seconds after which an address begins anew."""

MAX_ADDRESSES = 4096
_MAX_NAMES = 32
_MAX_NAME = 64
_NETWORK = 64


@dataclass(slots=True)
class _Failures:
    names: Counter[str] = field(default_factory=Counter)
    last: float = -math.inf

    def until(self) -> float:
        """Until when to wait: 1 s, 2 s, 4 s and so on after each failure."""
        surplus = self.names.total() - FREE
        return self.last + min(LONGEST, 2.0**surplus) if surplus >= 0 else self.last


class Delays:
    """Failures by the address of the client; of IPv6 by its network of 64 bits. Times are given."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: OrderedDict[str, _Failures] = OrderedDict()

    def check(self, client: str | None, now: float) -> None:
        """Raise TooManyFailuresError if this client has to wait."""
        with self._lock:
            failures = self._clients.get(_network(client))
            left = failures.until() - now if failures else 0.0
        if left > 0:
            raise TooManyFailuresError(math.ceil(left))

    def fail(self, client: str | None, name: str, now: float) -> None:
        """Note a wrong password."""
        key, name = _network(client), name[:_MAX_NAME]
        with self._lock:
            failures = self._clients.pop(key, None)
            if failures is None or now - failures.last > FORGOTTEN:
                failures = _Failures()
            self._clients[key] = failures
            named = name if name in failures.names or len(failures.names) < _MAX_NAMES else ""
            failures.names[named] += 1
            failures.last = now
            while len(self._clients) > MAX_ADDRESSES:
                self._clients.popitem(last=False)

    def succeed(self, client: str | None, name: str) -> None:
        """Forget a client's failures as this user: not those as others, whom it may be guessing."""
        key = _network(client)
        with self._lock:
            failures = self._clients.get(key)
            if failures is not None:
                failures.names.pop(name[:_MAX_NAME], None)
                if not failures.names:
                    del self._clients[key]


def _network(client: str | None) -> str:
    """Take what one client can have all of: with IPv6 that is a network."""
    try:
        address = ipaddress.ip_address((client or "").partition("%")[0])
    except ValueError:
        return client or ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(address), _NETWORK), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)
