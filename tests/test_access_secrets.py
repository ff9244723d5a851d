"""Passwords and tokens: what is kept of them, and what proves them."""

import base64
import os
import shutil
import subprocess
import time
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eggproxy.access import htpasswd, tokens
from eggproxy.access.basic import Credentials, credentials
from eggproxy.access.files import Files
from eggproxy.errors import ConfigurationError
from tests.httpd import lacking
from tests.secrets import basic, write_tokens, write_users


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ("Bearer x", None),
        (basic("joe", "a:b"), Credentials("joe", "a:b")),
        (basic("jürgen", "größe"), Credentials("jürgen", "größe")),
        # As pip and twine write them.
        (
            "Basic " + base64.b64encode("jürgen:größe".encode("latin-1")).decode(),
            Credentials("jürgen", "größe"),
        ),
        ("basic  am9lOng=", Credentials("joe", "x")),
        ("BASIC am9lOng=", Credentials("joe", "x")),
        ("Basic am9lOng", Credentials("", "")),
        ("Basic \xff", Credentials("", "")),
        ("Basic am9l", Credentials("joe", "")),
        ("Basic", Credentials("", "")),
    ],
)
def test_credentials__of_header(header: str | None, found: Credentials | None) -> None:
    """Whatever stands in the header, it is a name and a password, nobody's, or nothing."""
    assert credentials(header) == found


@given(st.text())
def test_credentials__any_header(header: str) -> None:
    """No header is too strange, and none shows its password in a traceback."""
    found = credentials(header)
    assert found is None or repr(found) == f"Credentials({found.name!r})"


def test_users__of_apache(tmp_path: Path) -> None:
    """What Apache's own htpasswd -B writes is understood, and the other way round."""
    if shutil.which("htpasswd") is None:
        lacking("htpasswd (Debian's package apache2-utils)")
    path = tmp_path / "users"
    subprocess.run(["htpasswd", "-cbB", path, "joe", "größe"], check=True, capture_output=True)
    users, mistakes = htpasswd.parse(path.read_text())
    assert not mistakes
    assert htpasswd.matches(users, "joe", "größe")
    path.write_text(f"ann:{htpasswd.hash_of('größe')}\n")
    subprocess.run(["htpasswd", "-vb", path, "ann", "größe"], check=True, capture_output=True)


def test_users__what_proves_one(tmp_path: Path) -> None:
    """Only the right password of that very name does; never an empty one."""
    users, _ = htpasswd.parse(
        write_users(tmp_path / "u", joe="secret", ann="", bob="s").read_text()
    )
    tried = [("joe", "secret"), ("joe", "Secret"), ("joe", ""), ("ann", ""), ("x", "secret")]
    found = [htpasswd.matches(users, name, password) for name, password in tried]
    assert found == [True, False, False, False, False]
    assert not htpasswd.matches({}, "joe", "secret")


def test_users__unknown_name_takes_as_long() -> None:
    """Time does not tell whether there is such a user."""
    word = bcrypt.hashpw(b"x", bcrypt.gensalt(9)).decode()
    users, _ = htpasswd.parse(f"joe:{word}\n")

    def seconds(name: str) -> float:
        began = time.thread_time()
        htpasswd.matches(users, name, "y")
        return time.thread_time() - began

    known, unknown = (min(seconds(name) for _ in range(3)) for name in ("joe", "eve"))
    assert 0.5 < known / unknown < 2


def test_users__long_password() -> None:
    """No more than 72 bytes count for bcrypt; Apache cuts a longer one there, and so do we."""
    word = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4))
    assert htpasswd.matches({"joe": word}, "joe", "x" * 100)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("joe:$apr1$a$b", "line 2, joe: the password is not bcrypt (but MD5, which htpasswd"),
        ("joe:{SHA}abc=", "(but SHA-1), so run: eggproxy user add joe"),
        ("joe:$6$salt$hash", "(but another crypt), so run"),
        ("joe:hunter2", "(but no hash), so run"),
        ("joe:$2y$31$" + "." * 53, "(but another crypt), so run"),
        ("joe:", "line 2, joe: the password is empty, so run: eggproxy user add joe"),
        ("hunter2", "line 2, what is written: this is no name of a user followed by : and a hash"),
        ("hunter2 words:x", "line 2, what is written: this is no name of a user"),
        ("anyone:x", "line 2, what is written: this is no name"),
        ("ann:$2y$04$" + "." * 53, "line 2, ann: its name is there twice"),
    ],
)
def test_users__mistake(tmp_path: Path, line: str, sentence: str) -> None:
    """A line that cannot be used is told with its number and what to do, never with its hash."""
    path = tmp_path / "users"
    path.write_text(f"ann:$2y$04${'.' * 53}\n{line}\n# a comment\n\n")
    with pytest.raises(ConfigurationError) as caught:
        Files(path, None).check()
    told = str(caught.value).removeprefix(f"In users_file {path}, ")
    assert told.startswith("line 2")
    assert sentence in told
    assert not any(secret in told for secret in ("apr1$", "abc", "salt", "hunter2"))


def test_users__the_good_lines_count(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While the server runs, a bad line costs no other user the way in; the log tells it, once."""
    path = write_users(tmp_path / "users", joe="secret")
    files = Files(path, None)
    assert set(files.get().users) == {"joe"}
    path.write_text(path.read_text() + "ann:plain\n")
    for _ in range(3):
        assert set(files.get().users) == {"joe"}
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{path}: line 2, ann: the password is not bcrypt (but")
    path.unlink()
    assert not files.get().users


def test_files__may_be_read_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be read has no users, which the log says once; and then it has again."""
    path = write_users(tmp_path / "users", joe="secret")
    os.utime(path, (1, 1))
    files = Files(path, None)
    with monkeypatch.context() as patch:
        # Root may read everything.
        patch.setattr(Path, "read_bytes", lambda _path: os.open("/", os.O_WRONLY))
        assert [len(files.get().users) for _ in range(3)] == [0, 0, 0]
    assert [record.getMessage().count("cannot be read") for record in caplog.records] == [1]
    assert set(files.get().users) == {"joe"}


def test_files__change_is_seen(tmp_path: Path) -> None:
    """A file that changes is read again at once, even if neither size nor time show it."""
    path = write_users(tmp_path / "users", joe="secret")
    files = Files(path, tmp_path / "tokens")
    known = files.get()
    assert files.get() is known
    path.write_text(path.read_text().replace("joe", "jim"))
    assert set(files.get().users) == {"jim"}
    made = write_tokens(tmp_path / "tokens", good=("ci", "read:*"))
    assert set(files.get().tokens) == {tokens.digest(made["good"])}


def test_tokens__form() -> None:
    """A token has 256 random bits between a prefix and a checksum, for those who look for leaks."""
    made = tokens.make()
    assert made.startswith("eggproxy_")
    assert tokens.is_token(made)
    assert made != tokens.make()
    for wrong in (made[:-1], made[:-1] + "é", made.swapcase(), f"{made}0", "x" * len(made), ""):
        assert not tokens.is_token(wrong)


def test_tokens__only_a_hash_is_kept(tmp_path: Path) -> None:
    """Nothing in the file lets anybody in, and it reads back as it was written."""
    made = write_tokens(tmp_path / "tokens", good=("ci", "upload:acme-*", "read:*"))["good"]
    data = (tmp_path / "tokens").read_bytes()
    assert made.encode() not in data
    (token,) = tokens.parse(data).values()
    assert (token.name, token.scopes) == ("ci", ("upload:acme-*", "read:*"))
    assert tokens.write(tokens.parse(data)) == data


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("{", "truncated"),
        ("[]", "Expected `object`"),
        ('{"tokens": [{}]}', "missing required field `id`"),
        ('{"tokens": [], "admin": true}', "unknown field `admin`"),
        (
            '{"tokens": [{"id": "1", "name": "ci", "sha256": "", "scopes": [], "created": 1}]}',
            "the hash of token '1' is that of an empty one, or none",
        ),
    ],
)
def test_tokens__mistake(tmp_path: Path, data: str, why: str) -> None:
    """A file that is not understood, or has an empty token, is refused with one sentence."""
    path = tmp_path / "tokens"
    path.write_text(data)
    with pytest.raises(ConfigurationError) as caught:
        Files(None, path).check()
    assert str(caught.value).startswith(f"In tokens_file {path}, ")
    assert why in str(caught.value)
    assert not Files(None, path).get().tokens
