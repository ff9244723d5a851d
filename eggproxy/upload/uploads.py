"""The legacy upload API: a form by POST, with one file, answered with 200 or a reason."""

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from eggproxy.access import Access
from eggproxy.answers import Text
from eggproxy.archives import Contents, read_archive
from eggproxy.errors import EggProxyError, MethodNotAllowedError
from eggproxy.names import NormalizedName
from eggproxy.responses import Request
from eggproxy.upload import checks
from eggproxy.upload.body import RequestBody, blocks
from eggproxy.upload.errors import BrokenFormError, TooLargeError, UnknownActionError
from eggproxy.upload.form import MAX_FIELD_BYTES, Event, FileStart, read_form
from eggproxy.upload.incoming import Incoming, sweep

log = logging.getLogger("eggproxy")

MAX_REGISTRATION = 1 << 20
"""Largest form, in bytes, that is read of somebody who may upload nothing.

`setup.py register`, which old instructions begin with, sends such a form without credentials,
stops if it is refused, and expects nothing of it here.
"""

PATIENCE = 30.0
"""Seconds that it may take to come: whoever it is holds a thread meanwhile."""

_NOTHING_TO_DO = frozenset({"submit", "verify"})

_XML = ("text/xml", "application/xml")


class Shelf(Protocol):
    """Where packages are put."""

    def demand_open(self, project: NormalizedName) -> None:
        """Raise an EggProxyError if a project takes no files (PEP 792)."""

    def add(self, incoming: Path, filename: str, contents: Contents, *, overwrite: bool) -> bool:
        """Put a file in its place; False if the same is there. Raises EggProxyError."""


class Uploads:
    """Takes uploads, and puts them on a shelf.

    `folder` is one for unfinished files, on the file system of the shelf; `max_size` that of a
    file in bytes; `overwrite` are patterns of projects whose files may be replaced.
    """

    def __init__(
        self, shelf: Shelf, access: Access, folder: Path, max_size: int, overwrite: Iterable[str]
    ) -> None:
        self._shelf = shelf
        self._access = access
        self._folder = folder
        self._max_size = max_size
        self._overwrite = tuple(overwrite)

    def prepare(self) -> None:
        """Clear away what processes left that were killed."""
        sweep(self._folder)

    def receive(self, request: Request, body: RequestBody) -> Text:
        """Take an upload, or refuse it with an EggProxyError; it is on its page by then."""
        if body.content_type.lower().startswith(_XML):
            why = "There is no XML-RPC here, and so no pip search. Look at the index's own page."
            raise MethodNotAllowedError(("GET", "HEAD", "POST"), why)
        refusal = self._refusal(request)
        if refusal is not None and not _may_be_registration(request, body):
            raise refusal
        if (body.length or 0) > self._max_size + MAX_FIELD_BYTES:
            raise TooLargeError(self._max_size)
        return self._take(request, body, refusal)

    def _take(self, request: Request, body: RequestBody, refusal: EggProxyError | None) -> Text:
        def begin(filename: str, fields: Mapping[str, str]) -> Incoming:
            if refusal is not None:
                raise refusal
            self._check_early(filename, fields, request)
            return Incoming(self._folder)

        with ExitStack() as stack:
            form = _Form(begin, stack)
            incoming = blocks(body, math.inf if refusal is None else PATIENCE)
            for event in read_form(body.content_type, incoming, self._max_size):
                form.take(event)
            action = form.fields.get(":action", "")
            if action in _NOTHING_TO_DO:
                return _said(f"Nothing is to be done for {action}: upload the files.")
            if refusal is not None:
                raise refusal
            if action != "file_upload":
                raise UnknownActionError(action)
            if form.incoming is None:
                raise BrokenFormError("it has no file")
            return self._store(form.incoming, form.filename, form.fields, request)

    def _check_early(self, filename: str, fields: Mapping[str, str], request: Request) -> None:
        """Refuse what can be refused before the file has come; fields may follow it."""
        checks.check_filename(filename)
        if "name" in fields:
            project = checks.project_of(fields["name"])
            self._access.require("upload", project, request)
            self._shelf.demand_open(project)

    def _store(
        self, incoming: Incoming, filename: str, fields: Mapping[str, str], request: Request
    ) -> Text:
        project = checks.project_of(fields.get("name", ""))
        user = self._access.require("upload", project, request)
        checks.check_digests(filename, fields, incoming.digests())
        contents = read_archive(incoming.path, filename)
        checks.check_contents(filename, fields, contents)
        overwrite = any(fnmatchcase(project, pattern) for pattern in self._overwrite)
        is_new = self._shelf.add(incoming.path, filename, contents, overwrite=overwrite)
        if not is_new:
            return _said(f"{filename} was here already, with the same content.")
        log.info("upload: %s has put %s there, %d bytes", user or "-", filename, incoming.size)
        return _said(f"{filename} can be installed now.")

    def _refusal(self, request: Request) -> EggProxyError | None:
        """Find why somebody may upload nothing at all."""
        try:
            self._access.require("upload", None, request)
        except EggProxyError as error:
            return error
        return None


class _Form:
    """What has come of a form; `begin` makes the file when it begins, or refuses it."""

    def __init__(
        self, begin: Callable[[str, Mapping[str, str]], Incoming], stack: ExitStack
    ) -> None:
        self.fields: dict[str, str] = {}
        self.filename = ""
        self.incoming: Incoming | None = None
        self._begin = begin
        self._stack = stack

    def take(self, event: Event) -> None:
        if isinstance(event, FileStart):
            if self.incoming is not None:
                raise BrokenFormError("it has more than one file")
            self.filename = event.filename
            self.incoming = self._stack.enter_context(self._begin(event.filename, self.fields))
        elif isinstance(event, bytes):
            if self.incoming is not None:
                self.incoming.write(event)
        elif self.fields.setdefault(event.name, event.value) != event.value:
            # Of two that contradict each other neither counts.
            raise BrokenFormError(f"its field {event.name} is there twice")


def _may_be_registration(request: Request, body: RequestBody) -> bool:
    small = body.length is not None and body.length <= MAX_REGISTRATION
    return small and request.authorization is None


def _said(text: str) -> Text:
    body = f"{text}\n".encode()
    return Text(body=body, content_type="text/plain; charset=utf-8", cache_control="no-store")
