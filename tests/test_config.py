"""The configuration: where it comes from, what wins, and what a mistake is told."""

import re
from pathlib import Path

import pytest

from eggproxy.config import KEYS, Configuration, IndexSettings, Key, directory_error, load
from eggproxy.config import file as configfile
from eggproxy.default_index import default_index
from eggproxy.errors import ConfigurationError

EXAMPLE = Path(__file__).parent.parent / "etc" / "eggproxy.conf"


@pytest.fixture(autouse=True)
def _no_system_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own configuration out of the tests, and start in a fresh folder."""
    monkeypatch.setattr(configfile, "SYSTEM_FILE", tmp_path / "system.conf")
    monkeypatch.chdir(tmp_path)


def write(path: Path, *lines: str) -> Path:
    """Write a configuration file with these lines in its section, from line 2 on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("[eggproxy]", *lines, "")), encoding="utf-8")
    return path


def complaint(path: Path, *lines: str) -> str:
    """Give the sentence that refuses a file with these lines in its section."""
    with pytest.raises(ConfigurationError) as caught:
        load(path=write(path, *lines), environ={})
    return str(caught.value)


def test_load__defaults(tmp_path: Path) -> None:
    """Without any file, the public index is served locally, from a folder beside."""
    assert load(environ={}) == Configuration(
        eggs_directory=tmp_path / "var" / "eggs",
        indexes=(IndexSettings(index=default_index(), update_interval=1800.0, timeout=10.0),),
        allow_hosts=(),
        ca_certificate=None,
        complete_metadata=True,
        prefetch_metadata=True,
        packages_directory=tmp_path / "var" / "packages",
        reserve=(),
        overwrite=(),
        max_upload_size=4 << 30,
        trash_days=30.0,
        users_file=None,
        tokens_file=None,
        access=(),
        groups={},
        projects={},
        update_interval=1800.0,
        always_refresh=False,
        timeout=10.0,
        offline=False,
        outage_pages="stored",
        max_page_size=256 << 20,
        removal_grace=86400.0,
        file_handover="wsgi.file_wrapper",
        listen="127.0.0.1",
        port=8888,
    )


def test_load__file_of_the_user(tmp_path: Path) -> None:
    """The file that the project began with is understood: a bare interval is in hours."""
    path = write(
        tmp_path / "eggproxy.conf",
        "eggs_directory = /srv/eggs",
        "index = https://index.example/simple",
        "update_interval = 24",
        "always_refresh = 1",
        "timeout = 3",
    )
    configuration = load(path=path, environ={})
    assert configuration.eggs_directory == Path("/srv/eggs")
    assert configuration.index == "https://index.example/simple/"
    assert configuration.update_interval == 86400
    assert configuration.always_refresh is True
    assert configuration.timeout == 3


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("24", 86400), ("0.5", 1800), ("90s", 90), ("30m", 1800), ("1 h", 3600), ("2d", 172800)],
)
def test_load__update_interval(text: str, seconds: float) -> None:
    """A bare number is hours; s, m, h and d say otherwise."""
    assert load(environ={}, options={"update_interval": text}).update_interval == seconds


def test_load__places_in_order(tmp_path: Path) -> None:
    """The first file there is counts alone: named, by variable, at home, beside bin, system."""
    environ = {"HOME": str(tmp_path / "home")}
    places = [
        write(configfile.SYSTEM_FILE, "port = 1"),
        write(tmp_path / "buildout" / "etc" / "eggproxy.conf", "port = 2"),
        write(tmp_path / "home" / "eggproxy.conf", "port = 3"),
        write(tmp_path / "variable.conf", "port = 4"),
        write(tmp_path / "option.conf", "port = 5"),
    ]
    bindir = tmp_path / "buildout" / "bin"
    assert load(environ={}).port == 1
    assert load(environ={}, bindir=bindir).port == 2
    assert load(environ=environ, bindir=bindir).port == 3
    environ["EGGPROXY_CONFIG"] = str(places[3])
    assert load(environ=environ, bindir=bindir).port == 4
    assert load(environ=environ, bindir=bindir, path=places[4]).port == 5


def test_load__option_over_environment_over_file(tmp_path: Path) -> None:
    """An option wins over the environment, and that over the file, key by key."""
    path = write(tmp_path / "a.conf", "port = 1", "listen = ::1", "timeout = 5")
    environ = {"EGGPROXY_PORT": "2", "EGGPROXY_LISTEN": "::", "EGGPROXY_TIMEOUT": ""}
    configuration = load(path=path, environ=environ, options={"port": "3"})
    assert (configuration.port, configuration.listen, configuration.timeout) == (3, "::", 5)


def test_load__index_holds_anything(tmp_path: Path) -> None:
    """Percent signs, commas and quoted number signs in an address stand for themselves."""
    path = write(tmp_path / "a.conf", 'index = "https://u:a%40%(b)s,c@index.example/x/"  # ours')
    assert load(path=path, environ={}).index == "https://u:a%40%(b)s,c@index.example/x/"


def test_load__relative_directory_in_file(tmp_path: Path) -> None:
    """In a file, a relative directory is relative to the folder of the file."""
    path = write(tmp_path / "etc" / "a.conf", "eggs_directory = eggs")
    assert load(path=path, environ={}).eggs_directory == tmp_path / "etc" / "eggs"


def test_load__relative_directory_elsewhere(tmp_path: Path) -> None:
    """From an option or the environment, it is relative to the working directory."""
    environ = {"EGGPROXY_EGGS_DIRECTORY": "eggs"}
    assert load(environ=environ).eggs_directory == tmp_path / "eggs"


def test_load__home_directory(tmp_path: Path) -> None:
    """A tilde is the home directory, and an error where nobody says which that is."""
    options = {"eggs_directory": "~/eggs"}
    home = load(environ={"HOME": str(tmp_path / "me")}, options=options)
    assert home.eggs_directory == tmp_path / "me" / "eggs"
    with pytest.raises(ConfigurationError, match=r"^The option --eggs-directory is '~/eggs', .*"):
        load(environ={}, options=options)


def test_load__byte_order_mark(tmp_path: Path) -> None:
    """A file saved by an editor that adds a mark and CRLF is understood."""
    path = tmp_path / "a.conf"
    path.write_bytes(b"\xef\xbb\xbf[eggproxy]\r\nport = 9\r\n")
    assert load(path=path, environ={}).port == 9


def test_load__foreign_variables() -> None:
    """Variables that container platforms make up beside ours are no errors."""
    assert load(environ={"EGGPROXY_SERVICE_HOST": "10.0.0.1"}).port == 8888


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("port = eighty", "port is 'eighty': write a number from 1 to 65535, or 0 for any"),
        ("port = 65536", "port is '65536': write a number from 1 to 65535, or 0 for any"),
        ("update_interval = soon", "update_interval is 'soon': write a number of hours, or one"),
        ("update_interval = -1", "update_interval is '-1': write a number of hours, or one"),
        ("timeout = 0", "timeout is '0': write a number of seconds above 0, such as 10, or"),
        ("timeout = 2d", "timeout is '2d': write a number of seconds above 0, such as 10, or"),
        ("always_refresh = maybe", "always_refresh is 'maybe': write 1 or 0."),
        ("listen = 127.0.0.1:80", "listen is '127.0.0.1:80': write an address of this machine"),
        ("listen = *", "listen is '*': write an address of this machine without a port, such as"),
        ("eggs_directory = ", "eggs_directory is '': write the path of a directory."),
        ("update_intervall = 1", "update_intervall is no known key: did you mean update_interval?"),
        ("colour = red", "colour is no known key: write one of eggs_directory, index, update_"),
        ("[[more]]", "more is a section within [eggproxy], which has none."),
        ("[default]", "default is no known section: write one of [eggproxy], [indexes], ["),
        ("reserve = acme/*", "reserve is 'acme/*': write names of projects, such as acme-tool,"),
        ("allow_hosts = a b/c", "allow_hosts is 'a b/c': write names of hosts, such as files.ex"),
        ("port: 8888", "line 3 is not understood: write key = value, and close quotes."),
        ("listen = 'x", "line 3, listen, is not understood: write key = value, and close quotes."),
    ],
)
def test_load__mistake(tmp_path: Path, line: str, sentence: str) -> None:
    """One sentence names the file, the line and the key, and says what to write instead."""
    text = complaint(tmp_path / "a.conf", "# port = 1", line)
    assert text.startswith(f"In {tmp_path / 'a.conf'}, line 3")
    assert sentence in text
    assert "\n" not in text


def test_load__key_twice(tmp_path: Path) -> None:
    """Of a key that stands there twice, the second line is named."""
    text = complaint(tmp_path / "a.conf", "port = 1", "port = 2")
    assert text.endswith("line 3, port, repeats an earlier line: take one of the two out.")


def test_load__key_above_section(tmp_path: Path) -> None:
    """A key above the section is not silently passed over."""
    path = tmp_path / "a.conf"
    path.write_text("port = 1\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"line 1, port stands above all sections: write"):
        load(path=path, environ={})


def test_load__everything_wrong(tmp_path: Path) -> None:
    """Of many mistakes the first key's is told."""
    text = complaint(tmp_path / "a.conf", *(f"{key.name} = '\x7f'" for key in reversed(KEYS)))
    assert f"line {len(KEYS) + 1}, eggs_directory is" in text


@pytest.mark.parametrize(
    ("text", "size"), [("1024", 1024), ("1K", 1024), ("64 m", 64 << 20), ("4G", 4 << 30)]
)
def test_load__sizes(text: str, size: int) -> None:
    """Sizes are in bytes, or in K, M and G of them."""
    assert load(environ={"EGGPROXY_MAX_PAGE_SIZE": text}).max_page_size == size


@pytest.mark.parametrize("text", ["1023", "5G", "1T", "M", "-1", "1.5M", "1e9", "9" * 20])
def test_load__no_sizes(text: str) -> None:
    """What is no size, or none of use, is refused."""
    with pytest.raises(ConfigurationError, match="write a number of bytes"):
        load(environ={"EGGPROXY_MAX_PAGE_SIZE": text})


@pytest.mark.parametrize(
    "text", ["none", "wsgi.file_wrapper", "x-sendfile", "x-accel-redirect:/a/b-c/"]
)
def test_load__file_handover(text: str) -> None:
    """Files are handed over in one of four ways; nginx's has a prefix."""
    assert load(environ={"EGGPROXY_FILE_HANDOVER": text}).file_handover == text


@pytest.mark.parametrize(
    "text",
    [
        *("sendfile", "X-Sendfile", "x-sendfile:/a/", "x-accel-redirect", "x-accel-redirect:/"),
        *("x-accel-redirect:/a", "x-accel-redirect:/a b/", "x-accel-redirect:eggs/"),
    ],
)
def test_load__no_file_handover(text: str) -> None:
    """What names no way, or a prefix that nginx would not find, is refused."""
    with pytest.raises(ConfigurationError, match=r"write none, wsgi\.file_wrapper"):
        load(environ={"EGGPROXY_FILE_HANDOVER": text})


def test_load__mistake_in_environment() -> None:
    """A bad value in the environment is told with its variable."""
    sentence = "^The environment variable EGGPROXY_PORT is 'tcp://10.0.0.1:80': write a number"
    with pytest.raises(ConfigurationError, match=sentence):
        load(environ={"EGGPROXY_PORT": "tcp://10.0.0.1:80"})


def test_load__mistake_in_option() -> None:
    """A bad value of an option is told with its option."""
    with pytest.raises(ConfigurationError, match=r"^The option --update-interval is 'x': write"):
        load(environ={}, options={"update_interval": "x"})


def test_load__missing_file(tmp_path: Path) -> None:
    """A file that is named has to be there."""
    missing = tmp_path / "missing.conf"
    with pytest.raises(ConfigurationError, match=r"^The option --config names .*missing\.conf"):
        load(path=missing, environ={})
    with pytest.raises(ConfigurationError, match=r"^The environment variable EGGPROXY_CONFIG na"):
        load(environ={"EGGPROXY_CONFIG": str(missing)})


def test_load__unreadable_file(tmp_path: Path) -> None:
    """A folder, or a file that is no text, is refused with the reason."""
    with pytest.raises(ConfigurationError, match=r"cannot be read \(Is a directory\): name a"):
        load(path=tmp_path, environ={})
    binary = tmp_path / "binary.conf"
    binary.write_bytes(b"[eggproxy]\n\xff")
    with pytest.raises(ConfigurationError, match="is not UTF-8 at byte 11: save it as UTF-8"):
        load(path=binary, environ={})


@pytest.mark.parametrize(
    "line",
    [
        "index = ftp://me:hunter2@index.example/",
        "index = me:hunter2@index.example",
        "index = https://me:hun?ter2@index.example/",
        "index = https://me:hunter2/3@index.example/simple/",
        "index = https://me:hunter2@index.example:port/",
        "index = https://me:hunter2@[index.example/",
        "index = https://me:hunter2@index.example/ simple",
        "index = https://me:hunter2#3@index.example/",
        "index = 'https://me:hunter2@index.example/",
        "https://me:hunter2@index.example/",
        "https://me:hunter2@index.example/?a=b",
        "[https://me:hunter2@index.example/]",
        "[[https://me:hunter2@index.example/]]",
    ],
)
def test_load__password_is_not_shown(tmp_path: Path, line: str) -> None:
    """Whatever is wrong with an address, no sentence shows the password in it."""
    text = complaint(tmp_path / "a.conf", line)
    assert "line 2" in text
    assert not re.search("hun|ter2", text.replace(str(tmp_path), ""))


def test_configuration__repr_without_index() -> None:
    """Nor does the configuration show it when it is printed."""
    environ = {"EGGPROXY_INDEX": "https://me:hunter2@index.example/"}
    assert "hunter2" not in repr(load(environ=environ))


def test_directory_error__names_the_line(tmp_path: Path) -> None:
    """The store's complaint about its directory leads to the line that names it."""
    path = write(tmp_path / "a.conf", "eggs_directory = /srv/eggs")
    text = str(directory_error(load(path=path, environ={}), "which is not writable"))
    assert text.startswith(f"In {path}, line 2, eggs_directory is /srv/eggs, which is not writable")


def test_example__is_the_defaults() -> None:
    """The configuration file that comes along changes nothing as it is."""
    assert load(path=EXAMPLE, environ={}) == load(environ={})


@pytest.mark.parametrize("key", [key for key in KEYS if key.default], ids=lambda key: key.name)
def test_example__documents(key: Key) -> None:
    """It has every key with its default, commented out."""
    assert f"\n# {key.name} = {key.default}\n" in EXAMPLE.read_text(encoding="utf-8")
