"""`eggproxy apache-config`: what it prints, what it warns of, and Apache as it is told there."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from eggproxy import apache_checks, apache_config
from eggproxy.accounts import READ, WRITE, Account
from eggproxy.apache_checks import Apache
from eggproxy.apache_config import APACHE_MODULES, MODULES, Environment, Module, Site
from eggproxy.apache_response import DIRECT
from eggproxy.config import Configuration
from eggproxy.config import load as load_configuration
from eggproxy.errors import ConfigurationError
from tests import httpd
from tests.apache_sites import apache_site, print_configuration, write_configuration
from tests.clients.publishing import publish
from tests.distributions import Distribution, make_wheel
from tests.httpd import Httpd
from tests.servers import Reply, ask, wait_until
from tests.upstream import Upstream

PROJECT = Path(__file__).parent.parent
VIRTUAL_HOST = httpd.AS_WRITTEN.format(eggs="/var/pypi-cache")


def environment(version: str = "3.11", home: str = "/srv/env") -> Environment:
    """Describe an environment that is elsewhere, and the files of this one."""
    libraries = (Path("/srv/code"), Path(f"{home}/lib/python{version}/site-packages"))
    return Environment(Path(home), version, libraries, Environment.running().package)


def site(module: Module = "mod_python", **other: object) -> Site:
    """Describe a site with names that are in no file of ours."""
    names: dict[str, object] = {
        "prefix": "/index",
        "server_name": "eggs.corp.example:8080",
        "eggs_directory": Path("/srv/eggs"),
        "config_file": Path("/srv/conf/eggproxy.conf"),
    }
    return Site(module=module, **{**names, **other})  # type: ignore[arg-type]


def directives(text: str) -> str:
    """Take away comments."""
    return re.sub(r"(?m)^ *#.*\n", "", text)


@pytest.mark.parametrize("module", MODULES)
def test_write__all_names_of_the_files_are_replaced(module: Module) -> None:
    """Nothing is left of the installation that the files in apache/ describe."""
    text = apache_config.write(site(module), environment(), [])
    ours = str(environment().package)
    for name in ("/opt/eggproxy", "/var/pypi-cache", "pypi.example", "/pypi", ":80>"):
        assert name not in directives(text).replace(ours, "")
    assert 'Alias /index "/srv/eggs"' in text or '"^/index/' in text
    assert "<VirtualHost *:8080>\n" in text


def test_write__the_file_as_it_was_ordered() -> None:
    """The virtual host of the one who ordered eggproxy stands in the file, line for line."""
    lines = (PROJECT / "apache" / "eggproxy-mod_python.conf").read_text().splitlines()
    wanted = [line.strip() for line in VIRTUAL_HOST.splitlines()]
    found = [line.strip() for line in lines]
    assert [line for line in found if line in set(wanted)].count("</Directory>") == 1
    assert set(wanted) <= set(found)


@pytest.mark.parametrize("module", MODULES)
def test_write__without_a_server_name(module: Module) -> None:
    """The index is then in all virtual hosts, and their names and logs stay as they are."""
    text = directives(apache_config.write(site(module, server_name=None), environment(), []))
    for word in ("VirtualHost", "ServerName", "ErrorLog", "CustomLog", "DocumentRoot"):
        assert word not in text
    assert re.search(r'(?m)^<Directory "/srv/eggs">$', text)


def test_write__without_a_configuration_file() -> None:
    """A file that is not there is not named."""
    text = apache_config.write(site(config_file=None), environment(), [])
    assert "PythonOption EggProxyConfig" not in directives(text)
    assert "PythonOption EggsDirectory" in directives(text)


def test_write__warnings_are_comments() -> None:
    """What is in the way is said at the head, where Apache does not mind it."""
    text = apache_config.write(site(), environment(), ["This is missing. Next: get it"])
    assert "# WARNING: This is missing. Next: get it\n" in text.partition("PythonPath")[0]


@pytest.mark.parametrize("prefix", ["", "/", "pypi", "/pypi/", "/a b", "/a/../b", "/$1", '/"'])
def test_write__prefix_of_no_use(prefix: str) -> None:
    """A prefix that would mean something else to Apache is refused."""
    with pytest.raises(ConfigurationError, match="--prefix"):
        apache_config.write(site(prefix=prefix), environment(), [])


@pytest.mark.parametrize("name", ["", "a b", "a:b", "x:", "*", 'a"'])
def test_write__server_name_of_no_use(name: str) -> None:
    """So is a server name."""
    with pytest.raises(ConfigurationError, match="--server-name"):
        apache_config.write(site(server_name=name), environment(), [])


@pytest.mark.parametrize("path", ['/srv/"eggs', "/srv/${eggs}", "/srv/%{eggs}", "/srv/e\nggs"])
def test_write__path_of_no_use(path: str) -> None:
    """So is a path."""
    with pytest.raises(ConfigurationError, match="cannot stand"):
        apache_config.write(site(eggs_directory=Path(path)), environment(), [])


# What is checked.


class Machine(NamedTuple):
    """A machine with a Debian Apache, or what a test leaves of it."""

    apache: Apache
    eggs: Path
    config_file: Path

    def enable(self, *modules: str) -> None:
        """Do as a2enmod."""
        for module in modules:
            (self.apache.settings / "mods-enabled" / f"{module}.load").touch()

    def warnings(self, module: Module = "mod_python", *, version: str = "3.11") -> list[str]:
        """Say what is warned of."""
        found = site(module, eggs_directory=self.eggs, config_file=self.config_file)
        configuration = self.configuration()
        here = environment(version)._replace(libraries=())
        return apache_checks.warnings(found, here, configuration, self.apache)

    def configuration(self, **variables: str) -> Configuration:
        """Read its configuration."""
        return load_configuration(path=self.config_file, environ=variables)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Give a machine on which nothing is wrong, and whoever runs the test is Apache's user."""
    apache = Apache(tmp_path / "modules", tmp_path / "apache2")
    for folder in ("modules", "apache2/mods-enabled", "eggs"):
        (tmp_path / folder).mkdir(parents=True)
    for module in ("mod_python", "mod_wsgi"):
        (apache.modules / f"{module}.so").write_bytes(b"\x7fELF libpython3.11.so.1.0")
    config_file = write_configuration(
        tmp_path / "eggproxy.conf", tmp_path / "eggs", "https://index.example/simple/"
    )
    (apache.settings / "envvars").write_text(
        f"export APACHE_RUN_USER=root\nexport EGGPROXY_CONFIG={config_file}\n"
    )
    machine = Machine(apache, tmp_path / "eggs", config_file)
    machine.enable("alias", "dir", "headers", "rewrite")
    return machine


def test_warnings__none(machine: Machine) -> None:
    """Where nothing is wrong nothing is said."""
    assert machine.warnings("static") == []
    machine.enable("python")
    assert machine.warnings("mod_python") == []


def test_warnings__both_modules(machine: Machine) -> None:
    """Both modules at once are a dead Apache, and it is said which one has to go."""
    machine.enable("python", "wsgi")
    assert "WILL NOT START" in machine.warnings("mod_python")[0]
    assert machine.warnings("mod_python")[0].endswith("Next: sudo a2dismod wsgi")
    assert machine.warnings("mod_wsgi")[0].endswith("Next: sudo a2dismod python")


def test_warnings__the_other_module(machine: Machine) -> None:
    """Enabling the one would make both."""
    machine.enable("wsgi")
    assert machine.warnings("mod_python")[0].endswith("Next: sudo a2dismod wsgi")
    assert machine.warnings("static") == []


def test_warnings__module_is_missing(machine: Machine) -> None:
    """The package to install is named."""
    (machine.apache.modules / "mod_python.so").unlink()
    (warning,) = [text for text in machine.warnings() if "apt-get" in text]
    assert warning.endswith("Next: sudo apt-get install libapache2-mod-python")


def test_warnings__no_apache(machine: Machine) -> None:
    """So it is where there is no Apache at all."""
    shutil.rmtree(machine.apache.settings)
    found = " ".join(machine.warnings("mod_wsgi"))
    assert "sudo apt-get install apache2 libapache2-mod-wsgi-py3" in found


def test_warnings__another_python(machine: Machine) -> None:
    """An environment of another Python cannot be loaded by the module."""
    machine.enable("python")
    (warning,) = machine.warnings(version="3.12")
    assert "built for Python 3.11" in warning
    assert "python3.11 -m venv" in warning


def test_warnings__an_apache_elsewhere(machine: Machine) -> None:
    """As for Debian's own tools, APACHE_CONFDIR names another Apache of this machine."""
    place = str(machine.apache.settings)
    assert Apache.found({"APACHE_CONFDIR": place}).settings == machine.apache.settings
    assert Apache.found({}) == Apache()


def test_warnings__not_enabled(machine: Machine) -> None:
    """Modules to enable are named."""
    (warning,) = machine.warnings()
    assert warning == "Not enabled yet: python. Next: sudo a2enmod python"


def test_warnings__port(machine: Machine) -> None:
    """A port that Apache does not listen on is named."""
    machine.enable("python")
    ports = machine.apache.settings / "ports.conf"
    ports.write_text("Listen 80\n")
    (warning,) = machine.warnings()
    assert warning.endswith(f"add this line to {ports}: Listen 8080")
    ports.write_text("Listen 80\nListen 127.0.0.1:8080\n")
    assert machine.warnings() == []


def test_warnings__no_eggs_directory(machine: Machine) -> None:
    """The command that makes it is given."""
    machine.eggs.rmdir()
    (warning,) = machine.warnings("static")
    assert warning.endswith(f"Next: sudo install -d -o root -g root {machine.eggs}")


def test_warnings__settings_of_this_shell(machine: Machine) -> None:
    """A variable of the administrator's shell is not one of Apache's."""
    configuration = machine.configuration(EGGPROXY_INDEX="https://other.example/simple/")
    found = site("mod_wsgi", eggs_directory=machine.eggs, config_file=machine.config_file)
    texts = apache_checks.warnings(found, environment(), configuration, machine.apache)
    (warning,) = [text for text in texts if "EGGPROXY_INDEX" in text]
    assert warning.endswith(f"Next: write it into {machine.config_file}")


def test_warnings__a_file_that_mod_wsgi_does_not_find(machine: Machine) -> None:
    """Where the file is in no usual place, Apache's environment must name it."""
    machine.enable("wsgi")
    assert machine.warnings("mod_wsgi") == []
    (machine.apache.settings / "envvars").write_text("export APACHE_RUN_USER=root\n")
    (warning,) = machine.warnings("mod_wsgi")
    assert warning.endswith(f"restart Apache: export EGGPROXY_CONFIG={machine.config_file}")


def test_account__barred() -> None:
    """Who may not write a directory is barred there, and who may not pass to it, before it."""
    other = Account("other", 65533, frozenset())
    with httpd.public_directory() as root:
        eggs = root / "eggs"
        eggs.mkdir()
        eggs.chmod(0o755)
        assert other.barred_at(eggs, READ) is None
        assert other.barred_at(eggs, WRITE) == eggs
        root.chmod(0o700)
        assert other.barred_at(eggs, READ) == root


def test_warnings__folder_of_another(machine: Machine) -> None:
    """A folder within it that another user made is found too."""
    if os.getuid() != 0:
        httpd.lacking("root, to have files of two users")
    name = httpd.server_user()
    (machine.apache.settings / "envvars").write_text(f"export APACHE_RUN_USER={name}\n")
    machine.enable("python")
    with httpd.public_directory() as eggs:
        here = machine._replace(eggs=eggs)
        assert not [text for text in here.warnings() if str(eggs) in text]
        (eggs / "numpy").mkdir(mode=0o755)
        (warning,) = [text for text in here.warnings() if str(eggs) in text]
    assert warning.endswith(f"({eggs}/numpy). Next: sudo chown -R {name}: {eggs}")


# The command.


def test_command__prints_and_warns(tmp_path: Path) -> None:
    """The configuration goes to standard output, warnings to both, and it ends with 0."""
    file = write_configuration(tmp_path / "e.conf", tmp_path / "eggs", "http://index.example/")
    done = print_configuration("static", file, "--prefix", "/simple")
    assert done.returncode == 0, done.stderr
    assert f'Alias /simple "{tmp_path}/eggs"' in done.stdout
    assert f"eggs directory {tmp_path}/eggs does not exist" in done.stderr
    assert "WARNING: The eggs directory" in done.stdout


def test_command__refuses(tmp_path: Path) -> None:
    """What cannot be configured is one sentence, and status 2."""
    file = write_configuration(tmp_path / "e.conf", tmp_path / "eggs", "http://index.example/")
    done = print_configuration("static", file, "--prefix", "simple")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("eggproxy: The option --prefix is 'simple': write")


def test_wheel__has_the_files(tmp_path: Path) -> None:
    """The files of apache/ come with an installed wheel."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.rst", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    for name in ("eggproxy", "apache"):
        shutil.copytree(PROJECT / name, source / name, symlinks=True)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir"]
    done = subprocess.run(
        [*command, str(tmp_path), str(source)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    inside = {Path(name).name for name in zipfile.ZipFile(wheel).namelist() if "apache/" in name}
    assert inside == {path.name for path in (PROJECT / "apache").iterdir()}


# Apache as it is told.


@pytest.mark.parametrize("module", MODULES)
def test_write__restricted(module: Module) -> None:
    """Where not everybody may read, no file is left to Apache alone."""
    text = directives(apache_config.write(site(module, restricted=True), environment(), []))
    for word in ("<If", "default-handler", "RewriteRule", "+apache"):
        assert word not in text or module == "static"
    assert ("Require all denied" in text) == (module == "static")
    assert ("PythonFixupHandler" in text) == (module == "mod_python")
    beside = ("SetHandler mod_python", "PythonFixupHandler", "PythonOption URLPrefix")
    lines = [line for line in text.splitlines() if line.strip().startswith(beside)]
    assert len({_indent_of(line) for line in lines}) == (module == "mod_python")
    assert text.count("<Directory") == text.count("</Directory")


def _indent_of(line: str) -> int:
    return len(line) - len(line.lstrip())


def test_warnings__secrets_out_of_reach(tmp_path: Path) -> None:
    """Files of users and tokens that Apache's user cannot read are named, with what to do."""
    (tmp_path / "users").write_text("")
    (tmp_path / "users").chmod(0o600)
    account = Account("nobody", 99999, frozenset({99999}))
    (warning,) = apache_checks._file(tmp_path / "users", account)
    assert "nobody, as whom Apache serves, cannot read" in warning
    assert list(apache_checks._file(tmp_path / "nothing", account)) == []
    assert list(apache_checks._file(None, account)) == []


def test_warnings__restricted(machine: Machine) -> None:
    """Who restricts reading is told what that means for Apache, and for a configuration of old."""
    for module, word in (("static", "nobody in"), ("mod_python", "has to be replaced by this")):
        found = site(
            module,  # type: ignore[arg-type]
            eggs_directory=machine.eggs,
            config_file=machine.config_file,
            restricted=True,
        )
        warnings = apache_checks._restricted(found)
        assert any(word in warning for warning in warnings)


@pytest.mark.parametrize("module", MODULES)
def test_apache__takes_the_files_as_they_stand(module: Module, tmp_path: Path) -> None:
    """Each file of apache/ is a valid configuration."""
    modules = [name for name in APACHE_MODULES[module] if name not in httpd.BASE_MODULES]
    httpd.require(*modules)
    text = (PROJECT / "apache" / f"eggproxy-{module}.conf").read_text()
    variables = f"Define APACHE_RUN_DIR {tmp_path}\nDefine APACHE_LOG_DIR {tmp_path}\n"
    command = httpd.prepare(tmp_path, httpd.free_port(), variables + text, modules)
    done = subprocess.run([*command, "-t"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("mpm", ["prefork", "event"])
@pytest.mark.parametrize("module", ["mod_python", "mod_wsgi"])
def test_apache__of_an_ordinary_user(module: Module, mpm: httpd.Mpm) -> None:
    """An httpd that an ordinary user starts works as one of root's."""
    user = "nobody" if os.getuid() == 0 else None
    with httpd.public_directory(user) as root, Upstream() as upstream:
        (eggs := root / "eggs").mkdir()
        if user is not None:
            httpd.give_away(eggs, user)
        file = write_configuration(root / "eggproxy.conf", eggs, upstream.index_url)
        wheel = make_wheel("Zope.Demo", "1.0")
        publish(upstream, wheel)
        with apache_site(module, root, file, mpm=mpm, user=user) as apache:
            for _ in range(2):
                found = ask(apache.url, f"/pypi/zope-demo/{wheel.filename}")
                assert (found.status, found.body) == (200, wheel.content)


class Served(NamedTuple):
    """An index behind Apache."""

    apache: Httpd
    upstream: Upstream
    wheel: Distribution

    @property
    def path(self) -> str:
        """The wheel's."""
        return f"/pypi/zope-demo/{self.wheel.filename}"

    def get(self, path: str, **headers: str) -> Reply:
        """GET a path."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(self.apache.url, path, headers=named)


@pytest.fixture(
    scope="module",
    params=[(m, own) for m in ("mod_python", "mod_wsgi") for own in (True, False)],
    ids=lambda param: f"{param[0]}-{'own-host' if param[1] else 'all-hosts'}",
)
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """Give a site as `eggproxy apache-config` prints it."""
    module, own_host = request.param
    with httpd.public_directory() as root, Upstream() as upstream:
        eggs = root / "eggs"
        eggs.mkdir()
        httpd.give_away(eggs)
        file = write_configuration(root / "eggproxy.conf", eggs, upstream.index_url)
        wheel = make_wheel("Zope.Demo", "1.0", size=300_000)
        publish(upstream, wheel)
        with apache_site(module, root, file, own_host=own_host) as apache:
            yield Served(apache, upstream, wheel)


def by_apache(reply: Reply) -> bool:
    """Say whether Apache sent a file without Python, whose answers all have Cache-Status."""
    return reply.status == 200 and reply.headers["Cache-Status"] is None


def fetch_until_stored(served: Served) -> Reply:
    """Fetch the wheel until Apache has it."""
    wait_until(lambda: by_apache(served.get(served.path)))
    return served.get(served.path)


def test_apache__page(served: Served) -> None:
    """A page comes, in the form that is wanted, by any spelling of its name."""
    accept = "application/vnd.pypi.simple.v1+json"
    assert served.get("/pypi/Zope.Demo/").status == 200
    assert served.get("/pypi/zope-demo/", accept=accept).headers["Content-Type"] == accept
    assert served.get("/pypi/zope-demo").headers["Location"] == "/pypi/zope-demo/"


def test_apache__stored_files_by_themselves(served: Served) -> None:
    """A stored file leaves without Python, with the headers it has from Python."""
    first = served.get(served.path)
    reply = fetch_until_stored(served)
    assert (reply.status, reply.body) == (200, served.wheel.content)
    assert reply.headers["Content-Encoding"] is None
    for name in ("Content-Type", "Cache-Control", "X-Content-Type-Options"):
        assert reply.headers[name] == first.headers[name]
    part = served.get(served.path, range="bytes=2-5")
    assert (part.status, part.body) == (206, served.wheel.content[2:6])


def test_apache__one_etag(served: Served) -> None:
    """A file has eggproxy's ETag, or none where Apache sends it: no cache meets two of them."""
    fetch_until_stored(served)
    (served.apache.root / "eggs" / "zope-demo" / served.wheel.filename).unlink()
    first, reply = served.get(served.path), fetch_until_stored(served)
    ours = f'"{hashlib.sha256(served.wheel.content).hexdigest()}"'
    assert (first.headers["ETag"], reply.headers["ETag"]) == (ours, None)
    dated = reply.headers["Last-Modified"]
    assert dated is not None
    assert served.get(served.path, if_modified_since=dated).status == 304
    part = served.get(served.path, range="bytes=2-5", if_range=ours)
    assert (part.status, part.body) == (206, served.wheel.content[2:6])


def test_apache__large_page(served: Served) -> None:
    """A page too large for Python to write has an ETag too, by which it is asked for again."""
    for number in range(5_000):
        served.upstream.add("large", f"large-{number}.tar.gz", b"x", yanked="y" * 250)
    first, again = served.get("/pypi/large/"), served.get("/pypi/large/")
    assert (len(again.body) > DIRECT, again.body) == (True, first.body)
    assert again.headers["ETag"] is not None
    assert served.get("/pypi/large/", if_none_match=again.headers["ETag"]).status == 304


def test_apache__metadata_and_archives(served: Served) -> None:
    """So does metadata; all are octets, and nobody is told to unpack them."""
    path = f"{served.path}.metadata"
    wait_until(lambda: by_apache(served.get(path)))
    reply = served.get(path, accept_encoding="gzip")
    assert (reply.status, reply.body) == (200, served.wheel.metadata)
    assert reply.headers["Content-Type"] == "application/octet-stream"


def test_apache__python_decides_the_rest(served: Served) -> None:
    """Other methods, resumed transfers and what is not stored are not Apache's business."""
    fetch_until_stored(served)
    assert ask(served.apache.url, served.path, method="POST").status == 405
    etag = f'"{"0" * 64}"'
    resumed = served.get(served.path, range="bytes=2-5", if_range=etag)
    assert (resumed.status, resumed.headers["Cache-Status"]) == (200, "eggproxy; hit")
    missing = served.get("/pypi/zope-demo/zope_demo-9.whl")
    assert (missing.status, missing.headers["Cache-Control"]) == (404, "no-store")


def test_apache__what_is_not_stored(served: Served) -> None:
    """That Apache has no such file changes nothing of what was asked: its head, or a part."""

    def ask_unstored(method: str = "GET", **headers: str) -> Reply:
        fetch_until_stored(served)
        (served.apache.root / "eggs" / "zope-demo" / served.wheel.filename).unlink()
        return ask(served.apache.url, served.path, method=method, headers=headers)

    fetch_until_stored(served)
    gate = served.upstream.gate("file", after=100_000)
    head = ask_unstored("HEAD")
    assert (head.status, head.body) == (200, b"")
    gate.open()
    assert head.headers["Content-Length"] == str(len(served.wheel.content))
    known = ask_unstored(**{"If-None-Match": head.headers["ETag"]})
    assert (known.status, known.body) == (304, b"")
    part = ask_unstored(Range="bytes=2-5")
    assert (part.status, part.body) == (206, served.wheel.content[2:6])
    missing = ask(served.apache.url, "/pypi/zope-demo/zope_demo-9.whl", method="HEAD")
    assert (missing.status, missing.body) == (404, b"")


def test_apache__own_records(served: Served) -> None:
    """Records are not served, whatever suffix they have."""
    served.get("/pypi/zope-demo/")
    folder = served.apache.root / "eggs" / ".eggproxy" / "partial"
    (folder / "x.whl").write_bytes(b"half")
    # Nor those of another directory within this one.
    other = served.apache.root / "eggs" / "other" / ".eggproxy"
    other.mkdir(parents=True, exist_ok=True)
    (other / "x.whl").write_bytes(b"half")
    assert served.get("/pypi/other/.eggproxy/x.whl").status == 404
    for path in ("partial/x.whl", "projects/zope-demo/record.json", ""):
        assert served.get(f"/pypi/.eggproxy/{path}").status == 404
        assert served.get(f"/pypi/+apache/.eggproxy/{path}").status in {403, 404}


def test_apache__log(served: Served) -> None:
    """Nothing of all that is an error to Apache."""
    served.get("/pypi/zope-demo/")
    fetch_until_stored(served)
    logs = "".join(path.read_text() for path in served.apache.root.glob("*error*"))
    errors = re.findall(r".*:(?:error|crit|emerg)\].*", logs)
    # That somebody tried the door to stored files is worth a line.
    assert [line for line in errors if f"{served.apache.root}/eggs" not in line] == []
