"""`eggproxy check`: what is wrong with the packages of our own."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator

from eggproxy.names import NormalizedName
from eggproxy.packages.directory import Packages
from eggproxy.packages.entries import Entry
from eggproxy.packages.folders import look_at
from eggproxy.packages.reading import digest_of


def unlisted(packages: Packages) -> Iterator[str]:
    """Read all that nobody has read yet, and say of each file that is not listed why."""
    catalogue = packages.catalogue
    catalogue.look(now=True)
    for path in catalogue.unread():
        catalogue.read(path, patience=0.0)
    _entries, faults, odd = catalogue.everything()
    why = {**odd, **{fault.path: fault.why for fault in faults}}
    for path in sorted(why):
        yield f"{path} is listed nowhere: {why[path]}."
    for path in catalogue.unread():
        yield f"{path} is listed nowhere: it cannot be read, or is still changing."


def changed(packages: Packages, advance: Callable[[], None]) -> Iterator[str]:
    """Take the digest of each file again; say which are not what they were when they were read."""
    for entry in sorted(packages.catalogue.everything()[0], key=lambda entry: entry.path):
        why = _change(packages, entry)
        if why:
            yield f"{entry.path} {why}."
        advance()


def _change(packages: Packages, entry: Entry) -> str:
    path = packages.directory / entry.path
    try:
        digest = digest_of(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if digest == entry.sha256 or look_at(str(path)) != entry.seen:
        return ""
    return (
        f"has SHA-256 {digest}, and had {entry.sha256} when it was read, though its size and time "
        "are the same: its disk may be failing. Put a good copy in its place"
    )


def doubles(packages: Packages) -> Iterator[str]:
    """Say which names stand for different files in different folders."""
    by_name: defaultdict[tuple[NormalizedName, str], list[Entry]] = defaultdict(list)
    for entry in packages.catalogue.everything()[0]:
        by_name[entry.project, entry.filename].append(entry)
    for entries in by_name.values():
        if len({entry.sha256 for entry in entries}) > 1:
            first, *others = sorted(entry.path for entry in entries)
            yield f"{first} is served; of the same name and other content: {', '.join(others)}."


def shared(packages: Packages, upstream: Collection[NormalizedName]) -> Iterator[str]:
    """Say which names exist both here and upstream, where nobody has said that this is meant."""
    names = frozenset(upstream)
    for project in packages.projects():
        if project in names and not packages.ownership.is_meant(project):
            yield (
                f"{project} exists both here and upstream. Upstream's is never used here, but a "
                f"client that asks upstream as well may take it. If that is meant, write "
                f"[[{project}]] below [projects] into the configuration file."
            )
