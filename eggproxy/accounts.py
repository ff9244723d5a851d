"""What another user of this machine may do with a path, told from modes and owners."""

import grp
import os
import pwd
import stat
from pathlib import Path
from typing import NamedTuple, Self

READ = 0o5
WRITE = 0o7
"""What it takes to read, or to write, a directory."""
READ_FILE = 0o4


class Account(NamedTuple):
    """A user, with all groups."""

    name: str
    uid: int
    gids: frozenset[int]

    @classmethod
    def named(cls, name: str) -> Self | None:
        """Look a user up; None if there is no such user."""
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            return None
        groups = [group.gr_gid for group in grp.getgrall() if name in group.gr_mem]
        return cls(name, user.pw_uid, frozenset([user.pw_gid, *groups]))

    def barred_at(self, path: Path, wanted: int) -> Path | None:
        """Find where the way to a path ends for this user; None if it does not.

        `wanted` are the mode bits that it takes at the path itself; on the way to it there
        must be x. What we cannot look at ourselves counts as open. Access lists are not read.
        """
        path = Path(os.path.realpath(path))
        ways = ((parent, stat.S_IXOTH) for parent in reversed(path.parents))
        for place, bits in (*ways, (path, wanted)):
            if not self._may(place, bits):
                return place
        return None

    def _may(self, path: Path, bits: int) -> bool:
        try:
            facts = path.stat()
        except OSError:
            return True
        if self.uid == 0:
            return True
        groups = 3 if facts.st_gid in self.gids else 0
        shift = 6 if facts.st_uid == self.uid else groups
        return (facts.st_mode >> shift) & bits == bits
