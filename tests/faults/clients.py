"""Clients that compare every byte with what upstream has published."""

import http.client
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.servers import PATIENCE

_BLOCK = 1 << 18


class Download(NamedTuple):
    """What a client has of a file: `whole` if all came, `wrong` if any byte was another."""

    status: int
    received: int
    seconds: float
    whole: bool
    wrong: bool


def download(url: str, content: bytes) -> Download:
    """Fetch an address that should have this content; it may also break off."""
    began = time.monotonic()
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)
    status = received = 0
    wrong = False
    try:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        status = response.status
        while status == 200 and (block := response.read1(_BLOCK)):
            wrong = wrong or not content.startswith(block, received)
            received += len(block)
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    whole = status == 200 and received == len(content)
    return Download(status, received, time.monotonic() - began, whole, wrong)
