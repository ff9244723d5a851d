"""Who may read behind Apache: by eggproxy's own rules, and by names that Apache has checked."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from eggproxy.apache_config import Module
from tests import httpd
from tests.apache_sites import apache_site, print_configuration, write_configuration
from tests.httpd import Httpd
from tests.secrets import basic, write_users
from tests.servers import Reply, ask, wait_until
from tests.upstream import Upstream

FILE = "/pypi/acme-tool/acme_tool-1.0.whl"
ALICE = basic("alice", "wonder")

# Apache asks for a password below /pypi, and knows carol and bob alone.
_OF_APACHE = """
<Location "/pypi">
    AuthType Basic
    AuthName "of Apache"
    AuthBasicProvider file
    AuthUserFile "{users}"
    Require valid-user
</Location>
"""


# docs/access.rst: passwords for uploads alone.
_FOR_UPLOADS = """
<Location "/pypi">
    AuthType Basic
    AuthName "of Apache"
    AuthBasicProvider file
    AuthUserFile "{users}"
    <RequireAny>
        Require method GET HEAD
        Require valid-user
    </RequireAny>
</Location>
"""


class Site(NamedTuple):
    """An index behind Apache."""

    apache: Httpd
    stored: Path

    def get(self, path: str, who: str | None = None) -> Reply:
        """GET a path with credentials."""
        return ask(self.apache.url, path, headers={"Authorization": who} if who else {})


def write_site(root: Path, upstream: Upstream) -> Path:
    """Write users and rules: alice and carol may read acme-tool."""
    eggs = root / "eggs"
    eggs.mkdir()
    users = write_users(root / "users", alice="wonder", bob="builder")
    for path in (eggs, users):
        httpd.give_away(path)
    upstream.add("open-tool", "open_tool-1.0.zip", b"zip")
    upstream.add("acme-tool", "acme_tool-1.0.whl", b"wheel", metadata=b"Name: acme-tool\n")
    file = write_configuration(root / "eggproxy.conf", eggs, upstream.index_url, users_file=users)
    rules = "[access]\n[[acme-*]]\nread = alice, carol\nupload = alice, carol\n"
    file.write_text(file.read_text() + rules)
    return file


@pytest.fixture(params=["mod_python", "mod_wsgi"])
def module(request: pytest.FixtureRequest) -> Module:
    """Give each module that runs Python."""
    found: Module = request.param
    return found


@pytest.fixture
def site(module: Module) -> Iterator[Site]:
    """Give a site as `eggproxy apache-config` prints it."""
    with (
        httpd.public_directory() as root,
        Upstream() as upstream,
        apache_site(module, root, write_site(root, upstream)) as apache,
    ):
        yield Site(apache, root / "eggs" / "acme-tool" / "acme_tool-1.0.whl")


@contextmanager
def site_with_users(module: Module, directives: str) -> Iterator[Site]:
    """Serve a site where Apache has users of its own."""
    with httpd.public_directory() as root, Upstream() as upstream:
        file = write_site(root, upstream)
        users = write_users(root / "of-apache", carol="lewis", bob="marley")
        httpd.give_away(users)
        modules = ("authn_core", "auth_basic", "authn_file", "authz_user")
        more = directives.format(users=users)
        with apache_site(module, root, file, more=more, more_modules=modules) as apache:
            yield Site(apache, root / "eggs" / "acme-tool" / "acme_tool-1.0.whl")


def test_apache__stored_files_are_guarded(site: Site) -> None:
    """A file that is on disk already does not leave without a look at who asks."""
    assert site.get(FILE, ALICE).body == b"wheel"
    wait_until(site.stored.exists)
    for path in (FILE, f"{FILE}.metadata", "/pypi/acme-tool/", "/pypi/acme-tool/index.html"):
        assert [site.get(path, who).status for who in (ALICE, None)] == [200, 401]
    assert site.get(FILE, ALICE).headers["Cache-Status"] == "eggproxy; hit"
    for path in ("/pypi/+apache/acme-tool/acme_tool-1.0.whl", "/pypi/acme-tool/stored.html"):
        assert site.get(path).status in {401, 403, 404}


CAROL = basic("carol", "lewis")


def test_apache__own_users(module: Module) -> None:
    """A user whom Apache has let in is one: for the rules it is the name alone that counts."""
    with site_with_users(module, _OF_APACHE) as site:
        assert site.get(FILE, CAROL).body == b"wheel"
        refused = site.get(FILE, basic("bob", "marley"))
        stranger = site.get(FILE, ALICE)
    assert refused.status == 403
    assert refused.reason.startswith("User bob may not read acme-tool: an administrator")
    # Whom Apache does not know never comes as far as eggproxy, which knows alice.
    assert (stranger.status, stranger.headers["WWW-Authenticate"]) == (
        401,
        'Basic realm="of Apache"',
    )


def test_apache__passwords_for_uploads_alone(module: Module) -> None:
    """Reading is eggproxy's to decide, and who uploads has to be somebody to Apache."""
    with site_with_users(module, _FOR_UPLOADS) as site:
        assert site.get("/pypi/open-tool/").status == 200
        assert site.get(FILE).headers["WWW-Authenticate"].startswith('Basic realm="eggproxy"')
        stranger = ask(site.apache.url, "/pypi/", method="POST")
        assert stranger.headers["WWW-Authenticate"] == 'Basic realm="of Apache"'
        known = ask(site.apache.url, "/pypi/", method="POST", headers={"Authorization": CAROL})
        assert known.status not in {200, 401, 403}


def test_apache__static_lets_nobody_in(tmp_path: Path, upstream: Upstream) -> None:
    """Apache alone does not know the rules, and is told to let nobody in."""
    printed = print_configuration("static", write_site(tmp_path, upstream))
    assert "Apache alone knows nothing" in printed.stderr
    assert "Require all denied" in printed.stdout
