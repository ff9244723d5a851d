"""Whether a file that has come is the one that its page means by now; pure."""

from eggproxy import policy
from eggproxy.names import distribution_of
from eggproxy.store import Record
from eggproxy.transfer import Wanted


def is_outdated(wanted: Wanted, sha256: str, record: Record | None) -> bool:
    """Say whether a page has changed so, since a file was wanted, that its bytes must not stay.

    `sha256` is of a file for which upstream named no digest, and `record` what is known of the
    page now. A file that its index has only removed meanwhile stays.
    """
    if record is None or record.detail is None:
        return False
    if record.detail.is_quarantined:
        return True
    file = policy.offered(record.detail, wanted.filename)
    if file is None:
        return wanted.index not in record.indexes()
    name, came = wanted.digest or ("sha256", sha256)
    meant = file.hashes.get(name)
    if meant is not None:
        return meant.lower() != came
    if record.sources.get(distribution_of(wanted.filename), record.index) == wanted.index:
        return False
    return bool(file.hashes) or file.url != wanted.url
