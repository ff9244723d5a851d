"""What on this machine will keep Apache from serving the index, and what to do about each."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Self

from eggproxy.accounts import READ, READ_FILE, WRITE, Account
from eggproxy.apache_config import APACHE_MODULES, Environment, Site
from eggproxy.config import Configuration
from eggproxy.config.file import SYSTEM_FILE

_PACKAGES = {"mod_python": "libapache2-mod-python", "mod_wsgi": "libapache2-mod-wsgi-py3"}
_SWITCH = {"mod_python": "python", "mod_wsgi": "wsgi"}
_USER = re.compile(r"^\s*(?:export\s+)?APACHE_RUN_USER=[\"']?([\w.-]+)", re.MULTILINE)


class Apache(NamedTuple):
    """Where Debian keeps Apache."""

    modules: Path = Path("/usr/lib/apache2/modules")
    settings: Path = Path("/etc/apache2")

    @classmethod
    def found(cls, environ: Mapping[str, str]) -> Self:
        """Look where this environment says, as Debian's own tools do."""
        settings = environ.get("APACHE_CONFDIR")
        return cls(settings=Path(settings)) if settings else cls()

    def is_enabled(self, module: str) -> bool:
        """Say whether a module, in the words of a2enmod, is loaded at the next start."""
        return (self.settings / "mods-enabled" / f"{module}.load").exists()

    def variables(self) -> str:
        """Read what sets Apache's environment."""
        try:
            return (self.settings / "envvars").read_text("utf-8", "replace")
        except OSError:
            return ""

    def listens(self, port: str) -> bool:
        """Say whether Apache is told to listen on a port."""
        try:
            ports = (self.settings / "ports.conf").read_text("utf-8", "replace")
        except OSError:
            return True
        return re.search(rf"^\s*Listen\s+(\S+:)?{port}\b", ports, re.MULTILINE) is not None

    def user(self) -> str:
        """Name the user who serves."""
        found = _USER.search(self.variables())
        return found[1] if found else "www-data"

    def python_of(self, module: str) -> str | None:
        """Find the version of Python, such as 3.11, that a module has been built for."""
        content = (self.modules / f"{module}.so").read_bytes()
        found = re.search(rb"libpython(3\.\d+)", content)
        return found[1].decode() if found else None


def warnings(
    site: Site, environment: Environment, configuration: Configuration, apache: Apache
) -> list[str]:
    """List what is in the way, each with what to do next."""
    found = [*_modules(site, environment, apache)]
    account = Account.named(apache.user())
    if account is not None:
        found += _eggs(site, account)
        found += _code(site, environment, account)
    found += _directory(site, configuration)
    found += _restricted(site)
    if site.module != "static":
        found += _settings(site, environment, configuration, apache)
        secrets = (configuration.users_file, configuration.tokens_file)
        for path in (site.config_file, *secrets):
            found += _file(path, account)
    return found


def _modules(site: Site, environment: Environment, apache: Apache) -> Iterator[str]:
    if not (apache.settings / "mods-enabled").is_dir():
        package = _PACKAGES.get(site.module, "")
        yield (
            f"Apache is not here as Debian installs it ({apache.settings} is missing). "
            f"Next: sudo apt-get install apache2 {package}".rstrip()
        )
        return
    enabled = {name for name in _SWITCH.values() if apache.is_enabled(name)}
    if len(enabled | {_SWITCH.get(site.module, "")} - {""}) > 1:
        yield _both(site, enabled)
    if site.module != "static":
        yield from _module(site.module, environment, apache)
    missing = [name for name in APACHE_MODULES[site.module] if not apache.is_enabled(name)]
    if missing:
        yield f"Not enabled yet: {', '.join(missing)}. Next: sudo a2enmod {' '.join(missing)}"
    port = (site.server_name or "").partition(":")[2]
    if port and not apache.listens(port):
        ports = apache.settings / "ports.conf"
        yield f"Apache does not listen on {port}. Next: add this line to {ports}: Listen {port}"


def _both(site: Site, enabled: set[str]) -> str:
    others = sorted(enabled - {_SWITCH.get(site.module)})
    what = "are both enabled" if len(enabled) > 1 else "would both be enabled"
    return (
        f"mod_python and mod_wsgi {what}: THIS APACHE WILL NOT START, though its configtest says "
        f"Syntax OK. Next: sudo a2dismod {others[0]}"
    )


def _module(module: str, environment: Environment, apache: Apache) -> Iterator[str]:
    if not (apache.modules / f"{module}.so").exists():
        yield (
            f"Apache has no {module} ({apache.modules / module}.so is missing). "
            f"Next: sudo apt-get install {_PACKAGES[module]}"
        )
        return
    built_for = apache.python_of(module)
    if built_for not in {None, environment.version}:
        yield (
            f"{module} is built for Python {built_for} and cannot use this environment, which has "
            f"{environment.version}. Next: python{built_for} -m venv /opt/eggproxy, install "
            "eggproxy there, and use /opt/eggproxy/bin/eggproxy apache-config"
        )


def _eggs(site: Site, account: Account) -> Iterator[str]:
    """Look for directories that cannot be written, or for a mirror read."""
    eggs = site.eggs_directory
    if not eggs.exists():
        yield (
            f"The eggs directory {eggs} does not exist. "
            f"Next: sudo install -d -o {account.name} -g {account.name} {eggs}"
        )
        return
    what, bits = ("read", READ) if site.module == "static" else ("write", WRITE)
    for place in (eggs, *eggs.glob("*"), *eggs.glob(".eggproxy/*")):
        if not place.is_dir() or (site.module == "static" and place.name.startswith(".")):
            continue
        barred = account.barred_at(place, bits)
        if barred is not None:
            mend = (
                f"chown -R {account.name}: {eggs}" if what == "write" else f"chmod -R a+rX {eggs}"
            )
            yield _barred(account, f"{what} {place}", barred, place, mend)
            return


def _code(site: Site, environment: Environment, account: Account) -> Iterator[str]:
    for place in environment.libraries if site.module != "static" else ():
        barred = account.barred_at(place, READ)
        if barred is not None:
            mend = "install eggproxy where all may read, such as in /opt/eggproxy"
            yield _barred(account, f"read eggproxy in {place}", barred, place, mend)
            return


def _restricted(site: Site) -> Iterator[str]:
    """Tell what rules of reading mean for files that Apache could serve by itself."""
    if not site.restricted:
        return
    if site.module == "static":
        yield (
            "[access] restricts reading, of which Apache alone knows nothing: so it is told to let "
            "nobody in. Next: write below <Directory> who may read ALL that is stored here, "
            "as docs/access.rst shows"
        )
    else:
        yield (
            "[access] restricts reading: the native route is left out, and Python looks at each "
            "request. A configuration of Apache from before the rules has to be replaced by this "
            "one, or it goes on to give stored files to everybody"
        )


def _file(path: Path | None, account: Account | None) -> Iterator[str]:
    if path is None or account is None or not path.exists():
        return
    barred = account.barred_at(path, READ_FILE)
    if barred is not None:
        mend = f"chgrp {account.name} {path} && sudo chmod 640 {path}"
        yield _barred(account, f"read {path}", barred, path, mend)


def _barred(account: Account, what: str, barred: Path, place: Path, mend: str) -> str:
    if barred != Path(place).resolve():
        mend = f"chmod o+x {barred}, or choose another place"
    sudo = "" if mend.startswith("install") else "sudo "
    return f"{account.name}, as whom Apache serves, cannot {what} ({barred}). Next: {sudo}{mend}"


def _directory(site: Site, configuration: Configuration) -> Iterator[str]:
    if "eggs_directory" not in configuration.origins:
        yield (
            "No eggs_directory is set, so it depends on where a command is started. "
            f"Next: write it into {site.config_file or SYSTEM_FILE}: [eggproxy], and below it "
            "eggs_directory = /var/pypi-cache"
        )


def _settings(
    site: Site, environment: Environment, configuration: Configuration, apache: Apache
) -> Iterator[str]:
    """Look for settings that hold here, but not within Apache."""
    variables = apache.variables()
    for key, where in configuration.origins.items():
        name = f"EGGPROXY_{key.upper()}"
        if where.endswith(name) and f"{name}=" not in variables:
            yield (
                f"{key} is set by {name} in your environment, which Apache does not have. "
                f"Next: write it into {site.config_file or SYSTEM_FILE}"
            )
    usual = {SYSTEM_FILE, environment.home / "etc" / SYSTEM_FILE.name}
    file = site.config_file
    if site.module == "mod_wsgi" and file not in {None, *usual}:
        line = f"EGGPROXY_CONFIG={file}"
        if line not in variables:
            yield (
                f"mod_wsgi does not find {file}. Next: add this line to "
                f"{apache.settings / 'envvars'} and restart Apache: export {line}"
            )
