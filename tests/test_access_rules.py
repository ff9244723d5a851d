"""Rules: which one decides, and whom it lets in."""

import pytest

from eggproxy.access.callers import Caller, Scope, scope_of
from eggproxy.access.rules import Rules
from eggproxy.config import AccessRule
from eggproxy.errors import ConfigurationError
from eggproxy.names import normalize

ALICE = Caller("alice", "password")
GROUPS = {"staff": ("alice", "token:ci")}


def rule(pattern: str, read: str | None = None, upload: str | None = None) -> AccessRule:
    """Write a rule."""
    split = [None if text is None else tuple(text.split()) for text in (read, upload)]
    return AccessRule(pattern=pattern, read=split[0], upload=split[1], where=f"The rule {pattern}")


def token(*scopes: str, name: str = "ci") -> Caller:
    """Make who comes with a token."""
    return Caller(name, "token", tuple(filter(None, map(scope_of, scopes))))


@pytest.mark.parametrize("backwards", [False, True])
def test_rules__most_particular_decides(backwards: bool) -> None:  # noqa: FBT001
    """A whole name comes before patterns, more letters before fewer, wherever they stand."""
    names = ["*", "acme-*", "acme-?ool", "acme-tool", "a*-tool-kit"]
    rules = [rule(name, read=f"reader-of-{name}") for name in names]
    found = Rules(rules[::-1] if backwards else rules)
    wanted = {
        "acme-tool": "acme-tool",
        "acme-pool": "acme-?ool",
        "acme-tool-kit": "a*-tool-kit",
        "acme": "*",
        "other": "*",
    }
    for project, pattern in wanted.items():
        assert found.subjects("read", normalize(project)) == (f"reader-of-{pattern}",)


def test_rules__what_a_rule_does_not_say() -> None:
    """A rule that does not speak of an action leaves it to the next; one that says nobody does."""
    rules = Rules([rule("acme-*", upload="alice"), rule("acme-x", upload=""), rule("*", "users")])
    assert rules.subjects("read", normalize("acme-x")) == ("users",)
    assert rules.subjects("upload", normalize("acme-x")) == ()
    assert rules.subjects("upload", normalize("acme-y")) == ("alice",)


def test_rules__default() -> None:
    """Without rules everybody may read, and users of this server's own files may upload."""
    rules, project = Rules([]), normalize("foo")
    assert rules.is_open
    assert rules.subjects("read", project) == ("anyone",)
    assert rules.allows("upload", project, ALICE)
    assert rules.allows("upload", project, token("upload:*"))
    assert not rules.allows("upload", project, Caller("alice", "server"))


@pytest.mark.parametrize(
    ("subject", "caller", "allowed"),
    [
        ("users", ALICE, True),
        ("users", Caller("x", "server"), True),
        ("alice", ALICE, True),
        ("Alice", ALICE, False),
        ("alice", Caller("alice", "server"), True),
        ("@staff", ALICE, True),
        ("@staff", Caller("bob", "password"), False),
        ("@staff", token("read:*"), True),
        ("@staff", Caller("ci", "password"), False),
        ("token:ci", token("read:*"), True),
        ("token:ci", token("read:*", name="other"), False),
        ("token:ci", Caller("ci", "password"), False),
        ("token:ci", Caller("token:ci", "server"), False),
        ("ci", token("read:foo"), True),
        ("ci", token("read:f*"), True),
        ("ci", token("read:foo-*"), False),
        ("ci", token("upload:*"), False),
        ("ci", token(), False),
        ("anyone", token(), True),
    ],
)
def test_rules__subjects(subject: str, caller: Caller, allowed: bool) -> None:  # noqa: FBT001
    """A rule lets in whom it names, and a token only within its scopes."""
    rules = Rules([rule("foo", read=subject)], GROUPS)
    assert rules.allows("read", normalize("foo"), caller) is allowed


@pytest.mark.parametrize(
    ("rules", "is_open"),
    [
        ([rule("*", "anyone")], True),
        ([rule("*", "alice anyone")], True),
        ([rule("acme-*", upload="alice")], True),
        ([rule("acme-*", "users"), rule("*", "anyone")], False),
        ([rule("acme-*", "")], False),
    ],
)
def test_rules__is_open(rules: list[AccessRule], is_open: bool) -> None:  # noqa: FBT001
    """Reading is open where no rule restricts it, for any project."""
    assert Rules(rules).is_open is is_open


def test_rules__listed_names() -> None:
    """The list has what all may read who may read the list, and nothing else."""
    rules = [rule("acme-*", "alice"), rule("wide-*", "alice users bob")]
    open_list, of_users = Rules(rules), Rules([*rules, rule("*", "users")])
    names = [normalize(name) for name in ("acme-x", "wide-x", "other")]
    assert [open_list.is_listed(name) for name in names] == [False, False, True]
    assert [of_users.is_listed(name) for name in names] == [False, True, True]


def test_rules__uploading_something() -> None:
    """Before a project is known, who may upload nothing at all is told from who may."""
    rules = Rules([rule("acme-*", upload="alice"), rule("*", upload="")])
    assert rules.allows_some("upload", ALICE)
    assert not rules.allows_some("upload", Caller("bob", "password"))
    assert not rules.allows_some("upload", token("read:*", name="alice"))
    assert not rules.is_open_somewhere("upload")
    assert Rules([rule("incoming", upload="anyone")]).is_open_somewhere("upload")


@pytest.mark.parametrize(
    ("rules", "groups", "sentence"),
    [
        ([rule("a", "@staf")], GROUPS, "The rule a, of [[a]] names '@staf', which [groups] does"),
        ([rule("a", "@x")], {}, "(none so far): write the group there, or another name here."),
        ([rule("a", "everyone")], {}, "'everyone', which is no user: did you mean anyone?"),
        ([rule("a", upload="valid-user")], {}, "'valid-user', which is no user: did you mean use"),
        ([rule("a"), rule("a")], {}, "of a second section [[a]] within [access]: write both into"),
        ([], {"g": ("@h",)}, "The group g in [groups] names '@h': write names of users, or"),
        ([], {"g": ("users",)}, "The group g in [groups] names 'users': write names of users"),
    ],
)
def test_rules__mistake(
    rules: list[AccessRule], groups: dict[str, tuple[str, ...]], sentence: str
) -> None:
    """What nobody can mean is refused with one sentence."""
    with pytest.raises(ConfigurationError) as caught:
        Rules(rules, groups)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("upload:Acme_*", Scope("upload", "acme-*")),
        ("read:*", Scope("read", "*")),
        ("write:*", None),
        ("upload:", None),
        ("upload", None),
        ("*", None),
        ("read:a b", None),
        ("read:[a-z]", None),
        ("read:*\n", None),
    ],
)
def test_scope__of_text(text: str, scope: Scope | None) -> None:
    """A scope is an action and a pattern of names, which is normalized as names are."""
    assert scope_of(text) == scope
