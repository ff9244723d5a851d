"""Who may have what: the file, and what lies beside it."""

from typing import Any

import pytest

from eggproxy.model import File, ProjectDetail
from eggproxy.names import NormalizedName
from eggproxy.policy import asked_for, offered

URL = "https://files.example/a/foo-1.0.tar.gz"


def detail(**facts: Any) -> ProjectDetail:
    """Make a project of one file."""
    file = File(filename="foo-1.0.tar.gz", url=URL, hashes={"sha256": "00"}, size=7, **facts)
    return ProjectDetail(name=NormalizedName("foo"), files=[file])


def test_offered__a_file() -> None:
    """What the page lists can be had, and nothing else."""
    page = detail(core_metadata=True, gpg_sig=True)
    assert offered(page, "foo-1.0.tar.gz") is page.files[0]
    for name in ("foo-1.0.tar", "FOO-1.0.tar.gz", "foo-1.1.tar.gz", "", ".metadata", ".asc"):
        assert offered(page, name) is None


@pytest.mark.parametrize(
    ("claim", "hashes"),
    [(True, {}), ({"sha256": "ab"}, {"sha256": "ab"}), ({"x": "y"}, {"x": "y"})],
)
def test_offered__metadata(claim: bool | dict[str, str], hashes: dict[str, str]) -> None:  # noqa: FBT001
    """Metadata has its own address and digests; the size of the file is not that of it."""
    sibling = offered(detail(core_metadata=claim), "foo-1.0.tar.gz.metadata")
    assert sibling == File(filename="foo-1.0.tar.gz.metadata", url=f"{URL}.metadata", hashes=hashes)


def test_offered__signature() -> None:
    """A signature is offered without digests, for a page gives none."""
    sibling = offered(detail(gpg_sig=True), "foo-1.0.tar.gz.asc")
    assert sibling == File(filename="foo-1.0.tar.gz.asc", url=f"{URL}.asc", hashes={})


@pytest.mark.parametrize("claim", [None, False, {}])
def test_offered__no_metadata(claim: bool | dict[str, str] | None) -> None:  # noqa: FBT001
    """What is not promised is not offered."""
    assert offered(detail(core_metadata=claim), "foo-1.0.tar.gz.metadata") is None


@pytest.mark.parametrize("claim", [None, False])
def test_offered__no_signature(claim: bool | None) -> None:  # noqa: FBT001
    """Nor is a signature."""
    page = detail(core_metadata=True, gpg_sig=claim)
    assert offered(page, "foo-1.0.tar.gz.asc") is None
    assert offered(page, "foo-1.0.tar.gz.metadata.asc") is None


def test_offered__a_file_that_is_called_so() -> None:
    """A file of its own wins over what would lie beside another."""
    page = detail(core_metadata=True)
    own = File(filename="foo-1.0.tar.gz.metadata", url="https://files.example/own", hashes={})
    both = ProjectDetail(name=page.name, files=[*page.files, own])
    assert offered(both, own.filename) is own


@pytest.mark.parametrize("suffix", ["", ".metadata", ".asc", ".provenance", ".asc.metadata"])
def test_asked_for(suffix: str) -> None:
    """What is known of these files is enough to say what is offered."""
    names = ["foo-1.0.tar.gz", "foo-1.0.tar.gz.asc", "foo-1.0.tar"]
    files = [File(name, f"https://files.example/{name}", {}, core_metadata=True) for name in names]
    page = ProjectDetail(name=NormalizedName("foo"), files=files)
    filename = names[0] + suffix
    known = [file for file in files if file.filename in asked_for(filename)]
    few = ProjectDetail(name=page.name, files=known)
    assert offered(few, filename) == offered(page, filename)
    assert few.file(names[0]) is not None
    assert few.file(names[2]) is None
