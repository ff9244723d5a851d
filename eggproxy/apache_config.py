"""`eggproxy apache-config`: the configurations in apache/, filled in for this installation.

They are complete as they stand there, for an installation that is described in their first
paragraph; here its names are replaced by those of this one.
"""

import re
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal, NamedTuple, Self

import eggproxy
from eggproxy.errors import ConfigurationError

Module = Literal["mod_python", "mod_wsgi", "static"]
MODULES: tuple[Module, ...] = ("mod_python", "mod_wsgi", "static")

APACHE_MODULES: Mapping[Module, tuple[str, ...]] = {
    "mod_python": ("alias", "headers", "python"),
    "mod_wsgi": ("alias", "headers", "rewrite", "wsgi"),
    "static": ("alias", "dir", "headers", "rewrite"),
}
"""What has to be enabled for each, in the words of a2enmod."""

_SITE_PACKAGES = "/opt/eggproxy/lib/python3.11/site-packages"
# In Apache's configuration ${...} is a variable, in patterns most else means something.
_PLAIN_PATH = re.compile(r"/[\w./@:=+ ~-]*")
_PREFIX = re.compile(r"(?:/[\w~-]+(?:\.[\w~-]+)*)+", re.ASCII)
_SERVER_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::([0-9]{1,5}))?")
_FIRST_PARAGRAPH = re.compile(r"\A.*?\n\n", re.DOTALL)
# The paragraph at its head is what only a virtual host of one's own has: its name and its logs.
_NO_ROUTE = "# No native route: who may read is for Python to decide, each time.\n"
_DENIED = (
    "# Apache does not know the rules of [access]; docs/access.rst shows what to write here.\n"
)


def _by_python_alone(found: re.Match[str]) -> str:
    """Write what the last `<If>` holds in its place, as far to the left."""
    indent, held = found[1], found[2]
    return f"{indent}{_NO_ROUTE}{textwrap.indent(textwrap.dedent(held), indent)}"


# What leaves files to Apache alone, and what stands there where not everybody may read them.
_ROUTES: Mapping[Module, tuple[str, str | Callable[[re.Match[str]], str]]] = {
    "mod_python": (
        r"( *)# The native route:.*? *<If [^>]*>\n(.*?) *</If>\n",
        _by_python_alone,
    ),
    "mod_wsgi": (
        r"( *)# The native route:[^<]*( *</Directory>\n)\n *# Where those.*?</Directory>\n",
        rf"\1{_NO_ROUTE}\2",
    ),
    "static": (
        r"( *)# Everybody may read all.*?Require all granted\n",
        rf"\1{_DENIED}\1Require all denied\n",
    ),
}
_VIRTUAL_HOST = re.compile(r"<VirtualHost [^>]*>\n.*?\n\n(.*?)</VirtualHost>\n", re.DOTALL)


class Environment(NamedTuple):
    """The Python environment of this installation.

    `libraries` is what Python needs on its path; `package` holds the files of apache/.
    """

    home: Path
    version: str
    libraries: tuple[Path, ...]
    package: Path

    @classmethod
    def running(cls) -> Self:
        """Describe the one that runs this."""
        code = Path(eggproxy.__file__).parent.parent
        places = [code, Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("platlib"))]
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        package = Path(str(resources.files("eggproxy") / "apache"))
        return cls(Path(sys.prefix), version, tuple(dict.fromkeys(places)), package)


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """What is to be served, and where.

    `server_name` is that of a virtual host, with a port or without; without a name the index is in
    all virtual hosts. `config_file` is None where there is none. Where reading is `restricted`, no
    file leaves without a look at who asks.
    """

    module: Module
    prefix: str
    server_name: str | None
    eggs_directory: Path
    config_file: Path | None
    restricted: bool = False

    def check(self) -> None:
        """Raise ConfigurationError for what cannot stand in a configuration of Apache."""
        if not _PREFIX.fullmatch(self.prefix):
            raise ConfigurationError(
                f"The option --prefix is {self.prefix!r}: write one or more names with a slash "
                "before each and none behind, such as /pypi."
            )
        if self.server_name is not None and not _SERVER_NAME.fullmatch(self.server_name):
            raise ConfigurationError(
                f"The option --server-name is {self.server_name!r}: write a host name, or one "
                "with a port, such as pypi.example:8080."
            )


def write(site: Site, environment: Environment, warnings: list[str]) -> str:
    """Write the configuration; `warnings` stand at its head. Raises ConfigurationError."""
    site.check()
    name = f"eggproxy-{site.module}.conf"
    text = (environment.package / name).read_text("utf-8")
    text = _FIRST_PARAGRAPH.sub("", text, count=1)
    if site.restricted:
        route, instead = _ROUTES[site.module]
        text = re.sub(route, instead, text, flags=re.DOTALL)
    if site.server_name is None:
        text = _VIRTUAL_HOST.sub(lambda found: textwrap.dedent(found[1]), text)
    if site.config_file is None:
        text = re.sub(r"(?m)^( *)(PythonOption EggProxyConfig )", r"\1# \2", text)
    return _head(site, environment, warnings) + _fill(text, _names(site, environment))


def _head(site: Site, environment: Environment, warnings: list[str]) -> str:
    modules = " ".join(APACHE_MODULES[site.module])
    where = site.server_name or "all virtual hosts"
    lines = [
        f"eggproxy {eggproxy.__version__} in Apache ({site.module}), for {where}.",
        f"Written by {environment.home}/bin/eggproxy apache-config.",
        "",
        "Save it as /etc/apache2/sites-available/eggproxy.conf. Then:",
        f"  sudo a2enmod {modules}",
        "  sudo a2ensite eggproxy",
        "  sudo apache2ctl configtest && sudo systemctl restart apache2",
    ]
    # A command is to be copied as it stands.
    wrapper = textwrap.TextWrapper(96, break_long_words=False, break_on_hyphens=False)
    for warning in warnings:
        lines += ["", *wrapper.wrap(f"WARNING: {warning}")]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines) + "\n"


def _names(site: Site, environment: Environment) -> dict[str, str]:
    """Pair the names in the files of apache/ with those of this installation, long ones first."""
    name, _, port = (site.server_name or "").partition(":")
    libraries = [_plain(path) for path in environment.libraries]
    names = {
        f"['{_SITE_PACKAGES}']": repr(libraries),
        f"{_SITE_PACKAGES}/eggproxy/apache": _plain(environment.package),
        "/opt/eggproxy": _plain(environment.home),
        "/var/pypi-cache": _plain(site.eggs_directory),
        "pypi.example": name,
        "*:80": f"*:{port or 80}",
        "/pypi": site.prefix,
    }
    if site.module == "mod_python" and site.config_file is not None:
        # Under mod_wsgi it cannot be named here.
        names["/etc/eggproxy.conf"] = _plain(site.config_file)
    return names


def _fill(text: str, names: Mapping[str, str]) -> str:
    """Replace names where they are whole: /pypi neither in /pypi.example nor in /pypi-cache."""
    either = "|".join(re.escape(name) for name in names)
    return re.sub(rf"(?<!\w)(?:{either})(?![\w-]|\.\w)", lambda found: names[found[0]], text)


def _plain(path: Path) -> str:
    text = str(path)
    if not _PLAIN_PATH.fullmatch(text):
        raise ConfigurationError(
            f"The path {text!r} cannot stand in a configuration of Apache: choose one of letters, "
            "digits, spaces and . - _ ~ + = @ : alone."
        )
    return text
