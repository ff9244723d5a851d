"""The commands for users and tokens, and what a server makes of their files."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from eggproxy.access import Access, htpasswd, tokens
from eggproxy.config import AccessRule
from eggproxy.responses import Request
from tests.frontends import BIN, clean_environment
from tests.secrets import basic, stored_tokens


class Commands:
    """Runs `eggproxy` with a configuration that names both files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "eggs").mkdir()
        (folder / "eggproxy.conf").write_text(
            "[eggproxy]\neggs_directory = eggs\nusers_file = users\ntokens_file = tokens\n"
        )

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command of two words, with this on its standard input."""
        command = [
            str(BIN / "eggproxy"),
            *arguments,
            "--config",
            str(self.folder / "eggproxy.conf"),
        ]
        return subprocess.run(
            command,
            check=False,
            input=given,
            capture_output=True,
            text=True,
            env=clean_environment(HOME=str(self.folder)),
        )

    def names(self) -> list[str]:
        """Name what is in its folder."""
        return sorted(path.name for path in self.folder.iterdir())

    def complaint(self, *arguments: str, given: str = "") -> str:
        """Run a command that fails with status 2 and one sentence; give that."""
        done = self.run(*arguments, given=given)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        return done.stderr


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    """Give commands in a fresh folder."""
    return Commands(tmp_path)


def test_user__add_list_remove(commands: Commands) -> None:
    """Users come, get another password and go; no password is shown or stored."""
    for name, password in (("alice", "wonder"), ("bob", "builder"), ("alice", "größe 2")):
        assert commands.run("user", "add", name, "--password-stdin", given=f"{password}\n").stderr
    assert commands.run("user", "list").stdout == "alice\nbob\n"
    text = (commands.folder / "users").read_text()
    users, mistakes = htpasswd.parse(text)
    assert not mistakes
    assert htpasswd.matches(users, "alice", "größe 2")
    assert not htpasswd.matches(users, "alice", "wonder")
    assert "builder" not in text
    assert commands.run("user", "remove", "bob").returncode == 0
    assert commands.run("user", "list").stdout == "alice\n"


def test_user__keeps_other_lines(commands: Commands) -> None:
    """What else is in the file stays, and so do its owner and mode."""
    path = commands.folder / "users"
    path.write_text("# ours\nold:$apr1$x$y\n")
    path.chmod(0o640)
    commands.run("user", "add", "alice", "--password-stdin", given="wonder\n")
    assert path.read_text().startswith("# ours\nold:$apr1$x$y\nalice:$2y$12$")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert commands.names() == ["eggproxy.conf", "eggs", "users"]


def test_files__are_their_owners(commands: Commands) -> None:
    """New files are for the one alone who owns the eggs directory, as whom eggproxy serves."""
    if os.getuid() == 0:
        os.chown(commands.folder / "eggs", 12345, 12345)
    commands.run("user", "add", "alice", "--password-stdin", given="wonder\n")
    commands.run("token", "create", "--for", "ci", "--scope", "read:*")
    for name in ("users", "tokens"):
        facts = (commands.folder / name).stat()
        assert stat.S_IMODE(facts.st_mode) == 0o600
        assert facts.st_uid == (commands.folder / "eggs").stat().st_uid


@pytest.mark.parametrize(
    ("arguments", "given", "sentence"),
    [
        (["user", "add", "anyone", "--password-stdin"], "x", "cannot be the name of a user"),
        (["user", "add", "a b", "--password-stdin"], "x", "cannot be the name of a user"),
        (["user", "add", "joe", "--password-stdin"], "", "write 1 to 72 bytes that can be seen"),
        (["user", "add", "joe", "--password-stdin"], "\n", "That cannot be a password"),
        (["user", "add", "joe", "--password-stdin"], "x" * 73, "That cannot be a password"),
        (["user", "remove", "joe"], "", "has no user 'joe': see eggproxy user list"),
        (["token", "revoke", "abc"], "", "has no token 'abc': see eggproxy token list"),
        (["token", "create", "--for", "ci", "--scope", "*"], "", "such as upload:acme-* or read:*"),
        (
            ["token", "create", "--for", "ci", "--scope", "read:*", "--expires", "0d"],
            "",
            "such as 90d, or never",
        ),
        (["token", "create", "--for", "@x", "--scope", "read:*"], "", "cannot be the name of a us"),
        (["user", "list", "--users-file", ""], "", "No users_file is set: write users_file = /etc"),
        (["user", "add", "j", "--password-stdin", "--users-file", "/x/y"], "x", "make its directo"),
    ],
)
def test_commands__refuse(
    commands: Commands, arguments: list[str], given: str, sentence: str
) -> None:
    """What cannot be is refused with one sentence, and changes nothing."""
    assert sentence in commands.complaint(*arguments, given=given)
    assert commands.names() == ["eggproxy.conf", "eggs"]


def test_user__password_is_no_argument(commands: Commands) -> None:
    """A password on the command line, where all users of the machine see it, is not taken."""
    assert commands.run("user", "add", "alice", "wonder").returncode == 2
    assert commands.run("user", "add", "alice", "--password", "wonder").returncode == 2


def test_token__create_list_revoke(commands: Commands) -> None:
    """A token is shown once, alone on standard output; what is kept of it is a hash."""
    scopes = ("--scope", "upload:Acme_*", "--scope", "read:*")
    made = commands.run("token", "create", "--for", "ci", *scopes, "--expires", "90d").stdout
    assert tokens.is_token(made.strip())
    (kept,) = stored_tokens(commands.folder / "tokens")
    assert kept["sha256"] == tokens.digest(made.strip())
    assert made.strip() not in (commands.folder / "tokens").read_text()
    listed = commands.run("token", "list").stdout.splitlines()[1].split()
    assert (listed[0], listed[1], listed[4:]) == (
        kept["id"],
        "ci",
        ["never", "upload:acme-*", "read:*"],
    )
    assert commands.run("token", "revoke", listed[0]).returncode == 0
    assert len(commands.run("token", "list").stdout.splitlines()) == 1


def test_token__never_expires_if_told_so(commands: Commands) -> None:
    """A token lasts for a year, or for ever where that is said."""
    for options in ([], ["--expires", "never"]):
        commands.run("token", "create", "--for", "ci", "--scope", "read:*", *options)
    created, expires = zip(
        *(
            (entry["created"], entry["expires"])
            for entry in stored_tokens(commands.folder / "tokens")
        ),
        strict=True,
    )
    assert expires == (created[0] + 365 * 86400, None)


def test_token__last_use(commands: Commands) -> None:
    """The list says on which day a token was used last; one that is gone leaves nothing."""
    made = commands.run("token", "create", "--for", "ci", "--scope", "read:*").stdout.strip()
    rule = AccessRule(pattern="*", read=("users",))
    access = Access(
        [rule], {}, None, commands.folder / "tokens", uses=commands.folder / "eggs" / tokens.USES
    )
    request = Request("GET", b"/", authorization=basic("__token__", made))
    assert access.require("read", None, request) == "ci"
    listed = commands.run("token", "list").stdout.splitlines()[1].split()
    assert listed[4] >= listed[2] != "never"
    commands.run("token", "revoke", listed[0])
    assert not list((commands.folder / "eggs" / tokens.USES).iterdir())


def test_commands__at_once(commands: Commands) -> None:
    """Several at the same time lose none of what they add."""
    command = [str(BIN / "eggproxy"), "token", "create", "--scope", "read:*", "--config"]
    command.append(str(commands.folder / "eggproxy.conf"))
    running = [
        subprocess.Popen(
            [*command, "--for", f"ci-{number}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=clean_environment(HOME=str(commands.folder)),
        )
        for number in range(8)
    ]
    assert [process.wait(60) for process in running] == [0] * 8
    assert len(stored_tokens(commands.folder / "tokens")) == 8


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("users", "joe:\n", "line 1, joe: the password is empty"),
        ("users", "joe:$apr1$a$b\n", "line 1, joe: the password is not bcrypt (but MD5"),
        ("tokens", '{"tokens": [{}]}', "missing required field `id`"),
        ("eggproxy.conf", "[eggproxy]\n[access]\n[[*]]\nread = @staff\n", "names '@staff', which"),
    ],
)
def test_serve__refuses(commands: Commands, name: str, content: str, sentence: str) -> None:
    """A server does not start over users, tokens or rules that cannot be meant."""
    (commands.folder / name).write_text(content)
    assert sentence in commands.complaint("serve", "--port", "0")
