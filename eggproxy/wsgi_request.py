"""From WSGI's environment to a request, as it was written wherever the server around tells that."""

import posixpath
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from eggproxy.responses import Request
from eggproxy.upload import ClientGoneError, LengthRequiredError

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

# The server around has decoded the path, and with it the trap: %2f, %5c, %00, or a broken escape.
_TRAP = re.compile(r"%(?:2f|5c|00|(?![0-9a-f]{2}))", re.IGNORECASE)

_PROTOCOL = re.compile(r"(?:HTTP/(?:0\.9|1\.[01]|[23](?:\.0)?)|INCLUDED)\Z")


def request_of(environ: "WSGIEnvironment") -> Request:
    """Take what matters from WSGI's environment."""
    return Request(
        method=environ["REQUEST_METHOD"],
        raw_path=_raw_path(environ),
        query=environ.get("QUERY_STRING", ""),
        mounted=environ.get("SCRIPT_NAME") or None,
        accept=environ.get("HTTP_ACCEPT"),
        accept_encoding=environ.get("HTTP_ACCEPT_ENCODING"),
        if_none_match=environ.get("HTTP_IF_NONE_MATCH"),
        range=environ.get("HTTP_RANGE"),
        if_range=environ.get("HTTP_IF_RANGE"),
        user=environ.get("REMOTE_USER") or None,
        authorization=environ.get("HTTP_AUTHORIZATION"),
        cdn_loop=environ.get("HTTP_CDN_LOOP"),
        user_agent=environ.get("HTTP_USER_AGENT"),
        client=environ.get("REMOTE_ADDR") or None,
    )


class InputBody:
    """The body of a request, as WSGI gives it."""

    def __init__(self, environ: "WSGIEnvironment") -> None:
        self.content_type: str = environ.get("CONTENT_TYPE", "")
        self.length = _length(environ)
        self._chunked = self.length is None and not environ.get("wsgi.input_terminated")
        self._left = self.length
        self._read = environ["wsgi.input"].read

    def read(self, count: int) -> bytes:
        """Read up to `count` bytes; none at the end. Raises ClientGoneError."""
        if self._chunked:
            raise LengthRequiredError
        if self._left is not None:
            # Where there is a length, a server may wait for ever for what is behind it.
            count = min(count, self._left)
        try:
            block: bytes = self._read(count) if count else b""
        except OSError as error:
            raise ClientGoneError(str(error)) from error
        if self._left is not None:
            self._left = self._left - len(block) if block else 0
        return block


def _length(environ: "WSGIEnvironment") -> int | None:
    """Find the length of the body, in bytes; None where it comes in chunks."""
    text: str = environ.get("CONTENT_LENGTH") or ""
    if text.isascii() and text.isdigit():
        return int(text)
    return None if environ.get("HTTP_TRANSFER_ENCODING") else 0


def refusal(environ: "WSGIEnvironment") -> str | None:
    """Find what is wrong with a request that the server around should have refused."""
    if _TRAP.search(_written(environ)):
        return "the address holds a broken % escape, or hides a slash or a NUL in one"
    if not _PROTOCOL.match(environ.get("SERVER_PROTOCOL", "HTTP/1.1")):
        return "there is no such version of HTTP"
    return None


def _written(environ: "WSGIEnvironment") -> str:
    """Find the path as it stood in the request line; empty where the server does not tell."""
    written: str = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    return _of_host(written).partition("?")[0]


def _of_host(address: str) -> str:
    """Take http://HOST off, which clients write that believe to talk to a proxy."""
    if "://" in address and not address.startswith("/"):
        return "/" + address.partition("://")[2].partition("/")[2]
    return address


def _raw_path(environ: "WSGIEnvironment") -> bytes:
    """Find the path below the prefix, not decoded.

    Servers around make one slash of several and take steps of dots, and what they have made is
    in PATH_INFO. So the path as it was written counts, if it means the same.
    """
    decoded = _bytes(_of_host(environ.get("PATH_INFO", "")))
    prefix: str = environ.get("SCRIPT_NAME", "")
    written = _written(environ)
    if written.startswith(prefix):
        below = _bytes(written[len(prefix) :])
        if below == decoded and b"%" not in below:
            return below
        if below[:1] in {b"", b"/"} and _plain(unquote_to_bytes(below)) == _plain(decoded):
            return below
    # The server around has another address in mind. Decoded, a % in it is nothing but a %.
    return decoded.replace(b"%", b"%25")


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def _plain(path: bytes) -> bytes:
    """Take the steps of a path, as servers do; what is above the root is the root."""
    slash = b"/" if path.endswith((b"/", b"/.", b"/..")) else b""
    return posixpath.normpath(b"/" + path.lstrip(b"/")).rstrip(b"/") + slash
