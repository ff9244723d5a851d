"""One link of an HTML page: whether it is a file, and what the page says of it."""

import re
from collections.abc import Mapping
from typing import Any

from eggproxy.model import File
from eggproxy.names import is_filename
from eggproxy.parse import values
from eggproxy.parse.page import Link
from eggproxy.parse.urls import absolute, fragment_facts, last_component

_ENDINGS = (
    *(".whl", ".egg", ".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".tar.z"),
    *(".exe", ".msi", ".rpm", ".deb", ".dmg"),
)
# Attributes that only a file has (PEP 503, 592, 658, 714, 740).
_OF_FILES = frozenset(
    f"data-{name}"
    for name in (
        *("requires-python", "gpg-sig", "yanked", "core-metadata", "dist-info-metadata"),
        *("provenance", "size", "upload-time"),
    )
)
_BOOLEANS = {"true": True, "false": False}
_SIZE = re.compile(r"[0-9]{1,18}")
# What setuptools once looked for files on: pages, as a rule.
_RELS_OF_PAGES = frozenset({"homepage", "download"})


def file(link: Link, base: str) -> File | None:
    """Read a link as a file; None if it is something else. `base` is what it is relative to."""
    address = absolute(base, link.href)
    if address is None:
        return None
    filename = last_component(address.url)
    hashes, egg = fragment_facts(address.fragment)
    if not is_filename(filename) or not (hashes or _looks_like_file(link, filename)):
        return None
    if _OF_FILES.isdisjoint(link.attributes):
        return File(filename=filename, url=address.url, hashes=hashes, egg_fragment=egg)
    return File(
        filename=filename,
        url=address.url,
        hashes=hashes,
        egg_fragment=egg,
        **_said_in_attributes(link.attributes, base),
    )


def _looks_like_file(link: Link, filename: str) -> bool:
    if filename.lower().endswith(_ENDINGS) or not _OF_FILES.isdisjoint(link.attributes):
        return True
    # Of files that are unknown here, directories list the names as they are. Metadata is no file
    # of its own: it comes with a distribution (PEP 658).
    return (
        link.text.strip() == filename
        and "." in filename
        and not filename.endswith(".metadata")
        and not is_about_project(link)
    )


def is_about_project(link: Link) -> bool:
    """Say whether a link leads to the pages that old indexes named beside the files."""
    return not _RELS_OF_PAGES.isdisjoint(link.attributes.get("rel", "").lower().split())


def _said_in_attributes(said: Mapping[str, str], base: str) -> dict[str, Any]:
    yanked = said.get("data-yanked")
    provenance = said.get("data-provenance")
    address = absolute(base, provenance) if provenance else None
    size = said.get("data-size", "")
    return {
        "requires_python": said.get("data-requires-python", "").strip() or None,
        "core_metadata": _core_metadata(said),
        "gpg_sig": _BOOLEANS.get(said.get("data-gpg-sig", "")),
        # PEP 592: the attribute alone yanks; its value, if there is one, is the reason.
        "yanked": False if yanked is None else yanked.strip() or True,
        "size": int(size) if _SIZE.fullmatch(size) else None,
        "upload_time": values.upload_time(said.get("data-upload-time")),
        "provenance": address.url if address else None,
    }


def _core_metadata(said: Mapping[str, str]) -> bool | dict[str, str] | None:
    """Read the attribute, whose old name counts only without the new one (PEP 714)."""
    claim = said.get("data-core-metadata", said.get("data-dist-info-metadata", ""))
    return _BOOLEANS.get(claim.lower(), fragment_facts(claim).hashes or None)
