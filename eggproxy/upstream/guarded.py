"""Connections that look where they have led, before a word is said.

What a name stands for is only certain once it is connected to: whoever owns the name may answer
each question about it differently.
"""

from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from eggproxy.upstream.faults import ForbiddenHostError
from eggproxy.upstream.hosts import Hosts


class GuardedAdapter(HTTPAdapter):
    """requests' way to send, to hosts that may be asked; what a proxy does is its own affair."""

    def __init__(self, hosts: Hosts, pool_maxsize: int) -> None:
        self._hosts = hosts
        super().__init__(pool_maxsize=pool_maxsize)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools, of connections that look."""
        super().init_poolmanager(*args, **kwargs)
        guard = {"hosts": self._hosts}
        plain = type("_Plain", (_GuardedConnection,), guard)
        tls = type("_Tls", (_GuardedTlsConnection,), guard)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("_Pool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("_TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
        }


class _GuardedConnection(HTTPConnection):
    hosts: Hosts

    def _new_conn(self) -> Any:  # noqa: ANN401  a socket, by whatever name
        return _looked_at(self, super()._new_conn(), self.hosts)


class _GuardedTlsConnection(HTTPSConnection):
    hosts: Hosts

    def _new_conn(self) -> Any:  # noqa: ANN401  a socket, by whatever name
        return _looked_at(self, super()._new_conn(), self.hosts)


def _looked_at(connection: HTTPConnection, sock: Any, hosts: Hosts) -> Any:  # noqa: ANN401
    host = connection.host
    if connection.proxy is None and not hosts.may_connect(host, sock.getpeername()[0]):
        sock.close()
        raise ForbiddenHostError(f"http://{host}/")
    return sock
