"""Reading core metadata: METADATA of wheels, PKG-INFO of sdists and eggs."""

from eggproxy.archives.contents import Contents, Flaw
from eggproxy.archives.filenames import named, same_name, same_version
from eggproxy.names import is_project_name

MAX_METADATA = 8 << 20
"""Most bytes of metadata that are read; descriptions are long, but not that long."""

_MAX_FIELD = 1000


def read_metadata(metadata: bytes, filename: str) -> Contents:
    """Read metadata and check that they are those of the file. Raises Flaw."""
    # Imported with the first archive: it compiles a grammar, a tenth of a server's start.
    from packaging.metadata import parse_email  # noqa: PLC0415

    try:
        raw, _unparsed = parse_email(metadata)
    except (ValueError, LookupError, RecursionError):
        raise Flaw("its metadata cannot be read") from None
    name, version = raw.get("name", "").strip(), raw.get("version", "").strip()
    if not name or not version:
        raise Flaw("its metadata have not exactly one Name and one Version")
    if not is_project_name(name):
        raise Flaw("its metadata have a Name that no project can have")
    if not any(same_name(name, n) and same_version(version, v) for n, v in named(filename)):
        raise Flaw(f"its metadata say that it is {_shown(name)} {_shown(version)}")
    return Contents(
        name=name,
        version=version,
        requires_python=_one_line(raw.get("requires_python")),
        metadata=metadata,
    )


def _one_line(value: str | None) -> str | None:
    """Clean a field that becomes an attribute of a page; None if it is nonsense."""
    if value is None or len(value) > _MAX_FIELD:
        return None
    value = " ".join(value.split())
    return value if value and value.isprintable() else None


def _shown(value: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in value[:100])
