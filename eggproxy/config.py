"""The configuration: options, environment and file become one checked value, or one sentence.

Only front ends use this module. Nothing is read on import.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from configobj import ConfigObj
from configobj.validate import Validator

from eggproxy import configfile
from eggproxy.configfile import Setting
from eggproxy.configkeys import CHECKS, KEYS, SECTION, Key, check_name
from eggproxy.default_index import default_index
from eggproxy.errors import ConfigurationError

__all__ = ["KEYS", "Configuration", "Key", "directory_error", "load"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Configuration:
    """All settings, checked; times are in seconds."""

    eggs_directory: Path
    # Ends in a slash. It may hold a password: so it is not in the repr.
    index: str = field(repr=False)
    update_interval: float
    always_refresh: bool
    timeout: float
    offline: bool
    # "stored" or "all".
    outage_pages: str
    # In bytes.
    max_page_size: int
    removal_grace: float
    # "none", "wsgi.file_wrapper", "x-sendfile", or "x-accel-redirect:" and a prefix.
    file_handover: str
    listen: str
    port: int
    # By key, where it was set, as the beginning of a sentence; a default is not in it.
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)


def load(
    *,
    path: Path | None = None,
    environ: Mapping[str, str],
    options: Mapping[str, str] = {},
    bindir: Path | None = None,
) -> Configuration:
    """Make the configuration; an option wins over the environment, that over the file.

    `path` is the file that the command names. Without it the file is $EGGPROXY_CONFIG, or else the
    first there is of $HOME/eggproxy.conf, `bindir`/../etc/eggproxy.conf and /etc/eggproxy.conf.
    `options` are texts by key. Raises ConfigurationError, which never shows the index, for that
    may hold a password. An EGGPROXY_ variable that is no key is left alone: container platforms
    make up their own.
    """
    file = configfile.find(path, environ, bindir)
    settings = {
        **(configfile.read(file) if file else {}),
        **_from_environment(environ),
        **_from_options(options),
    }
    values = _checked(settings)
    values["index"] = values["index"] or default_index()
    directory = settings.get("eggs_directory") or Setting(values["eggs_directory"], "The default")
    values["eggs_directory"] = _anchored(directory, environ.get("HOME", ""))
    origins = {name: setting.where for name, setting in settings.items()}
    return Configuration(**values, origins=origins)


def directory_error(configuration: Configuration, why: str) -> ConfigurationError:
    """Make the error for an eggs directory of no use; `why` is such as "which is not writable"."""
    where = configuration.origins.get("eggs_directory", "The default of eggs_directory")
    advice = "name a directory that the user who runs eggproxy may write"
    return ConfigurationError(f"{where} is {configuration.eggs_directory}, {why}: {advice}.")


def _from_environment(environ: Mapping[str, str]) -> dict[str, Setting]:
    variables = {key.name: f"EGGPROXY_{key.name.upper()}" for key in KEYS}
    return {
        name: Setting(environ[variable], f"The environment variable {variable}")
        for name, variable in variables.items()
        if environ.get(variable)  # an empty one is how people unset it
    }


def _from_options(options: Mapping[str, str]) -> dict[str, Setting]:
    settings = {}
    for name, text in options.items():
        where = f"The option --{name.replace('_', '-')}"
        check_name(name, where)
        settings[name] = Setting(text, where)
    return settings


def _checked(settings: Mapping[str, Setting]) -> dict[str, Any]:
    spec = [f"[{SECTION}]", *(f"{key.name} = {key.spec}" for key in KEYS)]
    texts = {SECTION: {name: setting.text.strip() for name, setting in settings.items()}}
    parsed = ConfigObj(texts, configspec=spec, interpolation=False, list_values=False)
    outcome = parsed.validate(Validator(CHECKS), preserve_errors=True)
    for key in KEYS if outcome is not True else ():
        if outcome[SECTION][key.name] is not True:
            text, where, _ = settings[key.name]
            shown = "unusable (and not shown, as a secret)" if key.secret else repr(text)[:80]
            raise ConfigurationError(f"{where} is {shown}: write {key.expected}.")
    return dict(parsed[SECTION])


def _anchored(directory: Setting, home: str) -> Path:
    text = directory.text.strip()
    if text.startswith("~"):
        if not home or text[1:2] not in ("", "/"):
            unknown = f"is {text!r}, a home directory that is not known"
            raise ConfigurationError(f"{directory.where} {unknown}: write an absolute path.")
        text = home + text[1:]
    return (directory.base / text).absolute()
