"""The rules of a configuration: [access], [groups] and [projects]."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from eggproxy.config.checks import PATTERN
from eggproxy.config.file import Setting
from eggproxy.errors import ConfigurationError
from eggproxy.names import NormalizedName, is_project_name, normalize

_SEPARATOR = re.compile(r"[\s,]+")
_SUBJECT = re.compile(r"@?[^\s,:@\x00-\x1f\x7f]+|token:[^\s,:\x00-\x1f\x7f]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessRule:
    """Who may do what with the projects of a pattern; None where the rule does not say.

    `pattern` is of normalized names. Subjects are `anyone`, `users`, a user's name, `@group` or
    `token:NAME`.
    """

    pattern: str
    read: tuple[str, ...] | None = None
    upload: tuple[str, ...] | None = None
    # Begins a sentence about the rule.
    where: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectRule:
    """What is special about a project of our own: whether files of upstream are mixed in."""

    upstream: Literal["never", "merge"] = "never"


def access_rules(sections: Mapping[str, Mapping[str, Setting]]) -> tuple[AccessRule, ...]:
    """Read the sections within [access], in their order. Raises ConfigurationError."""
    rules = []
    for pattern, section in sections.items():
        if not PATTERN.fullmatch(pattern):
            raise ConfigurationError(
                f"The section [[{pattern[:40]}]] within [access] is no pattern of project names: "
                "write one such as [[acme-*]] or [[*]]."
            )
        first = next(iter(section.values()), None)
        rules.append(
            AccessRule(
                pattern=normalize(pattern),
                read=_subjects(section.get("read")),
                upload=_subjects(section.get("upload")),
                where=first.where if first else f"The section [[{pattern}]] within [access]",
            )
        )
    return tuple(rules)


def groups(settings: Mapping[str, Setting]) -> dict[str, tuple[str, ...]]:
    """Read [groups]: the users of each. Raises ConfigurationError."""
    return {name: _subjects(setting) or () for name, setting in settings.items()}


def project_rules(
    sections: Mapping[str, Mapping[str, Setting]],
) -> dict[NormalizedName, ProjectRule]:
    """Read the sections within [projects]. Raises ConfigurationError."""
    rules = {}
    for name, section in sections.items():
        if not is_project_name(name):
            raise ConfigurationError(
                f"The section [[{name[:40]}]] within [projects] is no name of a project: "
                "write letters, digits, and - _ . within."
            )
        setting = section.get("upstream")
        text = setting.text.strip() if setting else "never"
        if setting and text not in {"never", "merge"}:
            raise ConfigurationError(f"{setting.where} is {text[:40]!r}: write never or merge.")
        rules[normalize(name)] = ProjectRule(upstream="merge" if text == "merge" else "never")
    return rules


def _subjects(setting: Setting | None) -> tuple[str, ...] | None:
    if setting is None:
        return None
    found = tuple(item for item in _SEPARATOR.split(setting.text) if item)
    wrong = next((item for item in found if not _SUBJECT.fullmatch(item)), None)
    if wrong is not None:
        raise ConfigurationError(
            f"{setting.where} names {wrong[:40]!r}: write anyone, users, a name, @group or "
            "token:NAME, with commas between them."
        )
    return found
