"""Nothing that upstream says is lost: its pages held against ours, key by key."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eggproxy import parse, render
from eggproxy.completed import CORE_METADATA, REQUIRES_PYTHON, SIZE, UPLOAD_TIME
from eggproxy.completion.found import Found
from eggproxy.completion.keeping import completed_by, kept
from eggproxy.model import File, ProjectDetail
from eggproxy.names import NormalizedName
from tests.saved_pages import PAGES, SavedPage

READABLE = [page for page in PAGES if page.nonsense is None]
# Whose values are wrong on purpose: what of them survives, tests/test_parse_json.py says.
IN_JSON = [page for page in READABLE if page.file.endswith(".json") and "dev" not in page.file]
FOO = NormalizedName("foo")
JSON_TYPE = "application/vnd.pypi.simple.v1+json"
# Other names, by which indexes say the same once more (PEP 714).
ALSO = {"dist-info-metadata", "data-dist-info-metadata"}
WITHOUT_MEANING = (None, False)


def ours(detail: ProjectDetail) -> dict[str, Any]:
    """Write our page, and read it as JSON."""
    return dict(json.loads(render.project_detail_json(detail)))


def lost(theirs: Mapping[str, Any], file: Mapping[str, Any]) -> set[str]:
    """Name the keys of upstream's file that are not, with their values, in ours."""
    said = {key: value for key, value in theirs.items() if value not in WITHOUT_MEANING}
    said.pop("url")
    if "provenance" in said:
        # As the file itself, it is had from us.
        said["provenance"] = f"{quote(theirs['filename'], safe='+!')}.provenance"
    return {key for key, value in said.items() if key not in ALSO and file.get(key) != value}


def all_lost(body: bytes, page: Mapping[str, Any]) -> list[tuple[str, set[str]]]:
    """Name what is lost of upstream's page in ours, by filename."""
    known = {file["filename"]: file for file in page["files"]}
    files = json.loads(body)["files"]
    assert len(known) == len(files)
    losses = [(file["filename"], lost(file, known[file["filename"]])) for file in files]
    return [loss for loss in losses if loss[1]]


def whole(detail: ProjectDetail) -> ProjectDetail:
    """Complete every file with made-up values, as if all had been missing."""
    values = {SIZE: 7, UPLOAD_TIME: "2020-01-01T00:00:00Z", REQUIRES_PYTHON: ">=1"}
    values |= {CORE_METADATA: {"sha256": "0" * 64}}
    found = [Found(file=file, looked_for=sum(values), values=values) for file in detail.files]
    return completed_by(detail, found)[0]


def read(page: SavedPage) -> ProjectDetail:
    """Read a saved page."""
    return parse.project_detail(
        page.body, content_type=page.content_type, url=page.url, project=page.project
    )


@pytest.mark.parametrize("page", IN_JSON, ids=lambda page: page.file)
def test_json__nothing_is_lost(page: SavedPage) -> None:
    """Every key of every file that upstream names is in our JSON, with its value."""
    detail = read(page)
    if detail.status is None or detail.status.status != "quarantined":
        assert all_lost(page.body, ours(detail)) == []


@pytest.mark.parametrize("page", IN_JSON, ids=lambda page: page.file)
def test_json__nothing_is_lost_by_completing(page: SavedPage) -> None:
    """What is completed stands beside what upstream says, never in its place, page after page."""
    detail = read(page)
    completed = whole(detail)
    again, _obsolete = kept(completed, detail)
    assert again.files == completed.files
    if detail.status is None or detail.status.status != "quarantined":
        assert all_lost(page.body, ours(again)) == []


@pytest.mark.parametrize("page", READABLE, ids=lambda page: page.file)
def test_html_and_json__describe_the_same(page: SavedPage) -> None:
    """Our two forms of one page name the same files, and say the same of each."""
    for detail in (read(page), whole(read(page))):
        html = parse_ours(render.project_detail_html(detail), "text/html")
        in_json = parse_ours(render.project_detail_json(detail), JSON_TYPE)
        assert [said(file) for file in html] == [said(file) for file in in_json]
        assert len(html) >= len(detail.files) - 1


def parse_ours(page: bytes, content_type: str) -> list[File]:
    """Read the files of a page of ours."""
    url = "http://127.0.0.1/pypi/foo/"
    if not json_or_links(page):
        return []
    name = NormalizedName("foo")
    if content_type == JSON_TYPE:
        name = NormalizedName(json.loads(page)["name"])
    files = parse.project_detail(page, content_type=content_type, url=url, project=name).files
    # A file without suffix and digest is none to readers of HTML.
    return [file for file in files if file.filename != "unknown-suffix"]


def json_or_links(page: bytes) -> bool:
    """Say whether a page has a file at all."""
    return b"<a " in page or b'"filename"' in page


def said(file: File) -> tuple[object, ...]:
    """Give what both forms can say of a file; HTML has room for one digest."""
    digest = file.hashes.get("sha256") or next(iter(file.hashes.values()), "")
    claim = file.core_metadata
    metadata = claim.get("sha256", True) if isinstance(claim, dict) else claim or None
    return (
        *(file.filename, file.url, digest, metadata),
        *(file.requires_python, file.yanked, file.gpg_sig, file.provenance),
    )


unknown_keys = st.dictionaries(
    st.from_regex(r"[a-z_][a-z-]{1,9}[0-9]", fullmatch=True),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    ),
    max_size=4,
)
hexes = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
known_keys = st.fixed_dictionaries(
    {"hashes": st.dictionaries(st.sampled_from(["sha256", "md5", "blake2b"]), hexes)},
    optional={
        "requires-python": st.sampled_from([">=3.8", "!=3.0.*,<4", "~=3.7"]),
        "core-metadata": st.booleans() | hexes.map(lambda digest: {"sha256": digest}),
        "gpg-sig": st.booleans(),
        "yanked": st.booleans() | st.text(min_size=1),
        "size": st.integers(0, 2**40),
        "upload-time": st.just("2024-01-02T03:04:05.678900Z"),
        "provenance": st.just("https://index.example/provenance?a=1"),
    },
)
entries = st.lists(st.tuples(known_keys, unknown_keys), min_size=1, max_size=5)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(entries, unknown_keys, unknown_keys)
def test_generated__nothing_is_lost(
    files: list[tuple[dict[str, Any], dict[str, Any]]], top: dict[str, Any], meta: dict[str, Any]
) -> None:
    """So it is with unknown keys anywhere, whatever their values, completed or not."""
    listed = [
        {**unknown, **known, "filename": f"foo-{n}.whl", "url": f"https://f.example/foo-{n}.whl"}
        for n, (known, unknown) in enumerate(files)
    ]
    page = {**top, "meta": {**meta, "api-version": "1.0"}, "name": "foo", "files": listed}
    body = json.dumps(page).encode()
    detail = parse.project_detail(
        body, content_type=JSON_TYPE, url="https://i.example/simple/foo/", project=FOO
    )
    for each in (ours(detail), ours(whole(detail))):
        assert all_lost(body, each) == []
        assert {key: each[key] for key in top} == top
        assert {key: each["meta"][key] for key in meta} == meta
