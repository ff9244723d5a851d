"""Guessing, remembering and waiting: what a password costs, and whom."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eggproxy.access import Access, htpasswd, tokens
from eggproxy.access.callers import Caller
from eggproxy.access.delays import FREE, LONGEST, MAX_ADDRESSES, Delays
from eggproxy.access.errors import (
    ForbiddenError,
    SignInError,
    TooManyFailuresError,
    UnauthorizedError,
    WrongCredentialsError,
)
from eggproxy.access.memory import MAX_EACH, RIGHT_FOR, WRONG_FOR, Memory
from eggproxy.config import AccessRule
from eggproxy.names import normalize
from eggproxy.responses import Request
from tests.secrets import basic, write_tokens, write_users

PROJECT = normalize("acme")
RULE = AccessRule(pattern="*", read=("users",))


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


class Checks:
    """Passwords that have been looked at, each of which may be held."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        self.free = threading.Event()
        self.free.set()
        self._matches = htpasswd.matches
        monkeypatch.setattr(htpasswd, "matches", self)

    def __call__(self, users: htpasswd.Users, name: str, password: str) -> bool:
        """Look at a password, and count."""
        self.names.append(name)
        assert self.free.wait(30)
        return self._matches(users, name, password)


@pytest.fixture
def clock() -> Clock:
    """Give a clock."""
    return Clock()


@pytest.fixture
def access(tmp_path: Path, clock: Clock) -> Access:
    """Give rules by which every user may read."""
    users = write_users(tmp_path / "users", alice="wonder", bob="builder")
    return Access([RULE], {}, users, tmp_path / "tokens", clock)


def request(who: str | None = None, client: str = "192.0.2.1") -> Request:
    """Make a request."""
    return Request("GET", b"/pypi/acme/", authorization=who, client=client)


def attempt(access: Access, password: str, name: str = "alice", client: str = "192.0.2.1") -> str:
    """Try a password, and say what came of it."""
    try:
        return str(access.require("read", PROJECT, request(basic(name, password), client)))
    except UnauthorizedError:
        return "wrong"
    except TooManyFailuresError as error:
        return f"wait {error.seconds}"


def test_guard__right_password_is_remembered(
    access: Access, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that was right is looked at once in five minutes, and then again."""
    checks = Checks(monkeypatch)
    assert not access.recall(PROJECT, request(basic("alice", "wonder")))
    assert [attempt(access, "wonder") for _ in range(3)] == ["alice"] * 3
    assert access.recall(PROJECT, request(basic("alice", "wonder")))
    assert len(checks.names) == 1
    clock.now += RIGHT_FOR
    assert not access.recall(PROJECT, request(basic("alice", "wonder")))
    assert attempt(access, "wonder") == "alice"
    assert len(checks.names) == 2


def test_guard__what_is_remembered_holds_no_secret(access: Access) -> None:
    """The memory knows credentials by a keyed hash, another one in each process."""
    header = basic("alice", "wonder")
    assert Memory().key(header) != Memory().key(header)
    assert Memory().key("\udcff")
    attempt(access, "wonder")
    held = repr(vars(access._identification._memory))
    assert "wonder" not in held
    assert header.removeprefix("Basic ") not in held


def test_guard__memory_is_bounded() -> None:
    """However many guesses come, memory stays small, and what was right is not driven out."""
    memory, state = Memory(), object()
    memory.put(b"right", Caller("alice", "password"), state, 2.0)
    for number in range(MAX_EACH + 10):
        memory.put(b"%d" % number, WrongCredentialsError(), state, 2.0)
    assert len(memory._wrong) == MAX_EACH
    assert memory.get(b"right", state, 1.0) is not None
    assert memory.get(b"0", state, 1.0) is None
    assert memory.get(b"%d" % MAX_EACH, state, 1.0) is not None
    assert memory.get(b"%d" % MAX_EACH, object(), 1.0) is None


def test_guard__delay_grows(access: Access, clock: Clock) -> None:
    """After five different wrong passwords an address waits for 1 s, 2 s, 4 s, to a minute."""
    assert [attempt(access, f"guess {n}") for n in range(FREE + 1)] == ["wrong"] * FREE + ["wait 1"]
    waits = []
    for number in range(8):
        clock.now += LONGEST
        assert attempt(access, f"later guess {number}") == "wrong"
        waits.append(attempt(access, "the next"))
    assert waits == ["wait 2", "wait 4", "wait 8", "wait 16", "wait 32", *["wait 60"] * 3]
    assert attempt(access, "wonder") == "wait 60"
    clock.now += 60
    assert attempt(access, "wonder") == "alice"


def test_guard__others_do_not_wait(access: Access) -> None:
    """Neither another address waits, nor who has been let in from the same one before."""
    assert attempt(access, "builder", "bob") == "bob"
    for number in range(FREE):
        attempt(access, f"guess {number}")
    assert attempt(access, "wonder") == "wait 1"
    assert attempt(access, "builder", "bob") == "bob"
    assert attempt(access, "wonder", client="192.0.2.2") == "alice"


def test_guard__success_resets_ones_own_failures(access: Access) -> None:
    """Who mistypes and then knows begins anew; who guesses another's password does not."""
    for number in range(FREE - 1):
        attempt(access, f"guess {number}")
    assert attempt(access, "builder", "bob") == "bob"
    assert attempt(access, "guess again") == "wrong"
    assert attempt(access, "yet another") == "wait 1"
    again = [attempt(access, f"{n}", client="192.0.2.9") for n in range(FREE - 1)]
    assert again == ["wrong"] * (FREE - 1)
    assert attempt(access, "wonder", client="192.0.2.9") == "alice"
    assert [attempt(access, f"x{n}", client="192.0.2.9") for n in range(2)] == ["wrong"] * 2


def test_guard__repeating_is_not_guessing(
    access: Access, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build with a password of yesterday costs one look a minute, and nobody else a wait."""
    checks = Checks(monkeypatch)
    assert [attempt(access, "of yesterday") for _ in range(50)] == ["wrong"] * 50
    assert len(checks.names) == 1
    clock.now += WRONG_FOR
    assert attempt(access, "of yesterday") == "wrong"
    assert len(checks.names) == 2


def test_guard__many_at_once(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many requests at once with the same password, as uv sends them, one is looked at."""
    checks = Checks(monkeypatch)
    checks.free.clear()
    with ThreadPoolExecutor(30) as pool:
        answers = [pool.submit(attempt, access, "wonder") for _ in range(30)]
        checks.free.set()
        assert {answer.result(30) for answer in answers} == {"alice"}
    assert checks.names == ["alice"]


def test_guard__guesses_at_once(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guessing in parallel gets nobody more guesses than one after the other."""
    checks = Checks(monkeypatch)
    checks.free.clear()
    with ThreadPoolExecutor(40) as pool:
        answers = [pool.submit(attempt, access, f"guess {n}") for n in range(40)]
        checks.free.set()
        found = [answer.result(30) for answer in answers]
    # Two are looked at at a time.
    assert found.count("wrong") == len(checks.names) <= FREE + 1
    assert set(found) - {"wait 1", "wait 2"} == {"wrong"}


def test_guard__tokens_do_not_wait(access: Access, tmp_path: Path) -> None:
    """Nobody guesses a token: builds that use one are let in whoever guesses from their address."""
    made = write_tokens(tmp_path / "tokens", good=("ci", "read:*"), revoked=("ci", "read:*"))
    for _ in range(2 * FREE):
        attempt(access, tokens.make(), "__token__")
        attempt(access, made["revoked"], "ci")
    assert attempt(access, "first guess") == "wrong"
    for number in range(FREE):
        attempt(access, f"guess {number}")
    assert attempt(access, "wonder") == "wait 1"
    assert attempt(access, made["good"], "__token__") == "ci"


def test_guard__token_ends_in_time(access: Access, tmp_path: Path, clock: Clock) -> None:
    """A token that has been let in a moment ago is let in no more when its time is over."""
    token = write_tokens(tmp_path / "tokens", good=("ci", "read:*"))["good"]
    (known,) = access._files.get().tokens.values()
    assert known.expires is not None
    clock.now = known.expires - 1.0
    assert attempt(access, token, "__token__") == "ci"
    clock.now += 1
    assert attempt(access, token, "__token__") == "wrong"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        (None, "", True),
        ("unix:", "192.0.2.1", False),
    ],
)
def test_delays__addresses(one: str | None, other: str | None, same: bool) -> None:  # noqa: FBT001
    """One client has all addresses of an IPv6 network of 64 bits, and one of IPv4."""
    delays = Delays()
    for _ in range(FREE):
        delays.fail(one, "joe", 0.0)
    if same:
        with pytest.raises(TooManyFailuresError):
            delays.check(other, 0.0)
    else:
        delays.check(other, 0.0)


def test_delays__bounded() -> None:
    """Neither many addresses nor many names from one fill the memory."""
    delays = Delays()
    for number in range(MAX_ADDRESSES + 10):
        delays.fail(f"a{number}", "joe", 0.0)
    for number in range(1000):
        delays.fail("b", f"name {number} " * 1000, 0.0)
    assert len(delays._clients) == MAX_ADDRESSES
    assert len("".join(delays._clients["b"].names)) < 10_000
    with pytest.raises(TooManyFailuresError):
        delays.check("b", 1.0)


def test_guard__uploading(tmp_path: Path) -> None:
    """Nobody may upload until there is a user; then users may, and Apache's where a rule says."""
    access = Access([], {}, tmp_path / "users", None)
    carol = request()._replace(user="carol")
    with pytest.raises(ForbiddenError, match="while there is no user: an administrator can make"):
        access.require("upload", PROJECT, request())
    write_users(tmp_path / "users", alice="wonder")
    with pytest.raises(SignInError, match="to upload acme: put them into"):
        access.require("upload", PROJECT, request())
    for project in (PROJECT, None):
        assert access.require("upload", project, request(basic("alice", "wonder"))) == "alice"
        with pytest.raises(ForbiddenError, match="User carol may not upload"):
            access.require("upload", project, carol)
    ruled = Access([AccessRule(pattern="*", upload=("users",))], {}, tmp_path / "users", None)
    assert ruled.require("upload", PROJECT, carol) == "carol"


def test_guard__forbidden_tells_what_would_help(tmp_path: Path) -> None:
    """Who lacks a rule is told of rules, and whose token lacks a scope is told of that."""
    made = write_tokens(tmp_path / "tokens", good=("ci", "upload:acme"))["good"]
    rules = [AccessRule(pattern="acme", read=("ci",), upload=("bob",))]
    access = Access(rules, {}, None, tmp_path / "tokens")
    with pytest.raises(ForbiddenError, match=r"may not upload acme: .* allow it in .access."):
        access.require("upload", PROJECT, request(basic("__token__", made)))
    with pytest.raises(ForbiddenError, match=r"not read acme: .* make one with --scope read:ac"):
        access.require("read", PROJECT, request(basic("__token__", made)))


def test_guard__closed_to_all(access: Access, tmp_path: Path) -> None:
    """Where a rule names nobody there is no use in a password, and none is asked for."""
    closed = Access([AccessRule(pattern="*", upload=())], {}, tmp_path / "users", None)
    for who in (None, basic("alice", "wonder")):
        with pytest.raises(ForbiddenError):
            closed.require("upload", PROJECT, request(who))
    assert access.require("read", PROJECT, request(basic("alice", "wonder"))) == "alice"
