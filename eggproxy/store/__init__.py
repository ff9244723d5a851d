"""The eggs directory: the only modules that open files.

What stands under a final name is whole: everything is written elsewhere and renamed into place.
"""

from eggproxy.store.directory import EggsDirectory
from eggproxy.store.pages import PageKind
from eggproxy.store.partial import Partial, Tail, Writer
from eggproxy.store.record import Gone, Record, Validators

__all__ = ["EggsDirectory", "Gone", "PageKind", "Partial", "Record", "Tail", "Validators", "Writer"]
