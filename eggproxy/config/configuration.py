"""The configuration: options, environment and file become one checked value, or one sentence.

Only front ends use this module. Nothing is read on import.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from eggproxy.config import file as configfile
from eggproxy.config.file import Setting, Written
from eggproxy.config.indexes import IndexSettings, index_settings
from eggproxy.config.keys import KEYS, check_name
from eggproxy.config.rules import AccessRule, ProjectRule, access_rules, groups, project_rules
from eggproxy.config.values import anchored, checked
from eggproxy.errors import ConfigurationError
from eggproxy.names import NormalizedName

_PATHS = ("packages_directory", "ca_certificate", "users_file", "tokens_file")


@dataclass(frozen=True, kw_only=True, slots=True)
class Configuration:
    """All settings, checked; times are in seconds."""

    eggs_directory: Path
    # In the order of their priority; at least one.
    indexes: tuple[IndexSettings, ...]
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
    allow_hosts: tuple[str, ...]
    ca_certificate: Path | None
    complete_metadata: bool
    prefetch_metadata: bool
    # Of our own packages.
    packages_directory: Path
    # Patterns of normalized names.
    reserve: tuple[str, ...]
    overwrite: tuple[str, ...]
    # In bytes.
    max_upload_size: int
    trash_days: float
    users_file: Path | None
    tokens_file: Path | None
    access: tuple[AccessRule, ...]
    groups: Mapping[str, tuple[str, ...]]
    projects: Mapping[NormalizedName, ProjectRule]
    listen: str
    port: int
    # By key, where it was set, as the beginning of a sentence; a default is not in it.
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def index(self) -> str:
        """The address of the first index, which may hold a password."""
        return self.indexes[0].index


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
    written = configfile.read(file) if file else Written()
    given = {**_from_environment(environ), **_from_options(options)}
    settings = {**written.settings, **given}
    values = checked(settings, KEYS)
    home = environ.get("HOME", "")
    directory = settings.get("eggs_directory") or Setting(values["eggs_directory"], "The default")
    values["eggs_directory"] = eggs = anchored(directory, home)
    # Not within the eggs directory, which web servers give away, nor the same.
    own = "packages" if eggs.name != "packages" else "own-packages"
    values["packages_directory"] = eggs.parent / own
    for name in _PATHS:
        values[name] = values[name] or None
        if name in settings and values[name]:
            values[name] = anchored(settings[name], home)
    named = {} if "index" in given else written.indexes
    values["indexes"] = index_settings(named, values, settings.get("index"), home)
    del values["index"]
    return Configuration(
        **values,
        access=access_rules(written.access),
        groups=groups(written.groups),
        projects=project_rules(written.projects),
        origins={name: setting.where for name, setting in settings.items()},
    )


def directory_error(configuration: Configuration, why: str) -> ConfigurationError:
    """Make the error for an eggs directory of no use; `why` is such as "which is not writable"."""
    where = configuration.origins.get("eggs_directory", "The default of eggs_directory")
    advice = "name a directory that the user who runs eggproxy may write"
    return ConfigurationError(f"{where} is {configuration.eggs_directory}, {why}: {advice}.")


def apart_error(configuration: Configuration) -> ConfigurationError | None:
    """Make the error for packages that lie where the eggs are, or the other way round."""
    eggs, packages = (
        each.resolve() for each in (configuration.eggs_directory, configuration.packages_directory)
    )
    if not (packages.is_relative_to(eggs) or eggs.is_relative_to(packages)):
        return None
    where = configuration.origins.get("packages_directory", "The default of packages_directory")
    return ConfigurationError(
        f"{where} is {configuration.packages_directory}, and eggs_directory is "
        f"{configuration.eggs_directory}: one is within the other, and web servers may give the "
        "eggs directory to everybody. Name two directories side by side."
    )


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
