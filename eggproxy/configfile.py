"""The configuration file: where it is, and what it says, each value with its place."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from configobj import ConfigObj, ConfigObjError, DuplicateError

from eggproxy.configkeys import KEYS, SECTION, check_name
from eggproxy.errors import ConfigurationError

SYSTEM_FILE = Path("/etc/eggproxy.conf")
"""Where the search for a configuration file ends."""

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")


class Setting(NamedTuple):
    """A value as it was written; `where` begins a sentence about it, `base` anchors a path."""

    text: str
    where: str
    base: Path = Path()


def find(path: Path | None, environ: Mapping[str, str], bindir: Path | None) -> Path | None:
    """Find the file to read: the one that is named, or else the first of the usual places.

    `path` is what the command names, `bindir` the folder of the command. Raises
    ConfigurationError where a file that is named does not exist.
    """
    named = environ.get("EGGPROXY_CONFIG")
    if path is not None:
        return _existing(path, "The option --config")
    if named:
        return _existing(Path(named), "The environment variable EGGPROXY_CONFIG")
    home = environ.get("HOME")  # Apache runs us without one
    places = [
        *([Path(home) / "eggproxy.conf"] if home else []),
        *([bindir.absolute().parent / "etc" / "eggproxy.conf"] if bindir else []),
        SYSTEM_FILE,
    ]
    # Unlike Path.is_file, this is false in a home that we may not look into, and no error.
    return next((place for place in places if os.path.isfile(place)), None)  # noqa: PTH113


def read(path: Path) -> dict[str, Setting]:
    """Read a configuration file's settings by key; their values are not checked yet.

    Raises ConfigurationError for a file that cannot be read or understood, an unknown section or
    key. No value is ever shown: it may be a password.
    """
    lines = _lines(path)
    parsed = _parsed(path, lines)
    for name in parsed.scalars:
        where = _place(path, lines, name)
        raise ConfigurationError(f"{where} stands above all sections: write [{SECTION}] before it.")
    section = parsed.get(SECTION) or ConfigObj()
    for name in [name for name in parsed.sections if name != SECTION] + section.sections:
        where = _place(path, lines, name)
        raise ConfigurationError(f"{where} is no known section: the only one is [{SECTION}].")
    settings = {}
    for name, text in section.items():
        where = _place(path, lines, name)
        check_name(name, where)
        settings[name] = Setting(_unquoted(text), where, path.absolute().parent)
    return settings


def _existing(path: Path, where: str) -> Path:
    if not os.path.lexists(path):
        raise ConfigurationError(f"{where} names {path}, which does not exist: name a file.")
    return path


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        why = f"cannot be read ({error.strerror}): name a file that can"
    except UnicodeDecodeError as error:
        why = f"is not UTF-8 at byte {error.start}: save it as UTF-8"
    raise ConfigurationError(f"The configuration file {path} {why}.")


def _parsed(path: Path, lines: list[str]) -> Any:  # noqa: ANN401  # configobj has no types
    try:
        # A '%' or a ',' in an address stands for itself.
        return ConfigObj(lines, interpolation=False, list_values=False, raise_errors=True)
    except DuplicateError as error:
        number, why = error.line_number, "repeats an earlier line: take one of the two out"
    except ConfigObjError as error:
        # Its own text may quote the line.
        number, why = error.line_number, "is not understood: write key = value, and close quotes"
    key = lines[number - 1].partition("=")[0].strip()
    at = f", {key}," if key in {key.name for key in KEYS} else ""
    raise ConfigurationError(f"In {path}, line {number}{at} {why}.")


def _place(path: Path, lines: list[str], name: str) -> str:
    """Begin a sentence about a key or section; configobj does not remember their lines."""
    written = re.compile(rf"""\s*\[*\s*["']?{re.escape(name)}["']?\s*[]=]""")
    number = next((n for n, line in enumerate(lines, 1) if written.match(line)), 1)
    # What is no plain word may be an address.
    shown = name if _WORD.fullmatch(name) else "what is written"
    return f"In {path}, line {number}, {shown}"


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text
