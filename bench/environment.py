"""The environment in which pip and uv are run: nothing of the machine's own settings."""

import os
from pathlib import Path

KEPT = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


def clean_environment(home: Path) -> dict[str, str]:
    """Give an environment without any setting of pip or uv, whose home is elsewhere."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {
        "HOME": str(home),
        "TMPDIR": str(home),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_NO_CONFIG": "1",
    }
