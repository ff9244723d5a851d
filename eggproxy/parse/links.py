"""The links of an HTML page: which of them are files, and what the page says of those."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from eggproxy.model import File
from eggproxy.names import is_filename
from eggproxy.parse.page import Link
from eggproxy.parse.upload_time import upload_time
from eggproxy.parse.urls import (
    USUAL_FILENAME,
    USUAL_FOLDER,
    Base,
    fragment_facts,
    last_component,
)

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

_OF_MOST = frozenset({"data-requires-python", "data-core-metadata", "data-dist-info-metadata"})
_USUAL_CLAIM = re.compile(r"sha256=([0-9a-f]++)").fullmatch
_USUAL_TARGET = re.compile(
    rf"^({USUAL_FOLDER}({USUAL_FILENAME}))#(sha256|md5)=([0-9a-f]++)$", re.MULTILINE
)


# Where a link to a file leads, as far as its address says: filename, URL, digests, egg.
_Target = tuple[str, str, dict[str, str], str | None]


class _Said(NamedTuple):
    """What attributes say of a file."""

    requires_python: str | None
    core_metadata: bool | dict[str, str] | None
    gpg_sig: bool | None
    yanked: bool | str
    size: int | None
    upload_time: str | None
    provenance: str | None


def files(links: Sequence[Link], base: Base) -> list[File]:
    """Read those links that are files, relative to `base`; of two of one name, the first."""
    found: dict[str, File] = {}
    said: dict[int, _Said] = {}
    for link, target in zip(links, _targets(links, base), strict=True):
        if target is None or target[0] in found:
            continue
        filename, url, hashes, egg = target
        if link.attributes.keys() <= _OF_MOST:
            found[filename] = _usual_file(filename, url, hashes, egg, link.attributes)
            continue
        # Many links of a page share the attributes, the very same object.
        about = said.get(id(link.attributes))
        if about is None:
            about = said[id(link.attributes)] = _said(link.attributes, base)
        found[filename] = File(
            filename=filename,
            url=url,
            hashes=hashes,
            requires_python=about.requires_python,
            core_metadata=about.core_metadata,
            gpg_sig=about.gpg_sig,
            yanked=about.yanked,
            size=about.size,
            upload_time=about.upload_time,
            provenance=about.provenance,
            egg_fragment=egg,
        )
    return list(found.values())


def _usual_file(
    filename: str, url: str, hashes: dict[str, str], egg: str | None, attributes: Mapping[str, str]
) -> File:
    """Make a file that has only those attributes which most have; as the others, but sooner."""
    requires_python = attributes.get("data-requires-python")
    claim = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata", ""))
    usual = _USUAL_CLAIM(claim)
    return File(
        filename=filename,
        url=url,
        hashes=hashes,
        requires_python=requires_python if requires_python and requires_python.strip() else None,
        core_metadata={"sha256": usual[1]} if usual else _metadata(claim),
        egg_fragment=egg,
    )


def is_about_project(link: Link) -> bool:
    """Say whether a link leads to one of the pages that old indexes named beside the files."""
    return not _RELS_OF_PAGES.isdisjoint(link.attributes.get("rel", "").lower().split())


def _targets(links: Sequence[Link], base: Base) -> list[_Target | None]:
    """Find out where links lead; None for those that are no files."""
    text = "\n".join([link.href for link in links])
    usual = _USUAL_TARGET.findall(text)
    if len(usual) == len(links) == text.count("\n") + 1:
        # All match, a line each. It says the same as `_target`, and takes a tenth of its time.
        return [
            (filename, url, {algorithm: digest}, None) for url, filename, algorithm, digest in usual
        ]
    return [_target(link, base) for link in links]


def _target(link: Link, base: Base) -> _Target | None:
    address = base.absolute(link.href)
    if address is None:
        return None
    filename = last_component(address.url)
    hashes, egg = fragment_facts(address.fragment)
    if is_filename(filename) and (hashes or _looks_like_file(link, filename)):
        return filename, address.url, hashes, egg
    return None


def _looks_like_file(link: Link, filename: str) -> bool:
    if filename.lower().endswith(_ENDINGS) or not _OF_FILES.isdisjoint(link.attributes):
        return True
    # Of files that are unknown here, directories list the names as they are. Metadata is no file
    # of its own: it comes with a distribution (PEP 658).
    return (
        link.text == filename
        and "." in filename
        and not filename.endswith(".metadata")
        and not is_about_project(link)
    )


def _said(attributes: Mapping[str, str], base: Base) -> _Said:
    get = attributes.get
    requires_python = get("data-requires-python", "")
    yanked = get("data-yanked")
    provenance = get("data-provenance")
    address = base.absolute(provenance) if provenance else None
    size = get("data-size", "")
    return _Said(
        requires_python=requires_python if requires_python.strip() else None,
        # PEP 714: the old name counts only without the new one.
        core_metadata=_metadata(get("data-core-metadata", get("data-dist-info-metadata", ""))),
        gpg_sig=_BOOLEANS.get(get("data-gpg-sig", "").lower()),
        # PEP 592: the attribute alone yanks; its value, if there is one, is the reason.
        yanked=False if yanked is None else yanked if yanked.strip() else True,
        size=int(size) if _SIZE.fullmatch(size) else None,
        upload_time=upload_time(get("data-upload-time", "")),
        provenance=address.url if address else None,
    )


def _metadata(claim: str) -> bool | dict[str, str] | None:
    """Read `true` or `sha256=...` (PEP 658)."""
    return _BOOLEANS.get(claim.lower(), fragment_facts(claim).hashes or None)
