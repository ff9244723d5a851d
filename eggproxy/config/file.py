"""The configuration file: where it is, and what it says, each value with its place."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from configobj import ConfigObj, ConfigObjError, DuplicateError

from eggproxy.config.keys import INDEX_KEYS, KEYS, SECTION, check_name, named
from eggproxy.errors import ConfigurationError

SYSTEM_FILE = Path("/etc/eggproxy.conf")
"""Where the search for a configuration file ends."""


class Setting(NamedTuple):
    """A value as it was written; `where` begins a sentence about it, `base` anchors a path."""

    text: str
    where: str
    base: Path = Path()


class Written(NamedTuple):
    """What a configuration file says: the settings of its sections, by key and by name."""

    settings: Mapping[str, Setting] = {}
    # By name, in the order in which they stand, which is that of priority.
    indexes: Mapping[str, Mapping[str, Setting]] = {}
    projects: Mapping[str, Mapping[str, Setting]] = {}
    access: Mapping[str, Mapping[str, Setting]] = {}
    groups: Mapping[str, Setting] = {}


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


def read(path: Path) -> Written:
    """Read a configuration file; its values are not checked yet.

    Raises ConfigurationError for a file that cannot be read or understood, an unknown section or
    key. No value is ever shown: it may be a password.
    """
    return _Reader(path).read()


class _Reader:
    """Reads one file, and knows where in it things stand."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = _lines(path)

    def read(self) -> Written:
        parsed = _parsed(self._path, self._lines)
        for name in parsed.scalars:
            where = self._place(name)
            raise ConfigurationError(
                f"{where} stands above all sections: write [{SECTION}] before it."
            )
        for name in parsed.sections:
            if name not in {SECTION, *Written._fields[1:]}:
                known = ", ".join(f"[{each}]" for each in (SECTION, *Written._fields[1:]))
                where = self._place(name, section=True)
                raise ConfigurationError(f"{where} is no known section: write one of {known}.")
        return Written(
            settings=self._settings(parsed, SECTION, [key.name for key in KEYS]),
            indexes=self._named(parsed, "indexes", [key.name for key in INDEX_KEYS]),
            projects=self._named(parsed, "projects", ["upstream"]),
            access=self._named(parsed, "access", ["read", "upload"]),
            groups=self._settings(parsed, "groups", None),
        )

    def _settings(self, parsed: Any, name: str, keys: list[str] | None) -> dict[str, Setting]:  # noqa: ANN401  configobj has no types
        section = parsed.get(name) or ConfigObj()
        for inner in section.sections:
            where = self._place(inner, section=True)
            raise ConfigurationError(f"{where} is a section within [{name}], which has none.")
        return self._values(section, keys, self._line(name, section=True))

    def _named(self, parsed: Any, name: str, keys: list[str]) -> dict[str, dict[str, Setting]]:  # noqa: ANN401  configobj has no types
        """Read the sections within a section."""
        section = parsed.get(name) or ConfigObj()
        after = self._line(name, section=True)
        for key in section.scalars:
            where = self._place(key, after)
            raise ConfigurationError(
                f"{where} stands right in [{name}]: write a section such as [[name]] before it."
            )
        found = {}
        for inner in section.sections:
            line = self._line(inner, after, section=True)
            for deeper in section[inner].sections:
                where = self._place(deeper, line, section=True)
                raise ConfigurationError(f"{where} is a section too deep: take it out.")
            found[inner] = self._values(section[inner], keys, line)
        return found

    def _values(self, section: Any, keys: list[str] | None, after: int) -> dict[str, Setting]:  # noqa: ANN401  configobj has no types
        settings = {}
        for key in section.scalars:
            where = self._place(key, after)
            if keys is not None:
                check_name(key, where, keys)
            base = self._path.absolute().parent
            settings[key] = Setting(_unquoted(section[key]), where, base)
        return settings

    def _line(self, name: str, after: int = 0, *, section: bool = False) -> int:
        """Find the line of a key or section, behind another; configobj does not remember them."""
        around = (r"\[+\s*", r"\s*\]") if section else ("", r"\s*=")
        written = re.compile(rf"""\s*{around[0]}["']?{re.escape(name)}["']?{around[1]}""")
        found = (n for n, line in enumerate(self._lines, 1) if n > after and written.match(line))
        return next(found, 1)

    def _place(self, name: str, after: int = 0, *, section: bool = False) -> str:
        """Begin a sentence about a key or section."""
        # What is no plain word may be an address.
        shown = name if named(name) else "what is written"
        return f"In {self._path}, line {self._line(name, after, section=section)}, {shown}"


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


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text
