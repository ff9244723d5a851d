"""Names of projects and files: one normaliser, one rule for what may become a path."""

import re
from typing import NewType

NormalizedName = NewType("NormalizedName", str)

# "Names and normalization" of the packaging specifications; \Z because $ would allow a newline.
_PROJECT = re.compile(r"[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?\Z", re.IGNORECASE | re.ASCII)
_SEPARATORS = re.compile(r"[-_.]+")

# Controls, DEL, both kinds of slash, the line and paragraph separators, lone surrogates.
_UNSAFE_IN_FILENAME = re.compile("[\x00-\x1f\x7f-\x9f/\\\\\u2028\u2029\ud800-\udfff]")

MAX_PROJECT_NAME = 200
"""Longest project name that is looked up, in characters: it becomes the name of a folder."""

MAX_FILENAME = 255
"""Longest filename that is stored, in bytes: file systems take no more. See `has_room`."""

METADATA = ".metadata"
SIGNATURE = ".asc"
PROVENANCE = ".provenance"
SIBLINGS = (METADATA, SIGNATURE, PROVENANCE)
"""What is put behind a distribution's name for what belongs to it (PEP 658, 503, 740)."""

CHANGING = (SIGNATURE, PROVENANCE)
"""Those that may come, go, and be replaced, while the distribution stays what it is."""

PAGE_NAMES = frozenset(
    f"{kind}.{form}{packed}"
    for kind in ("index", "stored")
    for form in ("html", "json")
    for packed in ("", ".gz")
)
"""Names in a project's folder that are eggproxy's own: never those of a distribution."""


def is_project_name(name: str) -> bool:
    """Say whether a name, as a person wrote it, can be that of a project (PEP 508)."""
    return len(name) <= MAX_PROJECT_NAME and _PROJECT.match(name) is not None


def normalize(name: str) -> NormalizedName:
    """Normalize a project's name (PEP 503): `Zope.Interface` is `zope-interface`."""
    if name.islower() and not ("_" in name or "." in name or "--" in name):
        # As most names are already; a list has a million.
        return NormalizedName(name)
    return NormalizedName(_SEPARATORS.sub("-", name).lower())


def is_filename(name: str) -> bool:
    """Say whether a distribution may be stored under this name in its project's folder."""
    return (
        name != ""
        and name[0] != "."
        and name not in PAGE_NAMES
        and _UNSAFE_IN_FILENAME.search(name) is None
        and len(name.encode()) <= MAX_FILENAME
    )


def has_room(filename: str, suffix: str) -> bool:
    """Say whether a sibling with that suffix can be stored beside a distribution."""
    return len(filename.encode()) + len(suffix) <= MAX_FILENAME


def is_of_project(filename: str, project: NormalizedName) -> bool:
    """Say whether a distribution's filename is a project's name, and then a version."""
    if filename.endswith((".whl", ".egg")):
        # Within the name of a wheel or an egg, a - is written as _ .
        return normalize(filename.partition("-")[0]) == project
    name = normalize(filename)
    return name.startswith(f"{project}-") and name[len(project) + 1 : len(project) + 2].isdigit()


def distribution_of(filename: str) -> str:
    """Take off what the name of a sibling has more than that of its distribution."""
    for suffix in SIBLINGS:
        filename = filename.removesuffix(suffix)
    return filename


def is_file_or_sibling(name: str) -> bool:
    """Say whether a distribution, or what belongs to one, may be stored under this name."""
    return is_filename(distribution_of(name)) and has_room(name, "")
