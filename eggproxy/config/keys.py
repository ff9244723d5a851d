"""The keys of the configuration: what each means, and what it may be."""

import difflib
import re
from collections.abc import Sequence
from typing import NamedTuple

from eggproxy.errors import ConfigurationError

SECTION = "eggproxy"
"""The section of the configuration file that holds the keys."""


_WORD = re.compile(r"[A-Za-z*][A-Za-z0-9_.*-]{0,39}")


class Key(NamedTuple):
    """One setting: the command's options and the configuration's checks come from here.

    `default` is the text one would write, or None where it is found at run time; `expected` ends
    the sentence that refuses a value; the value of a `secret` one is shown nowhere.
    """

    name: str
    check: str
    default: str | None
    expected: str
    help: str
    secret: bool = False

    @property
    def spec(self) -> str:
        """What configobj's validation is to check."""
        if self.check.endswith(")"):
            return f"{self.check[:-1]}, default={self.default!r})"
        return f"{self.check}(default={self.default!r})"


INDEX_EXPECTED = (
    "an address that begins with https:// or http:// and has no space, ? or #, or the path of a "
    "directory"
)
PATTERNS_EXPECTED = "names of projects, such as acme-tool, acme-*, with commas between them"

KEYS = (
    Key(
        "eggs_directory",
        "directory",
        "var/eggs",
        "the path of a directory",
        "Directory of what is stored: itself a static index, ready for any web server.",
    ),
    Key(
        "index",
        "index",
        None,
        INDEX_EXPECTED,
        "Address of the index behind the proxy; the Python Package Index if none is given.",
        secret=True,
    ),
    Key(
        "update_interval",
        "duration(h, 0, 315360000)",
        "30m",
        "a number of hours, or one with s, m, h or d after it, such as 30m, up to 3650d",
        "How long a page is served before the index is asked anew: hours, or such as 90s, 30m, 1d.",
    ),
    Key(
        "always_refresh",
        "boolean",
        "0",
        "1 or 0",
        "Whether to ask the index for news at every request of a page: 1 or 0.",
    ),
    Key(
        "timeout",
        "duration(s, 0.001, 86400)",
        "10",
        "a number of seconds above 0, such as 10, or one with s, m, h or d after it, up to 1d",
        "How long to wait for the index to connect or to send more: seconds, or such as 2m.",
    ),
    Key(
        "offline",
        "boolean",
        "0",
        "1 or 0",
        "Whether to answer from what is stored alone, and never ask the index: 1 or 0.",
    ),
    Key(
        "outage_pages",
        "option('stored', 'all')",
        "stored",
        "stored or all",
        "What pages list while the index is down, or offline: files that are stored, or all.",
    ),
    Key(
        "max_page_size",
        "size(1K, 4G)",
        "256M",
        "a number of bytes, or one with K, M or G after it, such as 256M, from 1K to 4G",
        "Largest page that is taken from the index, unpacked: bytes, or such as 64M.",
    ),
    Key(
        "removal_grace",
        "duration(h, 0, 315360000)",
        "24h",
        "a number of hours, or one with s, m, h or d after it, such as 24h, up to 3650d",
        "How long the index must deny a stored project until that counts as removed there.",
    ),
    Key(
        "file_handover",
        "handover",
        "wsgi.file_wrapper",
        "none, wsgi.file_wrapper, x-sendfile, or x-accel-redirect:/PREFIX/ with a prefix of nginx",
        "How a WSGI server gets large stored files: none, wsgi.file_wrapper, x-sendfile, or "
        "x-accel-redirect:/PREFIX/.",
    ),
    Key(
        "allow_hosts",
        "hosts",
        "",
        "names of hosts, such as files.example, *.files.example, with commas between them",
        "Hosts that files may come from, beside the index's own; without it all public ones.",
    ),
    Key(
        "ca_certificate",
        "text",
        "",
        "the path of a file",
        "File of the certificates that the index's own must be signed by; else the system's.",
    ),
    Key(
        "complete_metadata",
        "boolean",
        "1",
        "1 or 0",
        "Whether to find out what the index leaves out of its pages, such as sizes: 1 or 0.",
    ),
    Key(
        "prefetch_metadata",
        "boolean",
        "1",
        "1 or 0",
        "Whether to fetch ahead what pip and uv want next, metadata and pages: 1 or 0.",
    ),
    Key(
        "packages_directory",
        "text",
        "",
        "the path of a directory",
        "Directory of packages of your own; `packages` beside the eggs directory by default.",
    ),
    Key(
        "reserve",
        "patterns",
        "",
        PATTERNS_EXPECTED,
        "Names of your own projects, which are never asked of any index: such as acme-*.",
    ),
    Key(
        "overwrite",
        "patterns",
        "",
        PATTERNS_EXPECTED,
        "Names of projects of your own whose files may be uploaded again with other content.",
    ),
    Key(
        "max_upload_size",
        "size(1K, 1024G)",
        "4G",
        "a number of bytes, or one with K, M or G after it, such as 500M, from 1K",
        "Largest file that may be uploaded: bytes, or such as 500M.",
    ),
    Key(
        "trash_days",
        "float(0, 3650)",
        "30",
        "a number of days, such as 30",
        "How many days what was removed of your own packages can be had back.",
    ),
    Key(
        "users_file",
        "text",
        "",
        "the path of a file",
        "File of users and their passwords, as Apache's htpasswd -B writes it.",
    ),
    Key(
        "tokens_file",
        "text",
        "",
        "the path of a file",
        "File of the tokens that `eggproxy token` makes.",
    ),
    Key(
        "listen",
        "address",
        "127.0.0.1",
        "an address of this machine without a port, such as 127.0.0.1, or 0.0.0.0 or :: for all",
        "Address on which `eggproxy serve` listens.",
    ),
    Key(
        "port",
        "integer(0, 65535)",
        "8888",
        "a number from 1 to 65535, or 0 for any port that is free",
        "Port on which `eggproxy serve` listens.",
    ),
)
"""All settings, in the order in which they are explained."""


INDEX_KEYS = (
    Key(
        "index",
        "index",
        None,
        INDEX_EXPECTED,
        "Address of the index, or the path of a directory; the Python Package Index without it.",
        secret=True,
    ),
    Key(
        "find_links",
        "links",
        None,
        "an address that begins with https:// or http:// and has no space or #, or a path",
        "Address of one page with the files of many projects, or a directory of files.",
        secret=True,
    ),
    Key("username", "text", "", "a name", "Who we are for this index.", secret=True),
    Key("password", "text", "", "a password", "The password of that name.", secret=True),
    Key(
        "password_file", "text", "", "the path of a file", "File whose first line is the password."
    ),
    Key(
        "projects",
        "patterns",
        "",
        PATTERNS_EXPECTED,
        "Names that are asked of this index, and never of another.",
    ),
    Key(
        "channel",
        "channel",
        "",
        "a word of a-z, 0-9, . and -, such as torch-cpu",
        "Serve this index at an address of its own, /pypi/+CHANNEL/, and not merged.",
    ),
    Key("merge", "boolean", "no", "yes or no", "Add its files to those of the indexes before it."),
    *(
        key._replace(default=None)
        for key in KEYS
        if key.name in {"update_interval", "timeout", "ca_certificate", "allow_hosts"}
    ),
)
"""What may be said of each index; without a default, what is said for all counts."""


def named(name: str) -> bool:
    """Say whether a name can be shown: what is no plain word may be an address."""
    return _WORD.fullmatch(name) is not None


def check_name(name: str, where: str, names: Sequence[str] = ()) -> None:
    """Raise ConfigurationError, which `where` begins, if no setting has this name.

    `names` are those there are, those of `KEYS` if none are given.
    """
    names = names or [key.name for key in KEYS]
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        advice = f"did you mean {close[0]}?" if close else f"write one of {', '.join(names)}."
        raise ConfigurationError(f"{where} is no known key: {advice}")
