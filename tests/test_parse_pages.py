"""Project pages of indexes old and new, as whole objects."""

import pytest

from eggproxy import parse
from eggproxy.model import File, ProjectDetail
from eggproxy.names import NormalizedName
from eggproxy.parse import wellformed
from tests.saved_pages import PAGES, SavedPage

URL = "https://index.example/simple/demo/"
DEMO = NormalizedName("demo")

GOOD = [page for page in PAGES if page.nonsense is None]
BAD = [page for page in PAGES if page.nonsense is not None]


def read(page: SavedPage) -> ProjectDetail:
    """Read a saved page."""
    return parse.project_detail(
        page.body, content_type=page.content_type, url=page.url, project=page.project
    )


def html(body: str, content_type: str = "text/html", url: str = URL) -> ProjectDetail:
    """Read a page with this body."""
    page = f"<!DOCTYPE html><html><body>{body}</body></html>"
    return parse.project_detail(page.encode(), content_type=content_type, url=url, project=DEMO)


def only_file(detail: ProjectDetail) -> File:
    """Give the one file of a page."""
    (file,) = detail.files
    return file


@pytest.mark.parametrize("page", GOOD, ids=lambda page: page.file)
def test_project_detail__saved_page(page: SavedPage) -> None:
    """A page of a living or a bygone index says what is expected."""
    assert read(page) == page.expected


@pytest.mark.parametrize("page", GOOD, ids=lambda page: page.file)
def test_project_detail__fast_way_says_the_same(
    page: SavedPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BeautifulSoup alone says the same, object by object."""
    monkeypatch.setattr(wellformed, "read", lambda _text: None)
    assert read(page) == page.expected


@pytest.mark.parametrize("page", BAD, ids=lambda page: page.file)
def test_project_detail__nonsense(page: SavedPage) -> None:
    """What is sent instead of a page is no page."""
    with pytest.raises(parse.Nonsense) as caught:
        read(page)
    assert caught.value.why == page.nonsense


@pytest.mark.parametrize("project", ["six", "boto3", "zope-interface", "pastedeploy"])
def test_project_detail__json_and_html_agree(project: str) -> None:
    """Of the same files, HTML says what JSON says, as far as it has words for it."""
    from_html, from_json = (
        {
            file.filename: (file.url, file.hashes, file.requires_python, file.yanked)
            for page in PAGES
            if page.file == f"{project}.{form}"
            for file in read(page).files
        }
        for form in ("html", "json")
    )
    assert from_html == from_json


@pytest.mark.parametrize(
    ("href", "filename", "url"),
    [
        ("demo-1.zip", "demo-1.zip", f"{URL}demo-1.zip"),
        ("./demo-1.zip", "demo-1.zip", f"{URL}demo-1.zip"),
        ("../../f/demo-1.zip", "demo-1.zip", "https://index.example/f/demo-1.zip"),
        ("../../../../demo-1.zip", "demo-1.zip", "https://index.example/demo-1.zip"),
        ("//cdn.example/demo-1.zip", "demo-1.zip", "https://cdn.example/demo-1.zip"),
        ("demo-1.zip?a=b/c#d", "demo-1.zip", f"{URL}demo-1.zip?a=b/c"),
        ("demo-1%2Bx.zip", "demo-1+x.zip", f"{URL}demo-1%2Bx.zip"),
        ("demo-1+x.zip", "demo-1+x.zip", f"{URL}demo-1+x.zip"),
        ("  demo 1é.zip ", "demo 1é.zip", f"{URL}demo%201%C3%A9.zip"),
        (
            "HTTPS://CDN.example:8443/demo-1.zip",
            "demo-1.zip",
            "https://CDN.example:8443/demo-1.zip",
        ),
    ],
)
def test_project_detail__links(href: str, filename: str, url: str) -> None:
    """A link becomes absolute, its fragment goes, its last component names the file."""
    file = only_file(html(f'<a href="{href}">x</a>'))
    assert (file.filename, file.url) == (filename, url)


@pytest.mark.parametrize("form", ["text/html", "application/json"])
@pytest.mark.parametrize(
    "url",
    [
        *("ftp://files.example/demo-1.zip", "file:///demo-1.zip", "javascript:demo-1.zip"),
        *("http://[::1/demo-1.zip", "http:///demo-1.zip", "https://host:99999/demo-1.zip"),
        "https://files.example\\\\@evil.example/demo-1.zip",
    ],
)
def test_project_detail__only_http(form: str, url: str) -> None:
    """What leads nowhere, or not over http(s), is left out."""
    good = "https://files.example/demo-2.zip"
    if form == "text/html":
        detail = html(f'<a href="{url}">demo-1.zip</a><a href="{good}">demo-2.zip</a>')
    else:
        files = f'{{"filename":"demo-1.zip","url":"{url}"}},{{"filename":"2","url":"{good}"}}'
        body = f'{{"files":[{files}]}}'.encode()
        detail = parse.project_detail(body, content_type=form, url=URL, project=DEMO)
    assert [file.url for file in detail.files] == [good]


@pytest.mark.parametrize(
    ("content_type", "reason"),
    [
        ("text/html", "Größe"),
        ('text/html; Charset="UTF-8"', "Größe"),
        ("text/html;charset=iso-8859-1", "GrÃ¶Ã\x9fe"),
        ("text/html;charset=punycode", "Größe"),
        ("text/html;charset=none-such", "Größe"),
        ("text/html;charset=us-ascii", "Gr\ufffd\ufffd\ufffd\ufffde"),
    ],
)
def test_project_detail__charset(content_type: str, reason: str) -> None:
    """The charset of the header decides, UTF-8 without one; no page fails because of it."""
    page = '<meta charset="utf-16"><a href="demo-1.zip" data-yanked="Größe">x</a>'
    assert only_file(html(page, content_type)).yanked == reason


@pytest.mark.parametrize(
    ("content_type", "why"),
    [
        ("", 'sent "" instead of an index page'),
        ("image/png", 'sent "image/png" instead of an index page'),
        ("text/plain; charset=utf-8", 'sent "text/plain" instead of an index page'),
        ("te\nxt/ü" + "x" * 99, f'sent "te xt/?{"x" * 33}" instead of an index page'),
        (
            "application/vnd.pypi.simple.v2+json",
            'speaks version "2" of the Simple API, not 1',
        ),
    ],
)
def test_project_detail__content_type(content_type: str, why: str) -> None:
    """A page of no type that is understood is none, whatever it holds."""
    with pytest.raises(parse.Nonsense) as caught:
        html('<a href="demo-1.zip">demo-1.zip</a>', content_type)
    assert caught.value.why == why


@pytest.mark.parametrize(
    "content_type",
    [
        *("text/html", "Text/HTML ; charset=utf-8", "application/xhtml+xml"),
        *("application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.latest+html"),
    ],
)
def test_project_detail__html_types(content_type: str) -> None:
    """HTML has several types."""
    assert only_file(html('<a href="demo-1.zip">x</a>', content_type)).filename == "demo-1.zip"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "sent an empty page"),
        (" \r\n\t", "sent an empty page"),
        ("Too many requests", "sent something that is no HTML"),
        ("\x1f\ufffd\x08\x00", "sent something that is no HTML"),
        ('{"files": []}', "sent something that is no HTML"),
        (
            '<html><a href="demo-1.zip">demo-1.zip</a><a href="demo-2.',
            "sent a page that breaks off",
        ),
        ('<html><a href="/">Home</a></html>', "sent a page with no usable link"),
        (
            '<html><meta name="pypi:repository-version" content="2.0"></html>',
            'speaks version "2.0" of the Simple API, not 1',
        ),
    ],
)
def test_project_detail__nonsense_in_html(body: str, why: str) -> None:
    """An answer that makes no sense is told from an empty project."""
    with pytest.raises(parse.Nonsense) as caught:
        parse.project_detail(body.encode(), content_type="text/html", url=URL, project=DEMO)
    assert caught.value.why == why


def test_project_detail__xhtml() -> None:
    """XHTML with its declaration is read like any HTML, without a warning."""
    page = (
        '<?xml version="1.0" encoding="iso-8859-1"?>'
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "xhtml1-strict.dtd">'
        '<html xmlns="http://www.w3.org/1999/xhtml"><body><a href="demo-1.zip">ü</a></body></html>'
    )
    detail = parse.project_detail(
        page.encode(), content_type="application/xhtml+xml", url=URL, project=DEMO
    )
    assert only_file(detail).filename == "demo-1.zip"


def test_project_detail__base_of_base() -> None:
    """A `<base>` is itself relative to the page, and must lead somewhere."""
    link = '<a href="demo-1.zip">x</a>'
    assert only_file(html(f'<base href="../f/">{link}')).url.endswith("/simple/f/demo-1.zip")
    assert only_file(html(f'<base href="data:x">{link}')).url == f"{URL}demo-1.zip"


def test_project_detail__anchors_in_anchors() -> None:
    """An anchor's text ends where the next begins, and a page of such is read before nightfall."""
    link = '<a href="demo-1.zip"><b>x'
    assert [file.filename for file in html(link * 20_000).files] == ["demo-1.zip"]
    notes = '<a href="notes.pdf">notes.<i>pdf</i><a href="demo-1.zip"><b>demo</b>-1.zip</a>!</a>'
    assert [file.filename for file in html(notes).files] == ["notes.pdf", "demo-1.zip"]
