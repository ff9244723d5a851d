"""Running the standalone server: sockets, workers, signals."""

import contextlib
import functools
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from eggproxy.accesslog import AccessLog
from eggproxy.config import Configuration, load
from eggproxy.errors import ConfigurationError
from eggproxy.front import Front
from eggproxy.server.asgi import Application
from eggproxy.server.page_process import PageProcess

log = logging.getLogger("eggproxy")

GRACE = 10
"""Seconds that running answers have to end after SIGTERM or Ctrl-C."""

KEEP_ALIVE = 65
"""Seconds for which an idle connection is kept: longer than the proxies that may stand before."""

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "format": "%(asctime)s %(levelname)s %(message)s",
            "datefmt": "%Y-%m-%dT%H:%M:%S%z",
        }
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "stream": "ext://sys.stderr",
        }
    },
    "loggers": {
        "eggproxy": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}


def make_application(
    configuration: Configuration, *, log_requests: bool = True, page_process: bool = False
) -> Application:
    """Make the ASGI application, with a directory that is ready.

    With `page_process` new pages are read in another process; only where there are no threads yet.
    """
    process = PageProcess.start(configuration) if page_process else None
    front = Front(configuration)
    front.prepare(configuration)
    if process is not None:
        for name, channel in front.channels.items():
            channel.pages.refresher.elsewhere = functools.partial(
                process.take, name, channel.fetch_ahead
            )
    return Application(front, AccessLog() if log_requests else None)


def application() -> Application:
    """Make the ASGI application from the environment and files, for other ASGI servers.

    granian --interface asgi --factory eggproxy.server.run:application
    """
    bindir = Path(sys.prefix) / "bin"
    return make_application(load(environ=os.environ, bindir=bindir))


def check_directory(configuration: Configuration) -> None:
    """See that the directory can be used, before anything is started. Raises ConfigurationError."""
    Front(configuration).prepare(configuration)


def listening_socket(configuration: Configuration) -> socket.socket:
    """Take the address to listen on. Raises ConfigurationError if that is not possible."""
    family = socket.AF_INET6 if ":" in configuration.listen else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((configuration.listen, configuration.port))
        listener.set_inheritable(True)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"Cannot listen on {configuration.listen} port {configuration.port} "
            f"({error.strerror}): choose another with listen, port, or end what has it now."
        ) from error
    return listener


def serve(configuration: Configuration, listener: socket.socket, workers: int = 1) -> None:
    """Serve until a signal comes, then let running answers end within `GRACE` seconds."""
    from eggproxy.server.protocol import EggProxyProtocol  # noqa: PLC0415

    settings = uvicorn.Config(
        functools.partial(make_application, configuration, page_process=True),
        factory=True,
        http=EggProxyProtocol,
        ws="none",
        loop="auto",
        workers=workers,
        log_config=LOGGING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
    if workers == 1:
        _Server(settings).run(sockets=[listener])
    else:
        Multiprocess(settings, sockets=[listener]).run()


class _Server(uvicorn.Server):
    """uvicorn's server, for which a signal is a reason to end well."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals that end the server, and do not raise them again afterwards.

        Ending on request is no failure: the exit status is 0.
        """
        taken = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, before in taken.items():
                signal.signal(number, before)


def end_process() -> None:
    """End without waiting for threads that still wait for upstream; all they do is resumable."""
    logging.shutdown()
    os._exit(0)
