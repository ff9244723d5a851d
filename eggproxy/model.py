"""What an index says, as data: the project list and the project detail of the Simple API.

Plain immutable values; `parse` makes them, `render` writes them.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import repeat
from operator import attrgetter
from typing import Annotated, Any

import msgspec

from eggproxy.names import NormalizedName

API_VERSION = (1, 4)
"""Newest version of the Simple API that is understood whole (PEP 792)."""


class File(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, rename="kebab"):
    """One distribution of a project, as its index lists it; also its form in JSON (PEP 691).

    Thousands at a time are made by position, in this order.
    """

    # PEP 691: "The filename that is being represented."
    filename: str
    # PEP 691: "The URL that the file can be fetched from." Here always absolute: upstream's own.
    url: str
    # PEP 691: "mapping a hash name to a hex encoded digest"; the key MUST be there, even if empty.
    hashes: dict[str, str]
    # PEP 503 (data-requires-python): a version specifier, unescaped.
    requires_python: str | None = None
    # PEP 658, PEP 714: true, or the digests of the `.metadata` file beside the distribution.
    core_metadata: bool | dict[str, str] | None = None
    # PEP 503 (data-gpg-sig): whether there is a signature at `<url>.asc`.
    gpg_sig: bool | None = None
    # PEP 592: "yanked" with a reason if it is a string (never an empty one).
    yanked: bool | str = False
    # PEP 700: size in bytes; mandatory from API 1.1 on.
    size: Annotated[int, msgspec.Meta(ge=0)] | None = None
    # PEP 700: `yyyy-mm-ddThh:mm:ss.ffffffZ`.
    upload_time: str | None = None
    # PEP 740: URL of the provenance object.
    provenance: str | None = None
    # setuptools' `#egg=name-version`, which old clients need for files with odd names.
    egg_fragment: str | None = msgspec.field(default=None, name="_egg")
    # Bits of what upstream does not say and was looked for elsewhere: see `completed`.
    looked_for: int = msgspec.field(default=0, name="_looked_for")
    # Keys that this program does not know and hands on.
    extra: dict[str, Any] | None = msgspec.field(default=None, name="_extra")

    def __eq__(self, other: object) -> bool:
        """Compare what is known of both, in whatever way they were read."""
        return isinstance(other, File) and _values(self) == _values(other)

    __hash__ = None  # type: ignore[assignment]  # its digests cannot be hashed either


def change_all(files: Iterable[File], name: str, values: Iterable[object]) -> None:
    """Change one value of files that nobody else has yet, each to its own."""
    # A loop takes twice as long.
    deque(map(msgspec.structs.force_setattr, files, repeat(name), values), maxlen=0)


OF_RECORDS = ("egg_fragment", "looked_for", "extra")
"""What of a file only our own records have under such a name, after all that pages have."""

_values = attrgetter(*File.__struct_fields__)


class ProjectStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Status marker of a project (PEP 792)."""

    status: str = "active"
    reason: str | None = None


class ProjectDetail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="kebab"):
    """All that an index says about one project."""

    name: NormalizedName
    files: list[File]
    # As upstream claims it; what may be claimed of the data is `render`'s to decide.
    api_version: tuple[int, int] = (1, 0)
    # PEP 700: "All of the versions of the project"; None where upstream does not say.
    versions: list[str] | None = None
    status: ProjectStatus | None = None
    # Unknown keys of `meta`, and of the top level.
    meta: dict[str, Any] = {}
    extra: dict[str, Any] = {}

    @property
    def is_quarantined(self) -> bool:
        """Say whether it must not offer any file (PEP 792)."""
        return self.status is not None and self.status.status == "quarantined"

    def file(self, filename: str) -> File | None:
        """Find the file of that name, or None."""
        return next((file for file in self.files if file.filename == filename), None)


class ListedProject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One entry of the project list: the name as its index shows it."""

    name: str
    extra: dict[str, Any] | None = msgspec.field(default=None, name="_extra")


class ProjectList(msgspec.Struct, frozen=True, kw_only=True):
    """The project list; its projects may be a stream, for there can be a million of them."""

    projects: Iterable[ListedProject]
    api_version: tuple[int, int] = (1, 0)
    meta: Mapping[str, Any] = {}
