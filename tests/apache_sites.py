"""Apache, configured by what `eggproxy apache-config` prints."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eggproxy.apache_config import APACHE_MODULES, Environment, Module
from tests import httpd
from tests.frontends import BIN, clean_environment
from tests.httpd import Httpd, Mpm

# What Debian's /etc/apache2/envvars sets.
_VARIABLES = 'Define APACHE_RUN_DIR "{root}/run"\nDefine APACHE_LOG_DIR "{root}"\n'


def default_host(root: Path, port: int) -> str:
    """Write what stands in for Debian's 000-default.conf: the site of whatever names no other."""
    return f"""
<VirtualHost *:{port}>
    DocumentRoot "{root}/htdocs"
</VirtualHost>
"""


def print_configuration(
    module: Module, config_file: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """Run `eggproxy apache-config` as an administrator does."""
    command = [str(BIN / "eggproxy"), "apache-config", "--module", module]
    return subprocess.run(
        [*command, "--config", str(config_file), *options],
        check=False,
        capture_output=True,
        text=True,
        env=clean_environment(HOME=str(config_file.parent)),
    )


def write_configuration(path: Path, eggs: Path, index: str, **settings: object) -> Path:
    """Write an eggproxy.conf."""
    lines = [f"eggs_directory = {eggs}", f"index = {index}", "timeout = 5"]
    lines += [f"{name} = {value}" for name, value in settings.items()]
    path.write_text("\n".join(["[eggproxy]", *lines, ""]))
    return path


@contextmanager
def apache_site(  # noqa: PLR0913  each is one thing that a test may want otherwise
    module: Module,
    root: Path,
    config_file: Path,
    *,
    own_host: bool = False,
    mpm: Mpm = "event",
    processes: int = 1,
    port: int | None = None,
    more: str = "",
    more_modules: tuple[str, ...] = (),
    without: str = "",
    user: str | None = None,
) -> Iterator[Httpd]:
    """Serve what a configuration file says, in a virtual host of its own or in all there are.

    `more` are further directives, which need `more_modules`, and `without` is one that is left out;
    `user` starts it, instead of root.
    """
    port = port or httpd.free_port()
    for name in {"python", "wsgi"} & set(APACHE_MODULES[module]):
        httpd.require(name)
        httpd.require_python_of(name)
    options = ["--server-name", f"127.0.0.1:{port}"] if own_host else []
    printed = print_configuration(module, config_file, *options)
    assert printed.returncode == 0, printed.stderr
    assert without in printed.stdout
    directives = [
        _VARIABLES.format(root=root),
        _within_reach(printed.stdout.replace(without, "") if without else printed.stdout),
        default_host(root, port),
        more,
    ]
    wanted = (*APACHE_MODULES[module], *more_modules)
    modules = [name for name in wanted if name not in httpd.BASE_MODULES]
    environment = {"EGGPROXY_CONFIG": str(config_file)} if module == "mod_wsgi" else {}
    with httpd.httpd(
        "\n".join(directives),
        modules,
        mpm=mpm,
        processes=processes,
        port=port,
        root=root,
        environment=environment,
        user=user,
    ) as server:
        yield server


def _within_reach(text: str) -> str:
    """Take copies of the code where Apache's user cannot pass to it, as below the home of root."""
    environment = Environment.running()
    libraries = [str(path) for path in environment.libraries]
    reached = httpd.python_path()
    if set(reached) == set(libraries):
        return text
    package = str(environment.package)
    text = text.replace(repr(libraries), repr(reached))
    text = text.replace(package, package.replace(libraries[0], reached[0], 1))
    return text.replace(f'python-home="{environment.home}"', f'python-path="{":".join(reached)}"')
