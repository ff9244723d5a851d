"""The address of the public index."""

import subprocess
import sys
from urllib.parse import urlsplit

import distlib.index

from eggproxy.default_index import default_index


def test_default_index__is_simple_api_of_published_host() -> None:
    """It is the Simple API, over https, on the host that the library publishes."""
    address = urlsplit(default_index())
    assert address.scheme == "https"
    assert address.hostname == urlsplit(distlib.index.DEFAULT_INDEX).hostname
    assert address.path == "/simple/"


def test_default_index__costs_nothing_on_import() -> None:
    """The library behind it is not loaded before the address is asked for."""
    program = "import sys, eggproxy.config; print('distlib' in sys.modules)"
    command = [sys.executable, "-c", program]
    assert subprocess.check_output(command, text=True).strip() == "False"
