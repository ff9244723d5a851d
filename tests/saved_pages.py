"""Pages of indexes old and new in tests/data/pages, and what they are expected to say."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from eggproxy.model import ProjectDetail
from eggproxy.names import NormalizedName

FOLDER = Path(__file__).parent / "data" / "pages"

NO_LINK = "sent a page with no usable link"


@dataclass(frozen=True)
class SavedPage:
    """A page as an index sent it for a project; `nonsense`: why it is none, if it is none."""

    file: str
    project: NormalizedName
    nonsense: str | None = None
    folder: str = "https://index.example/simple/"

    @property
    def body(self) -> bytes:
        """The page itself."""
        return (FOLDER / self.file).read_bytes()

    @property
    def url(self) -> str:
        """The address that it came from."""
        return f"{self.folder}{self.project}/"

    @property
    def content_type(self) -> str:
        """The Content-Type that it came with."""
        is_json = self.file.endswith(".json")
        return "application/vnd.pypi.simple.v1+json" if is_json else "text/html; charset=utf-8"

    @property
    def expected(self) -> ProjectDetail:
        """What it says."""
        expected = (FOLDER / f"{self.file}.expected").read_bytes()
        return msgspec.json.decode(expected, type=ProjectDetail)


def _page(file: str, project: str, nonsense: str | None = None) -> SavedPage:
    return SavedPage(file, NormalizedName(project), nonsense)


PAGES = [
    # The public index, as it is read from the tests' machines; long pages have fewer files here.
    _page("six.html", "six"),
    _page("numpy.html", "numpy"),
    _page("boto3.html", "boto3"),
    _page("zope-interface.html", "zope-interface"),
    _page("pastedeploy.html", "pastedeploy"),
    _page("setuptools.html", "setuptools"),
    _page("cryptography.html", "cryptography"),
    # As it is read elsewhere; written from those above, the values that those lack made up.
    _page("six-today.html", "six"),
    _page("pastedeploy-archived.html", "pastedeploy"),
    _page("six.json", "six"),
    _page("boto3.json", "boto3"),
    _page("zope-interface.json", "zope-interface"),
    _page("pastedeploy.json", "pastedeploy"),
    _page("quarantined.json", "pastedeploy"),
    # Other indexes, past and present, written by hand in the form of each.
    _page("setuptools-era.html", "pastescript"),
    _page("devpi.html", "devpi-demo"),
    _page("pypiserver.html", "my-tool"),
    _page("gitlab.html", "my-package"),
    _page("artifactory.html", "requests-aws"),
    _page("torch.html", "torch"),
    _page("apache.html", "zope-interface"),
    _page("nginx.html", "numpy"),
    _page("every-attribute.html", "demo"),
    _page("deviations.json", "de-mo"),
    _page("empty.html", "nothing-yet"),
    _page("home-page-only.html", "nothing-yet"),
    # Servers of today, from tests/clients/indexes.py.
    _page("live-devpi.html", "demo-tool"),
    _page("live-devpi.json", "demo-tool"),
    _page("live-pypiserver.html", "demo-tool"),
    _page("live-python.html", "demo-tool"),
    _page("live-apache.html", "demo-tool"),
    _page("live-nginx.html", "demo-tool"),
    _page("live-eggproxy.html", "demo-tool"),
    _page("live-eggproxy.json", "demo-tool"),
    # What is sent instead of a page.
    _page("captive-portal.html", "six", NO_LINK),
    _page("captive-portal-links.html", "six", NO_LINK),
    _page("login.html", "six", NO_LINK),
    _page("script-only.html", "six", NO_LINK),
]
