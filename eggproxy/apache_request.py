"""What is used of mod_python's request object, and how it becomes a request of ours."""

from typing import Any, Protocol

from eggproxy.responses import Request


class HandlerList(Protocol):
    """Where a handler was configured."""

    directory: str | None


class ApacheRequest(Protocol):
    """What is used of mod_python's request object."""

    # The whole address as it stood in the request line, and its path, decoded by Apache.
    unparsed_uri: str
    uri: str
    method: str
    # HEAD; the method itself says GET where Apache found no file and asks us instead.
    header_only: int
    # 1001 for HTTP/1.1
    proto_num: int
    user: str | None
    # Of whom mod_remoteip trusts to name one, or else of the peer.
    useragent_ip: str
    main: object | None
    filename: str
    path_info: str | None
    # What Apache has seen of the file or folder at that address.
    finfo: Any
    handler: str
    content_type: str
    status: int
    status_line: str
    headers_in: Any
    headers_out: Any
    connection: Any
    hlist: HandlerList

    def get_options(self) -> Any:  # noqa: ANN401  a table, which has most methods of a dict
        """Give the PythonOptions that apply here."""

    def set_content_length(self, length: int) -> None:
        """Set Content-Length, in bytes."""

    def read(self, length: int) -> bytes:
        """Read so many bytes of the body, fewer at its end."""

    def flush(self) -> None:
        """Send what was written."""

    def write(self, data: bytes, flush: int = 1) -> None:
        """Send a part of the body. Raises OSError if the client is gone."""


def request_of(req: ApacheRequest, prefix: str | None) -> Request:
    """Take what matters from Apache's request; `prefix` is where the index is mounted."""
    path, _, query = req.unparsed_uri.partition("?")
    if not path.startswith("/"):
        # A client that believes to talk to a proxy: http://HOST/path
        path = "/" + path.partition("://")[2].partition("/")[2]
    if prefix is not None:
        if not path.startswith(prefix) or path[len(prefix) : len(prefix) + 1] not in {"", "/"}:
            # Written in another way, such as /%70ypi. Decoded, a % in it is nothing but a %.
            path = req.uri.replace("%", "%25")
        path = path.removeprefix(prefix)
    header = req.headers_in.get
    # By position, which is twice as quick: this is done for every request.
    return Request(
        "HEAD" if req.header_only else req.method,
        path.encode("latin-1"),
        query,
        prefix,
        header("Accept"),
        header("Accept-Encoding"),
        header("If-None-Match"),
        header("Range"),
        header("If-Range"),
        req.user,
        header("Authorization"),
        req.useragent_ip,
        header("CDN-Loop"),
        header("User-Agent"),
    )
