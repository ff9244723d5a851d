"""From the model to the bytes of pages."""

import json
from html.parser import HTMLParser
from itertools import repeat
from typing import Any
from urllib.parse import unquote, urljoin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eggproxy import parse, render
from eggproxy.model import File, ListedProject, ProjectDetail, ProjectList, ProjectStatus
from eggproxy.names import NormalizedName, is_filename
from eggproxy.store import Record, Validators
from eggproxy.store.record import encode

FOO = NormalizedName("foo")
PAGE = "https://index.example/simple/foo/"
JSON = "application/vnd.pypi.simple.v1+json"
NASTY = "\"'><script>alert(1)</script>&amp;<!--\n"
TAGS = {"html", "head", "meta", "title", "body", "h1", "a", "br"}
SHA256, MD5 = "ab" * 32, "cd" * 16

repeatable = settings(derandomize=True, deadline=None, max_examples=60)


class Anchors(HTMLParser):
    """Reads a page as a browser would: its tags, its anchors with attributes and text."""

    def __init__(self, page: bytes) -> None:
        """Read a page."""
        super().__init__()
        self.tags: set[str] = set()
        self.metas: dict[str, str] = {}
        self.anchors: list[dict[str, str]] = []
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.add(tag)
        attributes = {name: value or "" for name, value in attrs}
        assert len(attributes) == len(attrs)
        if tag == "meta" and "name" in attributes:
            self.metas[attributes["name"]] = attributes["content"]
        if tag == "a":
            self.anchors.append(attributes | {"text": ""})

    def handle_data(self, data: str) -> None:
        """Add to the text of the last anchor."""
        if self.anchors and self.lasttag == "a":
            self.anchors[-1]["text"] += data

    def handle_endtag(self, tag: str) -> None:
        """Close an anchor."""
        if tag == "a":
            self.lasttag = ""


def file(filename: str = "foo-1.0.tar.gz", **facts: Any) -> File:
    """Make a file that lies somewhere else."""
    return File(**{"filename": filename, "url": "https://files.example/x", "hashes": {}, **facts})


def detail(*files: File, **facts: Any) -> ProjectDetail:
    """Make a project."""
    return ProjectDetail(**{"name": FOO, "files": list(files), **facts})


def anchor(of: File) -> dict[str, str]:
    """Render a page with one file to HTML, and read the one link."""
    page = Anchors(render.project_detail_html(detail(of)))
    assert page.tags == TAGS
    (only,) = page.anchors
    return only


def entry(of: File) -> dict[str, Any]:
    """Render a page with one file to JSON, and read the one entry."""
    (only,) = json.loads(render.project_detail_json(detail(of)))["files"]
    assert isinstance(only, dict)
    return only


# What is said of files.


def test_html__a_file() -> None:
    """A link is relative, carries the digest, and its text is the filename (PEP 503)."""
    of = file(hashes={"md5": MD5, "sha256": SHA256}, requires_python=">=3.8,<4", size=3)
    assert anchor(of) == {
        "href": f"foo-1.0.tar.gz#sha256={SHA256}",
        "data-requires-python": ">=3.8,<4",
        "text": "foo-1.0.tar.gz",
    }


def test_json__a_file() -> None:
    """An entry has a relative URL and all that is known, and no key of which nothing is known."""
    known: dict[str, Any] = {
        "hashes": {"md5": MD5},
        "size": 3,
        "requires_python": ">=3.8",
        "gpg_sig": False,
    }
    more: dict[str, Any] = {
        "yanked": "broken",
        "core_metadata": {"sha256": SHA256},
        "upload_time": "2024",
    }
    assert entry(file(**known, **more, provenance="https://p.example/")) == {
        "filename": "foo-1.0.tar.gz",
        "url": "foo-1.0.tar.gz",
        **{key.replace("_", "-"): value for key, value in (known | more).items()},
        "provenance": "foo-1.0.tar.gz.provenance",
    }
    bare = {"filename", "url", "hashes"}
    assert set(entry(file())) == bare
    # What only our own records know.
    assert set(entry(file(egg_fragment="foo-1.0"))) == bare
    assert set(entry(file(looked_for=15))) == bare


def test_json__legacy_metadata_key_is_left_out() -> None:
    """No `dist-info-metadata`: some pips fail hard on it in JSON (PEP 714)."""
    assert b"dist-info" not in render.project_detail_json(detail(file(core_metadata=True)))


@pytest.mark.parametrize("key", ["dist-info-metadata", "data-dist-info-metadata"])
@pytest.mark.parametrize("value", [None, True, {"sha256": SHA256}])
def test_json__what_was_read_has_no_legacy_key(key: str, value: object) -> None:
    """Nor where upstream has it, whatever it says, on a page that is otherwise as usual."""
    link = {"filename": "foo-1.zip", "url": "https://files.example/foo-1.zip", "hashes": {}}
    body = msgspec.json.encode({"files": [link | {key: value}]})
    page = parse.project_detail(body, content_type=JSON, url=PAGE, project=FOO)
    assert b"info-metadata" not in render.project_detail_json(page)
    assert b"info-metadata" not in b"".join(
        encode(Record(url=PAGE, validators=Validators(), detail=page))
    )


@pytest.mark.parametrize(
    "facts",
    [
        *({"filename": "foo 9.zip"}, {"hashes": {}}, {"hashes": {"md5": MD5}}),
        *({"hashes": {"sha256": ""}}, {"hashes": {"sha256": NASTY}}, {"requires_python": NASTY}),
        *({"core_metadata": True}, {"core_metadata": {"md5": MD5}}, {"core_metadata": {}}),
        *({"core_metadata": {"sha256": ""}}, {"core_metadata": {"sha256": NASTY}}),
        *({"yanked": NASTY}, {"gpg_sig": True}, {"provenance": "https://p.example/"}),
        *({"egg_fragment": "foo-9"}, {"looked_for": 15, "size": 1}, {"extra": {"x": 1}}),
    ],
)
def test_page__one_odd_file_changes_no_other(facts: dict[str, Any]) -> None:
    """Files are written alike whether all of a page are as usual or one is not; so is that one."""
    metadata = {"sha256": "cd" * 32}
    usual = [
        file(f"foo-{number}.whl", hashes={"sha256": SHA256}, core_metadata=metadata)
        for number in range(3)
    ]
    odd = file(**{"filename": "foo-9.zip", "hashes": {"sha256": SHA256}, **facts})
    alone, among = detail(odd), detail(*usual, odd)
    anchors = [
        Anchors(render.project_detail_html(page)).anchors for page in (detail(*usual), alone)
    ]
    assert Anchors(render.project_detail_html(among)).anchors == [*anchors[0], *anchors[1]]
    entries = [
        json.loads(render.project_detail_json(page))["files"] for page in (detail(*usual), alone)
    ]
    assert json.loads(render.project_detail_json(among))["files"] == [*entries[0], *entries[1]]
    # What is rendered stays as it was.
    assert {each.url for each in among.files} == {"https://files.example/x"}


@pytest.mark.parametrize(
    ("facts", "attributes"),
    [
        ({"yanked": True}, {"data-yanked": ""}),
        ({"yanked": "broken"}, {"data-yanked": "broken"}),
        ({"gpg_sig": True}, {"data-gpg-sig": "true"}),
        ({"gpg_sig": False}, {"data-gpg-sig": "false"}),
        (
            {"provenance": "https://p.example/?a&b"},
            {"data-provenance": "foo-1.0.tar.gz.provenance"},
        ),
        ({"core_metadata": False}, {}),
        ({"size": 3, "upload_time": "2024-01-02T03:04:05Z", "extra": {"x": 1}}, {}),
    ],
)
def test_html__attributes(facts: dict[str, Any], attributes: dict[str, str]) -> None:
    """What is known of a file stands in its attributes (PEP 592, 740), and nothing else."""
    assert (
        anchor(file(**facts)) == {"href": "foo-1.0.tar.gz", "text": "foo-1.0.tar.gz"} | attributes
    )


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        (True, "true"),
        ({"sha256": SHA256}, f"sha256={SHA256}"),
        ({"md5": MD5, "sha512": "ef"}, "sha512=ef"),
        ({"unheard_of": "12"}, "true"),
        ({"sha256": ""}, "true"),
        ({"sha256": "", "md5": MD5}, f"md5={MD5}"),
    ],
)
def test_html__metadata(claim: bool | dict[str, str], value: str) -> None:  # noqa: FBT001
    """Metadata is announced with its digest, if it has one that pip knows (PEP 658, 714)."""
    assert anchor(file(core_metadata=claim))["data-core-metadata"] == value


@pytest.mark.parametrize(
    ("facts", "fragment"),
    [
        ({"hashes": {"md5": MD5, "sha1": "12", "sha256": SHA256}}, f"#sha256={SHA256}"),
        ({"hashes": {"md5": MD5, "sha512": "12"}}, "#sha512=12"),
        ({"hashes": {"md5": MD5}, "egg_fragment": "foo-1.0"}, f"#md5={MD5}"),
        ({"hashes": {"blake2_256": "12"}}, ""),
        ({"hashes": {"sha256": "", "md5": MD5}}, f"#md5={MD5}"),
        ({"egg_fragment": "zc.foo-1.0"}, "#egg=zc.foo-1.0"),
    ],
)
def test_html__fragment(facts: dict[str, Any], fragment: str) -> None:
    """The strongest digest that pip knows; without one what old setuptools goes by."""
    assert anchor(file(**facts))["href"] == f"foo-1.0.tar.gz{fragment}"


# Nothing that upstream says gets out of its place.


@pytest.mark.parametrize(
    ("facts", "attribute"),
    [
        ({"requires_python": NASTY}, "data-requires-python"),
        ({"yanked": NASTY}, "data-yanked"),
        ({"core_metadata": {"sha256": NASTY}}, "data-core-metadata"),
        ({"egg_fragment": NASTY}, "href"),
        ({"hashes": {"md5": NASTY}}, "href"),
        ({"hashes": {"sha256": NASTY}}, "href"),
    ],
)
def test_html__nasty_facts(facts: dict[str, Any], attribute: str) -> None:
    """What holds quotes and tags stands whole in its attribute, and does nothing."""
    said = anchor(file(**facts))
    assert unquote(said[attribute]).endswith(NASTY)
    assert said["text"] == "foo-1.0.tar.gz"


@pytest.mark.parametrize("facts", [{"url": f"https://x/{NASTY}"}, {"extra": {NASTY: NASTY}}])
def test_html__what_is_not_shown(facts: dict[str, Any]) -> None:
    """Upstream's own addresses, and keys that are not known, are not in the HTML."""
    assert b"alert" not in render.project_detail_html(detail(file(**facts)))


@pytest.mark.parametrize(
    "name",
    [
        *(NASTY.replace("/", "").replace("\n", ""), "a b.zip", "a%20b.zip", "a#b?c.zip", "é.zip"),
        *("https:x.zip", "a:b.zip", "&lt;.zip", "a+b~1@2.zip", "-a.zip", "a'b.zip", 'a"b.zip'),
    ],
)
def test_link__leads_to_the_file_beside_the_page(name: str) -> None:
    """However odd its name, a file's link leads into the page's own folder, in both forms."""
    assert is_filename(name)
    said = anchor(file(name))
    assert said["text"] == name
    assert said["href"] == entry(file(name))["url"]
    address = urljoin(PAGE, said["href"])
    assert address.startswith(PAGE)
    assert unquote(address.removeprefix(PAGE)) == name


def test_html__one_odd_name_among_plain_ones() -> None:
    """Plain names are written fast only where all are plain; the result is the same."""
    names = ["a-1.zip", 'b"<1>.zip', "c-1.zip"]
    page = Anchors(render.project_detail_html(detail(*map(file, names))))
    assert [said["text"] for said in page.anchors] == names


def test_html__status() -> None:
    """The status and its reason are in the head (PEP 792), whatever is in them."""
    status = ProjectStatus(status="archived", reason=NASTY)
    page = Anchors(render.project_detail_html(detail(status=status)))
    assert page.tags == TAGS - {"a", "br"}
    assert page.metas["pypi:project-status"] == "archived"
    assert page.metas["pypi:project-status-reason"] == NASTY
    bare = Anchors(render.project_detail_html(detail(status=ProjectStatus(status="active"))))
    assert "pypi:project-status-reason" not in bare.metas


# What is said of the page.


@pytest.mark.parametrize(
    ("upstream", "sizes", "versions", "claim"),
    [
        *(((1, 1), (1, 2), ["1"], (1, 1)), ((1, 4), (0,), ["1"], (1, 4)), ((1, 4), (), [], (1, 4))),
        *(((1, 4), (1, None), ["1"], (1, 0)), ((1, 4), (1,), None, (1, 0))),
        *(((1, 0), (1,), ["1"], (1, 0)), ((1, 9), (1,), ["1"], (1, 4))),
    ],
)
def test_claimed_version(
    upstream: tuple[int, int],
    sizes: tuple[int | None, ...],
    versions: list[str] | None,
    claim: tuple[int, int],
) -> None:
    """No version is claimed of which something is missing (PEP 700), and none we do not know."""
    page = detail(*(file(size=size) for size in sizes), api_version=upstream, versions=versions)
    assert render.claimed_version(page) == claim
    said = json.loads(render.project_detail_json(page))["meta"]["api-version"]
    assert said == f"{claim[0]}.{claim[1]}"


@pytest.mark.parametrize(("upstream", "claim"), [((1, 0), "1.0"), ((1, 3), "1.3"), ((1, 9), "1.4")])
def test_html__version(upstream: tuple[int, int], claim: str) -> None:
    """HTML, which has no sizes in any version, says upstream's, up to the last there is."""
    page = Anchors(render.project_detail_html(detail(file(), api_version=upstream)))
    assert page.metas["pypi:repository-version"] == claim


def test_json__keeps_what_is_not_known() -> None:
    """Unknown keys of the page, of its meta and of its files pass through; known ones win."""
    of = file(extra={"_odd": {"a": [1]}, "filename": "lie"}, size=1)
    extra = {"_top": None, "name": "lie"}
    page = detail(of, meta={"_last-serial": 7, "api-version": "9.9"}, extra=extra, versions=["1.0"])
    said = json.loads(render.project_detail_json(page))
    assert said["meta"] == {"_last-serial": 7, "api-version": "1.0"}
    assert (said["_top"], said["name"], said["versions"]) == (None, "foo", ["1.0"])
    assert said["files"][0] == {**entry(file(size=1)), "_odd": {"a": [1]}}


def test_json__status() -> None:
    """The status stands at the top level, with a reason only if there is one (PEP 792)."""
    page = detail(status=ProjectStatus(status="archived"))
    assert json.loads(render.project_detail_json(page))["project-status"] == {"status": "archived"}
    assert "project-status" not in json.loads(render.project_detail_json(detail()))


# The project list.


def pieces(count: int, **facts: Any) -> tuple[bytes, bytes]:
    """Render a list of so many projects, and give its HTML and its JSON."""
    projects = (ListedProject(name=f"Project.{number}") for number in range(count))
    rendered = list(render.project_list(ProjectList(projects=projects, **facts)))
    assert all(set(piece) == {"html", "json"} for piece in rendered)
    return b"".join(p["html"] for p in rendered), b"".join(p["json"] for p in rendered)


@pytest.mark.parametrize("count", [0, 1, 1999, 2000, 2001, 6000])
def test_list__in_pieces_is_whole(count: int) -> None:
    """However many batches there are, together they are one page with all names, in order."""
    html, data = pieces(count, api_version=(1, 9), meta={"_last-serial": 7})
    page = json.loads(data)
    assert page["projects"] == [{"name": f"Project.{number}"} for number in range(count)]
    assert page["meta"] == {"_last-serial": 7, "api-version": "1.4"}
    links = Anchors(html).anchors
    assert [said["text"] for said in links] == [f"Project.{number}" for number in range(count)]
    assert [said["href"] for said in links] == [f"project-{number}/" for number in range(count)]


def test_list__is_made_as_it_is_asked_for() -> None:
    """A list is never held whole: the first piece is there before the last name is."""
    rendered = render.project_list(ProjectList(projects=repeat(ListedProject(name="a"))))
    assert next(rendered)["html"].startswith(b"<!DOCTYPE html>")
    assert next(rendered)["html"].startswith(b'<a href="a/">a</a>')


def test_list__keeps_what_is_not_known() -> None:
    """Unknown keys of an entry pass through; the name is the name."""
    odd = ListedProject(name="Foo", extra={"_last-serial": 3, "name": "lie"})
    rendered = render.project_list(ProjectList(projects=[odd, ListedProject(name="b")]))
    page = json.loads(b"".join(piece["json"] for piece in rendered))
    assert page["projects"] == [{"_last-serial": 3, "name": "Foo"}, {"name": "b"}]


def test_list__nasty_names() -> None:
    """What is no project's name is not on the list, for its writer relies on that."""
    body = json.dumps({"meta": {}, "projects": [{"name": "foo"}, {"name": NASTY}]}).encode()
    read = parse.project_list(body, content_type=JSON, url=PAGE)
    page = Anchors(b"".join(piece["html"] for piece in render.project_list(read)))
    assert page.tags == TAGS
    assert [said["text"] for said in page.anchors] == ["foo"]


# What is written can be read again.

text = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=15)
odd = st.sampled_from(["<", ">", "'", '"', "&", "&amp;", "&#39;", "%41", "]]>", "é", "\\"])
said = st.lists(text | odd, min_size=1, max_size=4).map(" ".join)
stems = st.text("aB1.-_+~ !@=,()%:;#?'\"<>&é", min_size=1, max_size=12)
filenames = stems.map("f{}1.zip".format).filter(is_filename)
digests = st.sampled_from([{"sha256": "ab"}, {"md5": "01"}])
keys = st.dictionaries(st.just("_x") | text.map("_{}".format), st.none() | st.integers(0, 9) | said)


def files(**more: Any) -> st.SearchStrategy[File]:
    """Make files as a page of upstream's would list them that lie beside it."""
    facts = st.fixed_dictionaries(
        {
            "filename": filenames,
            "requires_python": st.none() | said,
            "gpg_sig": st.none() | st.booleans(),
            "yanked": st.booleans() | said,
            "provenance": st.none() | st.just(".provenance"),
            **more,
        }
    )
    return facts.map(_beside_its_page)


def _beside_its_page(facts: dict[str, Any]) -> File:
    url = urljoin(PAGE, render.link(facts["filename"]))
    provenance = facts["provenance"] and url + facts["provenance"]
    return File(url=url, **facts | {"provenance": provenance})


in_html = files(
    hashes=st.just({}) | digests, core_metadata=st.none() | st.just(value=True) | digests
)
in_json = files(
    hashes=st.just({}) | digests | st.just({"sha256": "ab", "md5": "01"}),
    core_metadata=st.none() | st.booleans() | digests,
    size=st.none() | st.integers(0, 2**62),
    upload_time=st.none() | st.just("2024-01-02T03:04:05.678901Z"),
    extra=st.none() | st.just({"_x": None}) | st.builds(lambda key: {f"_{key}": [1]}, text),
)
statuses = st.none() | st.builds(ProjectStatus, status=text, reason=st.none() | said)


def details(of: st.SearchStrategy[File], **more: Any) -> st.SearchStrategy[ProjectDetail]:
    """Make projects, of which no two files are called the same."""
    lists = st.lists(of, max_size=4, unique_by=lambda each: each.filename)
    return st.builds(ProjectDetail, name=st.just(FOO), files=lists, status=statuses, **more)


@repeatable
@given(details(in_html))
def test_parse_html__undoes_render(page: ProjectDetail) -> None:
    """Of what HTML can say, nothing is lost or changed by writing and reading it."""
    body = render.project_detail_html(page)
    read = parse.project_detail(body, content_type="text/html", url=PAGE, project=FOO)
    assert read == page


@repeatable
@given(details(in_json, versions=st.none() | st.just(["1", "2.0"]), meta=keys, extra=keys))
def test_parse_json__undoes_render(page: ProjectDetail) -> None:
    """JSON can say all that the model holds."""
    body = render.project_detail_json(page)
    read = parse.project_detail(body, content_type=JSON, url=PAGE, project=FOO)
    assert read == msgspec.structs.replace(page, api_version=render.claimed_version(page))


@pytest.mark.parametrize("form", ["html", "json"])
def test_parse_list__undoes_render(form: str) -> None:
    """A list of thousands comes back as it was."""
    data = dict(zip(("html", "json"), pieces(5000), strict=True))[form]
    media_type = {"html": "text/html", "json": JSON}[form]
    url = "https://index.example/simple/"
    read = parse.project_list(data, content_type=media_type, url=url)
    assert [project.name for project in read.projects] == [f"Project.{n}" for n in range(5000)]


def test_html__each_file_has_its_own_metadata() -> None:
    """Files with digests of their metadata, without, and with nothing keep what is theirs."""
    claims: list[Any] = [{"sha256": SHA256}, None, True, {}, {"md5": MD5}, {"sha256": SHA256[::-1]}]
    files = [file(f"foo-{n}.whl", core_metadata=claim) for n, claim in enumerate(claims)]
    page = Anchors(render.project_detail_html(detail(*files)))
    shown = [anchor.get("data-core-metadata") for anchor in page.anchors]
    assert shown == [
        f"sha256={SHA256}",
        None,
        "true",
        None,
        f"md5={MD5}",
        f"sha256={SHA256[::-1]}",
    ]
