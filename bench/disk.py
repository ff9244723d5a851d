"""A row for the disk: what a new file costs there, of which a cold page takes five and more.

On ext4 without a journal, as machines for tests often have it, that depends on what was removed in
the minutes before: its inodes are passed over one by one, and a single file can take a second.
TMPDIR can name a place with a journal.
"""

import time

from bench.lab import Lab
from bench.report import Row

_FILES = 500


def new_file(lab: Lab) -> Row:
    """Measure what it takes to make a file, on average and at most; none is removed again."""
    folder = lab.folder("disk")
    took = []
    for number in range(_FILES):
        began = time.perf_counter()
        (folder / str(number)).touch()
        took.append(time.perf_counter() - began)
    mean, most = sum(took) / len(took) * 1e3, max(took) * 1e3
    return Row("a new file on this disk", f"{mean:.3f} ms", f"{most:.1f} ms at most")
