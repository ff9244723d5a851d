"""A project's page in HTML (PEP 503, 592, 658, 714, 740, 792)."""

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from eggproxy.characters import consists_of
from eggproxy.model import File, ProjectDetail
from eggproxy.render.html import FOOT, escaped, head, meta
from eggproxy.render.links import all_plain, link, provenance_links

# Strongest first; these are what pip takes in a fragment.
_FRAGMENT_DIGESTS = ("sha256", "sha512", "sha384", "sha224", "sha1", "md5")
_HEX = b"0123456789abcdef"


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

    Each part is written for all files at once: there can be thousands, and all much alike.
    """
    names = [file.filename for file in files]
    parts = zip(names, _fragments(files), _requirements(files), _others(files), strict=True)
    if all_plain(files):
        return [
            f'<a href="{name}{fragment}"{requirement}{other}>{name}</a><br>\n'
            for name, fragment, requirement, other in parts
        ]
    return [
        f'<a href="{escaped(link(name))}{fragment}"{requirement}{other}>{escaped(name)}</a><br>\n'
        for name, fragment, requirement, other in parts
    ]


def _fragments(files: list[File]) -> Iterable[str]:
    """Write what follows the URL of each file: a digest, or else what setuptools wants there."""
    digests = _digests([file.hashes for file in files], "#")
    if "" not in digests:
        return digests
    return [digest or _egg(file) for digest, file in zip(digests, files, strict=True)]


def _requirements(files: list[File]) -> Iterable[str]:
    """Write data-requires-python of each file; a project has few that differ."""
    specifiers = [file.requires_python for file in files]
    written = {
        specifier: "" if specifier is None else f' data-requires-python="{escaped(specifier)}"'
        for specifier in set(specifiers)
    }
    return [written[specifier] for specifier in specifiers]


def _others(files: list[File]) -> Iterable[str]:
    """Write the other attributes of each file."""
    claims = [file.core_metadata for file in files]
    # Those of archives, which have none, must not keep the others from the quick way.
    digests = iter(_digests([claim for claim in claims if claim and isinstance(claim, dict)]))
    claimed = [_claimed(claim, digests) if claim else "" for claim in claims]
    rare = [
        place
        for place, file in enumerate(files)
        if file.yanked or file.gpg_sig is not None or file.provenance is not None
    ]
    provenances = provenance_links(files) if rare else []
    for place in rare:
        claimed[place] += _rare_attributes(files[place], provenances[place])
    return claimed


def _claimed(claim: bool | dict[str, str], digests: Iterator[str]) -> str:  # noqa: FBT001  it is data
    """Write what is said of metadata; the digests are those of all claims that have some."""
    claimed = next(digests) or "true" if isinstance(claim, dict) else "true"
    return f' data-core-metadata="{claimed}"'


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


def _digests(column: list[dict[str, str]], prefix: str = "") -> list[str]:
    """Write the strongest of each file's digests as `name=hex`; "" if there is none."""
    usual = [hashes.get("sha256", "") for hashes in column]
    if "" not in usual and consists_of("".join(usual), _HEX):
        prefix += "sha256="
        return [prefix + digest for digest in usual]
    return [_digest(hashes, prefix) for hashes in column]


def _digest(hashes: dict[str, str], prefix: str) -> str:
    for name in _FRAGMENT_DIGESTS:
        if digest := hashes.get(name):
            return f"{prefix}{name}={escaped(digest)}"
    return ""
