"""Uploads whose server is killed: whole or not at all, and nothing is left."""

import contextlib
import http.client
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.distributions import Distribution, make_wheel
from tests.httpd import children
from tests.servers import PATIENCE, Server, wait_until
from tests.uploading import ALICE, TYPE, fields_of, form_of, shop, stored, unfinished, upload
from tests.upstream import Upstream

PIECES = 8


def test_kill__whole_or_not_at_all(
    tmp_path: Path, upstream: Upstream, pytestconfig: pytest.Config
) -> None:
    """A file whose server was killed is there whole or not at all, and no half one stays."""
    chance = random.Random(7)  # noqa: S311
    wheels = [
        make_wheel("acme-kill", f"1.{number}", size=1 << 20)
        for number in range(pytestconfig.getoption("kills"))
    ]
    with shop(tmp_path, upstream.index_url, "gunicorn") as server:
        told = [upload_and_kill(server, wheel, chance) for wheel in wheels]
        assert upload(server, make_wheel("acme-next", "1.0")).status == 200
        found = stored(server)
        page = server.get("/pypi/acme-kill/").body
        for wheel, was_told in zip(wheels, told, strict=True):
            assert found.get(place(wheel)) in {wheel.content, None}
            assert (place(wheel) in found) == (wheel.filename.encode() in page)
            assert place(wheel) in found or not was_told
        assert unfinished(server) == []


def upload_and_kill(server: Server, wheel: Distribution, chance: random.Random) -> bool:
    """Upload, and kill the worker at some moment; say whether the upload was confirmed."""
    body = form_of(fields_of(wheel), wheel.filename, wheel.content)
    headers = {"Authorization": ALICE, "Content-Type": TYPE, "Content-Length": str(len(body))}
    size = -(-len(body) // PIECES)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    left = {*unfinished(server)}
    with contextlib.closing(connection):
        try:
            connection.putrequest("POST", "/pypi/")
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            # Every other time all of it, to be killed while it is read, linked and noted.
            for number in range(chance.choice([PIECES, chance.randrange(1, PIECES)])):
                connection.send(body[number * size :][:size])
            wait_until(lambda: {*unfinished(server)} - left or is_stored(server, wheel))
            time.sleep(chance.uniform(0, 0.02))
            for worker in children(server.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def is_stored(server: Server, wheel: Distribution) -> bool:
    """Say whether a wheel is there."""
    return place(wheel) in stored(server)


def place(wheel: Distribution) -> str:
    """Name the place of a wheel that is there."""
    return f"acme-kill/{wheel.filename}"
