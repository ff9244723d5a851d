"""The sections of the configuration: several indexes, and rules for projects."""

from pathlib import Path

import pytest

from eggproxy.config import AccessRule, Configuration, IndexSettings, load
from eggproxy.default_index import default_index
from eggproxy.errors import ConfigurationError
from tests.test_config import complaint, write

SEVERAL = (
    "timeout = 3",
    "[indexes]",
    "[[internal]]",
    "index = https://packages.example/simple",
    "username = ci",
    "password = hunter2",
    "projects = Acme-*, Internal.Tool",
    "timeout = 7",
    "[[public]]",
    "[[torch-cpu]]",
    "index = https://whl.example/cpu",
    "channel = torch-cpu",
    "[[wheels]]",
    "find_links = https://wheels.example/all.html?flat",
    "merge = yes",
)


def several(tmp_path: Path, *lines: str) -> Configuration:
    """Load a file with these lines, or those of all kinds of indexes."""
    return load(path=write(tmp_path / "a.conf", *(lines or SEVERAL)), environ={})


def test_indexes__in_their_order(tmp_path: Path) -> None:
    """Each section is an index, in the order of priority; what it lacks is said for all."""
    internal, public, torch, wheels = several(tmp_path).indexes
    assert internal == IndexSettings(
        name="internal",
        index="https://packages.example/simple/",
        username="ci",
        password="hunter2",
        projects=("acme-*", "internal-tool"),
        update_interval=1800,
        timeout=7,
    )
    assert (public.index, public.timeout) == (default_index(), 3)
    assert (torch.index, torch.channel) == ("https://whl.example/cpu/", "torch-cpu")
    assert (wheels.index, wheels.is_flat) == ("https://wheels.example/all.html?flat", True)
    assert wheels.merge


def test_indexes__no_secret_in_repr(tmp_path: Path) -> None:
    """What is printed of a configuration holds no password."""
    assert "hunter2" not in repr(several(tmp_path))


def test_indexes__password_file(tmp_path: Path) -> None:
    """A password may be the first line of a file, which is found beside the configuration."""
    (tmp_path / "secret").write_text("hunter2\nno more\n")
    lines = ("[indexes]", "[[a]]", "username = ci", "password_file = secret")
    assert several(tmp_path, *lines).indexes[0].password == "hunter2"


def test_indexes__option_wins(tmp_path: Path) -> None:
    """Who names an index on the command line means that one alone."""
    path = write(tmp_path / "a.conf", *SEVERAL)
    options = {"index": "https://index.example/simple"}
    found = load(path=path, environ={}, options=options).indexes
    assert [each.index for each in found] == ["https://index.example/simple/"]


def test_indexes__directory(tmp_path: Path) -> None:
    """The path of a directory is an index, relative to the file that names it."""
    (tmp_path / "mirror").mkdir()
    (index,) = several(tmp_path, "index = ./mirror").indexes
    assert index.index == (tmp_path / "mirror").as_uri() + "/"


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["index = https://a.example/", *SEVERAL], "line 2, index names an index, and [indexes]"),
        (["[indexes]", "index = /x"], "line 3, index stands right in [indexes]: write a section"),
        (["[indexes]", "[[a]]", "url = x"], "line 4, url is no known key: write one of index, fin"),
        (["[indexes]", "[[a]]", "[[[b]]]"], "line 4, b is a section too deep: take it out."),
        (["[indexes]", "[[a]]", "index = gopher://x"], "line 4, index is unusable (and not shown"),
        (["[indexes]", "[[a]]", "channel = a b"], "line 4, channel is 'a b': write a word of a-z"),
        (["[indexes]", "[[a]]", "channel = x"], "take `channel` out of one, or add a section"),
        (["index = ./nothing"], "line 2, index is './nothing', which does not exist: make it."),
        (["[access]", "[[a b]]"], "[[a b]] within [access] is no pattern of project names"),
        (["[access]", "[[*]]", "read = a:b"], "line 4, read names 'a:b': write anyone, users"),
        (["[access]", "[[*]]", "write = a"], "line 4, write is no known key: write one of read"),
        (
            ["[projects]", "[[a]]", "upstream = no"],
            "line 4, upstream is 'no': write never or merge",
        ),
        (["[projects]", "[[-]]"], "The section [[-]] within [projects] is no name of a project"),
    ],
)
def test_sections__mistake(tmp_path: Path, lines: list[str], sentence: str) -> None:
    """One sentence says where the mistake is, and what to write."""
    text = complaint(tmp_path / "a.conf", *lines)
    assert sentence in text
    assert "hunter2" not in text


def test_rules__are_read(tmp_path: Path) -> None:
    """Rules of access, groups and projects come as they were written, names normalized."""
    lines = ("[access]", "[[Acme.*]]", "read = @staff, ci", "upload = alice token:ci", "[groups]")
    found = several(
        tmp_path, *lines, "staff = alice, bob", "[projects]", "[[A.B]]", "upstream = merge"
    )
    (rule,) = found.access
    assert (rule.pattern, rule.read, rule.upload) == (
        "acme-*",
        ("@staff", "ci"),
        ("alice", "token:ci"),
    )
    assert isinstance(rule, AccessRule)
    assert rule.where.startswith(f"In {tmp_path / 'a.conf'}, line 4, read")
    assert found.groups == {"staff": ("alice", "bob")}
    assert {name: each.upstream for name, each in found.projects.items()} == {"a-b": "merge"}


def test_password_file__unreadable(tmp_path: Path) -> None:
    """A password that cannot be read is told, and nothing is started without it."""
    with pytest.raises(ConfigurationError, match="which cannot be read: name a file that can"):
        several(tmp_path, "[indexes]", "[[a]]", "password_file = nowhere")
