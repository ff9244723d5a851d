"""The pages of the test upstream, in the forms that indexes have had over the years."""

import hashlib
import json
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

Form = Literal["json", "html", "legacy"]
Json = dict[str, Any]

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "text/html; charset=utf-8"
# Keys that have an attribute of their own, or none, in HTML.
_NOT_DATA = {"filename", "url", "hashes", "size", "upload-time", "core-metadata"}


@dataclass
class Project:
    """A project as upstream knows it: its files in the form of PEP 691."""

    name: str
    files: dict[str, Json] = field(default_factory=dict)
    # Further keys of the JSON page's top level, e.g. {"project-status": {...}}.
    keys: Json = field(default_factory=dict)
    # Lines put into the HTML pages as they stand, e.g. '<a href="..." rel="homepage">x</a>'.
    raw_links: list[str] = field(default_factory=list)


def digests(content: bytes, algorithm: str | None) -> dict[str, str]:
    """Give the `hashes` of PEP 691 for one algorithm, or none."""
    return {algorithm: hashlib.new(algorithm, content).hexdigest()} if algorithm else {}


def project_json(project: Project, api_version: str) -> bytes:
    """Write a project's page as PEP 691 and PEP 700 have it."""
    page = {
        "meta": {"api-version": api_version, "_last-serial": 1},
        "name": project.name,
        "versions": versions(project),
        "files": list(project.files.values()),
        **project.keys,
    }
    return json.dumps(page).encode()


def versions(project: Project) -> list[str]:
    """List the versions of the files whose names can be understood."""
    found = set()
    for name in project.files:
        try:
            parse = parse_wheel_filename if name.endswith(".whl") else parse_sdist_filename
            found.add(parse(name)[1])
        except (InvalidWheelFilename, InvalidSdistFilename):
            continue
    return [str(version) for version in sorted(found)]


def project_html(project: Project, form: Form, api_version: str) -> bytes:
    """Write a project's page as PEP 503 has it, or as it was before there was a PEP."""
    anchor = _legacy_anchor if form == "legacy" else _anchor
    lines = [anchor(file) for file in project.files.values()] + project.raw_links
    return _html(f"Links for {project.name}", lines, form, api_version)


def list_json(names: list[str], api_version: str) -> bytes:
    """Write the project list as PEP 691 has it."""
    projects = [{"name": name} for name in names]
    return json.dumps({"meta": {"api-version": api_version}, "projects": projects}).encode()


def list_html(names: list[str], form: Form, api_version: str) -> bytes:
    """Write the project list as PEP 503 has it."""
    lines = [f'<a href="/simple/{escape(name)}/">{escape(name)}</a>' for name in names]
    return _html("Simple index", lines, form, api_version)


def _html(title: str, lines: list[str], form: Form, api_version: str) -> bytes:
    meta = f'<meta name="pypi:repository-version" content="{api_version}">'
    head = f"{'' if form == 'legacy' else meta}<title>{escape(title)}</title>"
    body = f"<h1>{escape(title)}</h1>\n" + "".join(f"{line}<br/>\n" for line in lines)
    doctype = "" if form == "legacy" else "<!DOCTYPE html>\n"
    return f"{doctype}<html><head>{head}</head>\n<body>{body}</body></html>\n".encode()


def _fragment(file: Json) -> str:
    return "".join(f"#{name}={digest}" for name, digest in list(file["hashes"].items())[:1])


def _anchor(file: Json) -> str:
    attributes = {"href": file["url"] + _fragment(file)}
    for key, value in file.items():
        if key in _NOT_DATA or value is None or value is False:
            continue
        attributes[f"data-{key}"] = "" if value is True else str(value)
    metadata = file.get("core-metadata")
    if metadata:
        value = "true" if metadata is True else "=".join(next(iter(metadata.items())))
        attributes |= {"data-dist-info-metadata": value, "data-core-metadata": value}
    text = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"<a {text}>{escape(file['filename'])}</a>"


def _legacy_anchor(file: Json) -> str:
    url = escape(file["url"] + (_fragment(file) or file.get("_egg", "")))
    return f'<a href="{url}" rel="internal">{escape(file["filename"])}</a>'
