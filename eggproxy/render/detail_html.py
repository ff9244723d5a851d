"""A project's page in HTML (PEP 503, 592, 658, 714, 740, 792)."""

from collections.abc import Iterable
from itertools import chain, repeat
from typing import Any
from urllib.parse import quote

from eggproxy.characters import consists_of
from eggproxy.model import File, ProjectDetail
from eggproxy.render.html import FOOT, escaped, head, meta
from eggproxy.render.links import all_plain, link, provenance_links

# Strongest first; these are what pip takes in a fragment.
_FRAGMENT_DIGESTS = ("sha256", "sha512", "sha384", "sha224", "sha1", "md5")
_HEX = b"0123456789abcdef"

Parts = tuple[Iterable[str], ...]
"""Of each file some pieces of text, one after the other."""


def project_detail_html(detail: ProjectDetail) -> bytes:
    """Render a project's page as HTML (PEP 503, 592, 658, 714, 740, 792)."""
    status = ""
    if detail.status is not None:
        status = meta("pypi:project-status", detail.status.status)
        if detail.status.reason is not None:
            status += meta("pypi:project-status-reason", detail.status.reason)
    begin = head(f"Links for {detail.name}", detail.api_version, status)
    return "".join((begin, *_anchors(detail.files), FOOT)).encode()


def _anchors(files: list[File]) -> Iterable[str]:
    """Write the links; the text of each MUST be its filename (PEP 503).

    Each part is written for all files at once: there can be thousands, and all much alike. And
    what is there already, as the digests are, goes into the page as it is.
    """
    texts = links = [file.filename for file in files]
    if not all_plain(files):
        texts, links = list(map(escaped, texts)), [escaped(link(name)) for name in texts]
    parts = (
        *(repeat('<a href="'), links, *_fragments(files), repeat('"')),
        *(_requirements(files), *_claims(files), *_rare(files)),
        *(repeat(">"), texts, repeat("</a><br>\n")),
    )
    return chain.from_iterable(zip(*parts, strict=False))


def _fragments(files: list[File]) -> Parts:
    """Write what follows the URL of each file: a digest, or else what setuptools wants there."""
    usual = _usual_digests([file.hashes for file in files])
    if usual is not None and "" not in usual:
        return repeat("#sha256="), usual
    digests = [_digest(file.hashes) for file in files]
    fragments = [
        f"#{digest}" if digest else _egg(file) for digest, file in zip(digests, files, strict=True)
    ]
    return (fragments,)


def _requirements(files: list[File]) -> Iterable[str]:
    """Write data-requires-python of each file; a project has few that differ."""
    specifiers = [file.requires_python for file in files]
    written = {
        specifier: "" if specifier is None else f' data-requires-python="{escaped(specifier)}"'
        for specifier in set(specifiers)
    }
    return [written[specifier] for specifier in specifiers]


def _claims(files: list[File]) -> Parts:
    """Write what is said of the metadata of each file."""
    claims = [file.core_metadata for file in files]
    usual = _usual_digests(claims)
    if usual is None:
        return ([_claim(claim) if claim else "" for claim in claims],)
    begins = [' data-core-metadata="sha256=' if digest else "" for digest in usual]
    return begins, usual, ['"' if digest else "" for digest in usual]


def _claim(claim: bool | dict[str, str]) -> str:  # noqa: FBT001  it is data
    digest = _digest(claim) if isinstance(claim, dict) else ""
    return f' data-core-metadata="{digest or "true"}"'


def _rare(files: list[File]) -> Parts:
    """Write the attributes that hardly a file has."""
    rare = [
        place
        for place, file in enumerate(files)
        if file.yanked or file.gpg_sig is not None or file.provenance is not None
    ]
    if not rare:
        return ()
    provenances = provenance_links(files)
    attributes = [""] * len(files)
    for place in rare:
        attributes[place] = _rare_attributes(files[place], provenances[place])
    return (attributes,)


def _rare_attributes(file: File, provenance: str | None) -> str:
    attributes = ""
    if file.yanked:
        reason = "" if file.yanked is True else escaped(file.yanked)
        attributes += f' data-yanked="{reason}"'
    if file.gpg_sig is not None:
        attributes += f' data-gpg-sig="{"true" if file.gpg_sig else "false"}"'
    if provenance:
        attributes += f' data-provenance="{escaped(provenance)}"'
    return attributes


def _egg(file: File) -> str:
    return "" if file.egg_fragment is None else f"#egg={escaped(quote(file.egg_fragment))}"


def _usual_digests(claims: list[Any]) -> list[str] | None:
    """Give the SHA-256 of each claim, "" where nothing is claimed; None if one claims otherwise."""
    try:
        # Where it is empty, another digest may not be.
        digests: list[Any] = [(claim["sha256"] or None) if claim else "" for claim in claims]
    except (KeyError, TypeError):
        return None
    if None in digests or not consists_of("".join(digests), _HEX):
        return None
    return digests


def _digest(hashes: dict[str, str]) -> str:
    """Write the strongest of some digests as `name=hex`; "" if there is none."""
    for name in _FRAGMENT_DIGESTS:
        if digest := hashes.get(name):
            return f"{name}={escaped(digest)}"
    return ""
