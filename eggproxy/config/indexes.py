"""The indexes of a configuration: the sections within [indexes], or the one of the plain key."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from eggproxy.config.file import Setting
from eggproxy.config.keys import INDEX_KEYS
from eggproxy.config.values import anchored, checked
from eggproxy.default_index import default_index
from eggproxy.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,38}[A-Za-z0-9])?")
_INHERITED = ("update_interval", "timeout", "ca_certificate", "allow_hosts")


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexSettings:
    """One index, checked; times are in seconds."""

    # "" for the one that has no section.
    name: str = ""
    # An http(s) or file address, which ends in a slash unless it is one page (`is_flat`). It may
    # hold a password: so it is not in the repr.
    index: str = field(repr=False)
    is_flat: bool = False
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    # Patterns of normalized names.
    projects: tuple[str, ...] = ()
    channel: str | None = None
    merge: bool = False
    update_interval: float
    timeout: float
    ca_certificate: Path | None = None
    # Lower-case names or patterns of hosts; empty for all public ones.
    allow_hosts: tuple[str, ...] = ()


def index_settings(
    sections: Mapping[str, Mapping[str, Setting]],
    common: Mapping[str, Any],
    plain: Setting | None,
    home: str,
) -> tuple[IndexSettings, ...]:
    """Make the indexes, in the order of their priority.

    `sections` are those within [indexes], `common` the checked values for all indexes, `plain` the
    setting of the plain key. Raises ConfigurationError.
    """
    if not sections:
        url = _url(plain, home) if plain else default_index()
        values = {name: common[name] for name in _INHERITED}
        return (IndexSettings(index=url, **values),)
    if plain is not None:
        raise ConfigurationError(
            f"{plain.where} names an index, and [indexes] names others: "
            "put it into a section of [indexes] too."
        )
    found = tuple(_one(name, section, common, home) for name, section in sections.items())
    if all(each.channel for each in found):
        raise ConfigurationError(
            "In [indexes], each index has a channel, and /pypi/ itself none: "
            "take `channel` out of one, or add a section [[public]]."
        )
    return found


def _one(
    name: str, section: Mapping[str, Setting], common: Mapping[str, Any], home: str
) -> IndexSettings:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"The section [[{name[:40]}]] within [indexes] is no usable name: "
            "write one of letters, digits, and . _ - within."
        )
    values = checked(section, INDEX_KEYS)
    flat = section.get("find_links")
    if flat is not None and "index" in section:
        raise ConfigurationError(f"{flat.where} stands beside an index: take one of the two out.")
    plain = flat or section.get("index")
    for key in _INHERITED:
        if values[key] is None:
            values[key] = common[key]
    if "ca_certificate" in section and values["ca_certificate"]:
        values["ca_certificate"] = anchored(section["ca_certificate"], home)
    password_file = values.pop("password_file")
    if password_file:
        values["password"] = _first_line(section["password_file"], home)
    url = _url(plain, home, is_flat=flat is not None) if plain else default_index()
    del values["index"], values["find_links"]
    return IndexSettings(
        **{
            **values,
            "channel": values["channel"] or None,
            "username": values["username"] or None,
            "password": values["password"] or None,
        },
        name=name,
        index=url,
        is_flat=flat is not None,
    )


def _url(setting: Setting, home: str, *, is_flat: bool = False) -> str:
    """Make the address of an index, which may have been written as a path."""
    text = setting.text.strip()
    if urlsplit(text).scheme in {"http", "https"}:
        return text if is_flat or text.endswith("/") else f"{text}/"
    uri = text if text.startswith("file:") else anchored(setting, home).as_uri()
    path = Path(unquote(urlsplit(uri).path))
    if not path.exists():
        raise ConfigurationError(f"{setting.where} is {text!r}, which does not exist: make it.")
    return uri if uri.endswith("/") or not path.is_dir() else f"{uri}/"


def _first_line(setting: Setting, home: str) -> str:
    path = anchored(setting, home)
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            f"{setting.where} is {path}, which cannot be read: name a file that can."
        ) from None
    if not lines or not lines[0]:
        raise ConfigurationError(f"{setting.where} is {path}, which is empty: write the password.")
    return lines[0]
