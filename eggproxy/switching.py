"""Which files are left behind when another index counts for a project; pure."""

from collections.abc import Iterator, Mapping

from eggproxy.model import File, ProjectDetail
from eggproxy.store import Record
from eggproxy.upstream import Upstreams


def left_behind(old: Record, new: Record, detail: ProjectDetail) -> Iterator[str]:
    """Name the files of the `old` record whose index has no say any more in what they are.

    `detail` is what the `new` one is about. Files that it names are only meant if they are the
    same ones: there may be other bytes under the same name elsewhere.
    """
    if old.detail is None or (old.index, old.sources) == (new.index, new.sources):
        return
    now = {file.filename: file for file in detail.files}
    asked = new.indexes()
    for file in old.detail.files:
        name = file.filename
        before = old.sources.get(name, old.index)
        other = now.get(name)
        if other is None:
            if before not in asked:
                yield name
        elif new.sources.get(name, new.index) != before and not _is_same(file, other):
            yield name


def is_moved(addresses: Mapping[str, str], upstreams: Upstreams) -> bool:
    """Say whether a page is from an index that is now at another address.

    `addresses` are those that it is from, by the names of their indexes.
    """
    return any(upstreams.named(name).index != address for name, address in addresses.items())


def _is_same(file: File, other: File) -> bool:
    """Say whether both are surely the same: by all digests that both name, or else by address."""
    common = file.hashes.keys() & other.hashes.keys()
    if common:
        return all(file.hashes[name].lower() == other.hashes[name].lower() for name in common)
    return not other.hashes and file.url == other.url
