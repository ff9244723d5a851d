"""Metadata on its way before it is asked for.

Who resolves reads the page of a project, and then the metadata of its newest version. That way to
upstream and back need not wait until the page is written, sent and read.
"""

from eggproxy import installers, policy
from eggproxy.completion.versions import likely
from eggproxy.model import File, ProjectDetail
from eggproxy.names import METADATA
from eggproxy.store import Record
from eggproxy.transfer import Wanted
from eggproxy.transfers import Transfers

_ENDS = 200
"""How many files of either end of a page are looked at: there the newest version is."""


def prefetch_metadata(transfers: Transfers, detail: ProjectDetail, record: Record) -> None:
    """Begin to fetch the metadata that whoever asks for this page will most likely ask for next."""
    file = _next_wanted(detail)
    if file is not None:
        index = record.sources.get(file.filename.removesuffix(METADATA), record.index)
        transfers.begin(Wanted.of(detail.name, file, index))


def _next_wanted(detail: ProjectDetail) -> File | None:
    """Find the metadata of the wheel that suits, of the newest version."""
    files = detail.files
    ends = files if len(files) <= 2 * _ENDS else files[:_ENDS] + files[-_ENDS:]
    promised = [file for file in ends if file.core_metadata]
    wheel = installers.best_wheel(file.filename for file in likely(detail.name, promised))
    return policy.offered(detail, wheel + METADATA) if wheel is not None else None
