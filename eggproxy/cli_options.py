"""What commands share: the option that names the configuration, and how they fail."""

import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from eggproxy import config
from eggproxy.config import Configuration
from eggproxy.errors import ConfigurationError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

config_file_option = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Configuration file; else $EGGPROXY_CONFIG, ~/eggproxy.conf, etc/eggproxy.conf beside "
    "this command's bin, /etc/eggproxy.conf.",
)


def load(config_file: Path | None, options: dict[str, Any]) -> Configuration:
    """Load the configuration. Raises ConfigurationError."""
    given = {name: str(value) for name, value in options.items() if value is not None}
    return config.load(path=config_file, environ=os.environ, options=given, bindir=bindir())


def bindir() -> Path:
    """Find the folder of the command."""
    return Path(sys.argv[0]).absolute().parent


def fail(error: ConfigurationError) -> NoReturn:
    """End the command with status 2, and one sentence."""
    click.echo(f"eggproxy: {error}", err=True)
    sys.exit(2)
