"""The standalone server's connections: kept while they are used, closed when they are idle."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import uvicorn

from eggproxy import config
from eggproxy.front import Front
from eggproxy.server.asgi import Application
from eggproxy.server.protocol import EggProxyProtocol
from tests.servers import PATIENCE, settings_of
from tests.upstream import Upstream


@pytest.fixture
def port(tmp_path: Path, upstream: Upstream) -> Iterator[int]:
    """Serve a project from a thread; connections may be idle for a second."""
    upstream.add("foo", "foo-1.0.tar.gz", b"foo")
    configuration = config.load(environ=settings_of(upstream.index_url, tmp_path / "eggs"))
    front = Front(configuration)
    front.prepare(configuration)
    app = Application(front)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(app, http=EggProxyProtocol, log_config=None, timeout_keep_alive=1)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


def test_connection__idle_is_closed(port: int) -> None:
    """A connection is kept however long it is used, and closed when it is idle."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.connect()
        own = connection.sock
        began = time.monotonic()
        while time.monotonic() < began + 1.5:
            connection.request("GET", "/pypi/foo/")
            assert b"foo-1.0.tar.gz" in connection.getresponse().read()
            assert connection.sock is own
        assert own.recv(1) == b""


def test_connection__idle_after_several_requests_at_once(port: int) -> None:
    """Requests that came at once, a miss and then hits, are all answered before that."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as raw:
        raw.sendall(b"GET /pypi/foo/ HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        received = b""
        while received.count(b"</html>") < 3:
            received += raw.recv(65536)
        assert raw.recv(1) == b""
