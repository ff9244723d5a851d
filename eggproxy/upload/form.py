"""The form that upload clients send (RFC 7578), read as it comes, with bounds to everything."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from eggproxy.upload.errors import BrokenFormError, FormTypeError, TooLargeError

CONTENT = "content"
"""The field that holds the file."""

WANTED = frozenset(
    {":action", "name", "version", "md5_digest", "sha256_digest", "blake2_256_digest"}
)
"""The fields that are looked at. All else is in the file's own metadata, which count."""

MAX_VALUE = 1024
"""Longest value of such a field, in bytes."""

MAX_FIELDS = 8192
"""How many fields there may be: each classifier and each requirement is one."""

MAX_FIELD_BYTES = 16 << 20
"""Bytes of all fields together, with their descriptions: so much more than the file comes in."""


class Field(NamedTuple):
    """A field that is looked at."""

    name: str
    value: str


class FileStart(NamedTuple):
    """Here the file begins; what follows are its bytes."""

    filename: str


Event = Field | FileStart | bytes


def read_form(content_type: str, blocks: Iterable[bytes], max_size: int) -> Iterator[Event]:
    """Read a form; `max_size` is that of the file, in bytes.

    Raises FormTypeError, BrokenFormError, TooLargeError, and what `blocks` raise.
    """
    kind, options = parse_options_header(content_type)
    if kind != "multipart/form-data":
        raise FormTypeError(kind)
    try:
        parser = PushMultipartParser(options.get("boundary", ""), max_segment_count=MAX_FIELDS)
        reader = _Reader(max_size)
        for block in blocks:
            for event in parser.parse(block):
                yield from reader.take(event)
        parser.close()
    except MultipartError as error:
        raise BrokenFormError(f"the form is damaged ({error})") from None


class _Reader:
    """Makes our events of the parser's: a segment, its bytes, None at its end."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._size = 0
        self._left = MAX_FIELD_BYTES
        self._name = ""
        self._value = bytearray()

    def take(self, event: MultipartSegment | bytes | bytearray | None) -> Iterator[Event]:
        if isinstance(event, MultipartSegment):
            self._name = event.name
            self._value = bytearray()
            if self._name == CONTENT:
                if not event.filename:
                    raise BrokenFormError("its content has no filename")
                yield FileStart(event.filename)
        elif self._name == CONTENT:
            if event:
                self._size += len(event)
                if self._size > self._max_size:
                    raise TooLargeError(self._max_size)
                yield bytes(event)
        elif event is None:
            if self._name in WANTED:
                yield Field(self._name, self._text())
        else:
            self._add(event)

    def _add(self, data: bytes | bytearray) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise BrokenFormError(f"its fields have more than {MAX_FIELD_BYTES} bytes")
        if self._name in WANTED:
            self._value += data
            if len(self._value) > MAX_VALUE:
                raise BrokenFormError(f"the field {self._name} is too long")

    def _text(self) -> str:
        try:
            return self._value.decode()
        except UnicodeDecodeError:
            raise BrokenFormError(f"the field {self._name} is not UTF-8") from None
