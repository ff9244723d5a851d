"""The servers that can be measured: a command line for each, and nothing else."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.programs import Program

BIN = str(Path(sys.executable).parent)


@dataclass(frozen=True)
class Server:
    """How a server is started; `{bin}`, `{eggs}`, `{index}` and `{port}` are filled in."""

    command: str
    # Added to the environment.
    environment: tuple[tuple[str, str], ...] = ()
    # Where it has its projects.
    prefix: str = "/pypi/"


SERVERS = {
    "eggproxy": Server(
        "{bin}/eggproxy serve --eggs-directory {eggs} --index {index} --listen 127.0.0.1"
        " --port {port} --update-interval 24 --workers 1"
    ),
    "granian": Server(
        "{bin}/granian --interface asgi --factory --host 127.0.0.1 --port {port} --workers 1"
        " --loop uvloop --no-ws eggproxy.server.run:application",
        (
            ("EGGPROXY_EGGS_DIRECTORY", "{eggs}"),
            ("EGGPROXY_INDEX", "{index}"),
            ("EGGPROXY_UPDATE_INTERVAL", "24"),
        ),
    ),
}


def start_server(
    name: str, eggs: Path, index: str, port: int, work: Path, **settings: object
) -> Program:
    """Start one of `SERVERS` over a directory, in front of an index; its log is a file.

    `settings` are those of eggproxy.
    """
    server = SERVERS[name]
    facts = {"bin": BIN, "eggs": str(eggs), "index": index, "port": str(port)}
    command = [word.format(**facts) for word in server.command.split()]
    # Whatever settings of the proxy, or of a proxy before it, are in the environment stay out.
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.upper().startswith("EGGPROXY_") and not key.lower().endswith("_proxy")
    }
    environment |= {f"EGGPROXY_{key.upper()}": str(value) for key, value in settings.items()}
    environment |= {key: value.format(**facts) for key, value in server.environment}
    return Program(command, work / f"{name}-{port}.log", environment)
