"""The version of the API that a page claims (PEP 629, PEP 700)."""

from eggproxy.model import API_VERSION, ProjectDetail


def claimed_version(detail: ProjectDetail) -> tuple[int, int]:
    """Newest API version that is true of the data.

    PEP 700: from 1.1 on every file MUST have a size, and `versions` MUST be there.
    """
    claim = min(detail.api_version, API_VERSION)
    complete = detail.versions is not None and None not in [file.size for file in detail.files]
    return claim if complete else (1, 0)


def version_text(version: tuple[int, int]) -> str:
    """Write a version as pages have it."""
    return f"{version[0]}.{version[1]}"
