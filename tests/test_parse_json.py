"""Project pages in JSON, as standards have them and as servers write them."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eggproxy import parse
from eggproxy.model import File, ProjectDetail, ProjectStatus
from eggproxy.names import PAGE_NAMES, NormalizedName, is_filename
from eggproxy.parse.urls import USUAL_FILENAME
from tests.saved_pages import PAGES

URL = "https://index.example/simple/demo/"
FILE = {"filename": "demo-1.zip", "url": "https://files.example/demo-1.zip", "hashes": {}}


def read(body: bytes, content_type: str = "application/json") -> ProjectDetail:
    """Read a page of project demo."""
    return parse.project_detail(
        body, content_type=content_type, url=URL, project=NormalizedName("demo")
    )


def page(*files: object, **keys: object) -> ProjectDetail:
    """Read a page with these files and further keys."""
    top: dict[str, object] = {"meta": {"api-version": "1.4"}, "name": "demo", "files": files}
    return read(msgspec.json.encode(top | keys))


def why(body: bytes) -> str:
    """Say why a page is none."""
    with pytest.raises(parse.Nonsense) as caught:
        read(body)
    return caught.value.why


@pytest.mark.parametrize(
    ("key", "value", "field", "meant"),
    [
        ("hashes", None, "hashes", {}),
        ("hashes", {"SHA256": "AB", "md5": "0C"}, "hashes", {"sha256": "ab", "md5": "0c"}),
        ("hashes", {"sha256": "ab", "md5": None}, "hashes", {"sha256": "ab"}),
        ("hashes", "ab", "hashes", {}),
        ("requires-python", None, "requires_python", None),
        ("requires-python", "", "requires_python", None),
        ("requires-python", " >=3.6,<4", "requires_python", " >=3.6,<4"),
        ("requires-python", [3], "requires_python", None),
        ("core-metadata", None, "core_metadata", None),
        ("core-metadata", False, "core_metadata", False),
        ("core-metadata", {}, "core_metadata", True),
        ("core-metadata", {"sha256": "AB"}, "core_metadata", {"sha256": "ab"}),
        ("core-metadata", {"sha256": None}, "core_metadata", None),
        ("core-metadata", "yes", "core_metadata", None),
        ("dist-info-metadata", {"sha256": "ab"}, "core_metadata", {"sha256": "ab"}),
        ("data-dist-info-metadata", True, "core_metadata", True),
        ("gpg-sig", False, "gpg_sig", False),
        ("gpg-sig", "", "gpg_sig", None),
        ("yanked", None, "yanked", False),
        ("yanked", "", "yanked", False),
        ("yanked", True, "yanked", True),
        ("yanked", "bad ", "yanked", "bad "),
        ("yanked", 1, "yanked", False),
        ("size", None, "size", None),
        ("size", 0, "size", 0),
        ("size", 2**40, "size", 2**40),
        ("size", -1, "size", None),
        ("size", "12", "size", None),
        ("size", True, "size", None),
        ("upload-time", None, "upload_time", None),
        ("upload-time", "2024-01-02T03:04:05Z", "upload_time", "2024-01-02T03:04:05Z"),
        ("upload-time", "2024-01-02T03:04:05.1Z", "upload_time", "2024-01-02T03:04:05.1Z"),
        ("upload-time", "2024-01-02T03:04:05+00:00", "upload_time", "2024-01-02T03:04:05Z"),
        (
            *("upload-time", "2024-01-02T03:04:05.123456789Z"),
            *("upload_time", "2024-01-02T03:04:05.123456Z"),
        ),
        ("upload-time", "2024-01-02T03:04:05+02:00", "upload_time", None),
        ("upload-time", "2024-01-02T03:04:05Z\n", "upload_time", None),
        ("upload-time", "yesterday", "upload_time", None),
        ("provenance", None, "provenance", None),
        ("provenance", "https://index.example/p", "provenance", "https://index.example/p"),
        ("provenance", "/p", "provenance", "https://index.example/p"),
        ("provenance", "javascript:alert(1)", "provenance", None),
        ("url", "f/demo-1.zip#sha256=AB", "hashes", {"sha256": "ab"}),
        ("url", "f/demo-1.zip#x", "url", f"{URL}f/demo-1.zip"),
        ("x", {"y": [None, 1.5]}, "extra", {"x": {"y": [None, 1.5]}}),
        ("_egg", "z", "extra", {"_egg": "z"}),
        ("_egg", "", "extra", {"_egg": ""}),
        ("_looked_for", 3, "extra", {"_looked_for": 3}),
        ("_extra", {"url": "z"}, "extra", {"_extra": {"url": "z"}}),
    ],
)
def test_file__value(key: str, value: object, field: str, meant: object) -> None:
    """A value is taken as it is, or as what it can only mean; the file stays in any case."""
    plain = File(filename="demo-1.zip", url="https://files.example/demo-1.zip", hashes={})
    (file,) = page({**FILE, key: value}).files
    assert getattr(file, field) == meant
    fields = {"url", "hashes"} if key == "url" else {field}
    as_plain = {name: getattr(plain, name) for name in fields}
    assert msgspec.structs.replace(file, **as_plain) == plain


@pytest.mark.parametrize(
    "bad",
    [
        *(None, 1, "demo-2.zip", [], {}, {"filename": "demo-2.zip"}, {"url": "demo-2.zip"}),
        *({**FILE, "filename": name} for name in ("", "a/b", "..", "a\n", None, 2, *PAGE_NAMES)),
        *({**FILE, "url": url} for url in (None, 3, "ftp://x/y", "data:x", "https://[", "", "//")),
    ],
)
def test_file__unusable(bad: object) -> None:
    """An entry that cannot be a file is left out, and the others stay."""
    assert page(bad, FILE, bad) == page(FILE)
    assert why(msgspec.json.encode({"files": [bad]})) == "sent a page with no usable file"


def test_file__newer_name_of_metadata_wins() -> None:
    """The old name counts only without the new one (PEP 714), and goes no further."""
    old: Any = {"dist-info-metadata": {"sha256": "ab"}, "data-dist-info-metadata": True}
    newer, older = page(
        {**FILE, "core-metadata": False, **old}, {**FILE, "filename": "demo-2.zip", **old}
    ).files
    assert (newer.core_metadata, older.core_metadata) == (False, {"sha256": "ab"})
    assert newer.extra is older.extra is None


@pytest.mark.parametrize("known", [{"_egg": "demo-9"}, {"_looked_for": 3}, {"_extra": {"x": 1}}])
def test_file__keys_of_our_records(known: dict[str, object]) -> None:
    """What only our own records know is, where upstream says it, a key like any other."""
    usual, odd = page({**FILE, "filename": "demo-2.zip"}, {**FILE, **known}).files
    facts: Any = {**FILE, "extra": known}
    assert odd == File(**facts)
    assert usual.extra is None


def test_file__first_of_one_name_wins() -> None:
    """A file is there once, whatever the page says of it later; unless the first is unusable."""
    detail = page({**FILE, "url": "ftp://x"}, FILE, {**FILE, "url": "https://evil.example/"})
    assert [file.url for file in detail.files] == [FILE["url"]]


def test_file__newlines_hide_nothing() -> None:
    """Looked at together, values are no more trusted than one by one."""
    url, name = f"{FILE['url']}\n{FILE['url']}", "demo-2.zip\ndemo-3.zip"
    detail = page({**FILE, "url": url}, {**FILE, "filename": name})
    assert [file.url for file in detail.files] == ["".join(url.split())]


@pytest.mark.parametrize("saved", ["six.json", "zope-interface.json"])
def test_file__one_odd_file_changes_no_other(saved: str) -> None:
    """Files are read alike whether all of a page are as usual or one is not."""
    body = next(page.body for page in PAGES if page.file == saved)
    top = msgspec.json.decode(body)
    usual = page(*top["files"])
    odd = {"filename": "ä.zip", "url": "../ä.zip", "upload-time": "2024", "provenance": "x"}
    for more in (odd, {**odd, "hashes": {"MD5": "A"}}, {**odd, "x": 1}, {**odd, "size": "1"}):
        assert page(*top["files"], more).files[:-1] == usual.files


@given(st.from_regex(USUAL_FILENAME, fullmatch=True) | st.sampled_from(sorted(PAGE_NAMES)))
def test_file__usual_names_are_good_ones(name: str) -> None:
    """The pattern that names are looked at with all together takes none that is not allowed."""
    detail = page(FILE, {**FILE, "filename": name})
    assert (name in [file.filename for file in detail.files]) == is_filename(name)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "sent broken JSON"),
        (b'{"files": [', "sent broken JSON"),
        (b'{"files": [{"filename": "\xff"}]}', "sent broken JSON"),
        (b'{"files": []} trailing', "sent broken JSON"),
        (b'{"files": [], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "sent broken JSON"),
        (b"<html></html>", "sent broken JSON"),
        (b"[]", "sent JSON that is no index page"),
        (b"null", "sent JSON that is no index page"),
        (b"{}", "sent JSON without files"),
        (b'{"message": "log in first"}', "sent JSON without files"),
        (b'{"info": {"name": "demo"}, "urls": []}', "sent JSON without files"),
        (b'{"files": null}', "sent JSON without files"),
        (b'{"files": {"demo-1.zip": {}}}', "sent JSON without files"),
        (b'{"files": [], "name": "evil"}', 'sent the page of another project, "evil"'),
        (
            b'{"files": [], "meta": {"api-version": "2.0"}}',
            'speaks version "2.0" of the Simple API, not 1',
        ),
        (
            b'{"meta": {"api-version": "2.0"}}',
            'speaks version "2.0" of the Simple API, not 1',
        ),
        (
            b'{"files": [], "meta": {"api-version": "x"}}',
            'speaks version "x" of the Simple API, not 1',
        ),
    ],
)
def test_page__nonsense(body: bytes, reason: str) -> None:
    """What is broken, of another kind or of another project is no page."""
    assert why(body) == reason


@pytest.mark.parametrize("cut", range(1, 40))
def test_page__truncated(cut: int) -> None:
    """However little is missing at the end, the page is not taken."""
    body = next(page.body for page in PAGES if page.file == "quarantined.json")
    assert why(body[:-cut]) == "sent broken JSON"


def test_page__least() -> None:
    """Files are all that a page must have."""
    assert read(b'\xef\xbb\xbf{"files": []}') == ProjectDetail(
        name=NormalizedName("demo"), files=[]
    )


@pytest.mark.parametrize(
    ("version", "meant"), [("1.0", (1, 0)), ("1.10", (1, 10)), ("1", (1, 0)), (1.1, (1, 1))]
)
def test_page__version(version: object, meant: tuple[int, int]) -> None:
    """Any minor version is understood, for those only add to what there was (PEP 629)."""
    assert page(FILE, meta={"api-version": version}).api_version == meant


def test_page__unknown_keys_survive() -> None:
    """What is not understood is handed on."""
    detail = page(FILE, meta={"_last-serial": 1, "x": {}}, **{"alternate-locations": [], "y": 2.5})
    assert detail.meta == {"_last-serial": 1, "x": {}}
    assert detail.extra == {"alternate-locations": [], "y": 2.5}


def test_page__versions() -> None:
    """Versions are a set (PEP 700), of strings."""
    assert page(FILE, versions=["2", "1", "2", 3, None]).versions == ["2", "1"]
    assert page(FILE, versions=None).versions is None
    assert page(FILE, versions=[]).versions == []


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ({}, None),
        ({"project-status": None}, None),
        ({"project-status": {"status": 5}}, None),
        ({"project-status": {"status": "active"}}, ProjectStatus()),
        (
            {"project-status": {"status": "archived", "reason": "old"}},
            ProjectStatus(status="archived", reason="old"),
        ),
        (
            {"meta": {"project-status": {"status": "archived", "reason": None}}},
            ProjectStatus(status="archived"),
        ),
        ({"meta": {"project-status": "deprecated"}}, ProjectStatus(status="deprecated")),
    ],
)
def test_page__status(keys: dict[str, object], status: ProjectStatus | None) -> None:
    """The status is read where PEP 792 says, and where its example has it."""
    detail = page(FILE, **keys)
    assert (detail.status, detail.meta) == (status, {})


@pytest.mark.parametrize(
    "content_type",
    [
        *("application/json; charset=utf-8", "application/vnd.pypi.simple.v1+json"),
        "Application/Vnd.PyPI.Simple.Latest+JSON",
    ],
)
def test_page__json_types(content_type: str) -> None:
    """JSON has several types."""
    body = msgspec.json.encode({"files": [FILE]})
    assert read(body, content_type).files[0].filename == "demo-1.zip"
