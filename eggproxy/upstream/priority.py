"""Several indexes: who is asked for which project, in which order, and never otherwise.

The first index that has a project is the one that counts, whole: so nobody who gets a name of ours
into another index gets a file into a build of ours (dependency confusion). A name that an index
owns is asked of that index alone. An index that merges adds its files to whatever else there is.
"""

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from eggproxy.errors import EggProxyError
from eggproxy.names import NormalizedName
from eggproxy.upstream.answers import Fetched, Missing, NotModified
from eggproxy.upstream.index import Upstream
from eggproxy.upstream.roles import Known


class Member(NamedTuple):
    """An index among others; `projects` are patterns of the normalized names that it owns."""

    upstream: Upstream
    projects: tuple[str, ...] = ()
    merge: bool = False

    def owns(self, name: str) -> bool:
        """Say whether a name is asked of this index, and of no other."""
        return any(fnmatchcase(name, pattern) for pattern in self.projects)


class Several:
    """Several indexes, the most important first; there is at least one."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self.index = members[0].upstream.index
        self.offline = members[0].upstream.offline

    def of(self, name: NormalizedName | None, home: str | None = None) -> "InOrder":
        """Find who is asked for a page; None stands for the project list, which all are."""
        if name is None:
            return InOrder([each._replace(merge=True) for each in self._members], home)
        owners = [each for each in self._members if each.owns(name)]
        return InOrder(owners or [each for each in self._members if not each.projects], home)

    def named(self, name: str) -> Upstream:
        """Find an index by its name, or the first one."""
        found = (each.upstream for each in self._members if each.upstream.name == name)
        return next(found, self._members[0].upstream)

    def disowns(self, name: NormalizedName, indexes: Collection[str]) -> bool:
        """Say whether one of those indexes, by their names, has no say in a project (any more).

        Of a name that nobody owns, what an index left behind that is not configured any more stays.
        """
        owners = {each.upstream.name for each in self._members if each.owns(name)}
        if owners:
            return not owners.issuperset(indexes)
        return any(each.projects and each.upstream.name in indexes for each in self._members)

    def available(self) -> bool:
        """Say whether all can be asked."""
        return all(each.upstream.available() for each in self._members)

    def is_doubtful(self) -> bool:
        """Say whether one of them is doubtful."""
        return any(each.upstream.is_doubtful() for each in self._members)

    def warm_up(self) -> None:
        """Load what it takes to ask."""
        self._members[0].upstream.warm_up()


class InOrder:
    """Those that are asked for one page, one after the other; for one question, not to be shared.

    Only what is needed counts: of indexes behind the one that has the project nobody asks anything.
    Where that is not known, it may be the first one.
    """

    def __init__(self, members: Sequence[Member], home: str | None) -> None:
        self._members = members
        names = [each.upstream.name for each in members]
        self._home = home if home in names else None
        last = 1 if self._home is None else names.index(self._home) + 1
        self._needed = [
            each.upstream for number, each in enumerate(members) if number < last or each.merge
        ]
        self._merges = any(each.merge for each in members)
        self._asked: list[Upstream] = []
        # With none, every name is owned by somebody else.
        self.index = members[0].upstream.index if members else ""
        self.timeout = max((each.upstream.timeout for each in members), default=1.0)
        self.offline = any(each.offline for each in self._needed)

    @property
    def update_interval(self) -> float | None:
        """Seconds for which the page is fresh: the shortest of those that are asked."""
        found = [each.update_interval for each in self._needed if each.update_interval is not None]
        return min(found, default=None)

    def available(self) -> bool:
        """Say whether all that are needed can be asked."""
        return all(each.available() for each in self._needed)

    def is_doubtful(self) -> bool:
        """Say whether one of them is doubtful."""
        return any(each.is_doubtful() for each in self._needed)

    def refusal(self) -> EggProxyError | None:
        """Make the error for who would ask now; None where that may be."""
        refusals = (each.refusal() for each in self._needed)
        return next((refusal for refusal in refusals if refusal is not None), None)

    def trust(self) -> None:
        """Note that all that were asked have answered with sense."""
        for each in self._asked:
            each.trust()

    def doubt(self, page: str | None, why: str) -> None:
        """Note that the one that was asked last has answered with what makes no sense."""
        for each in self._asked[-1:]:
            each.doubt(page, why)

    def pages(self, name: NormalizedName | None, known: Known) -> Sequence[Fetched] | NotModified:
        """Fetch a page from the first that has it, and from all that merge.

        One that fails fails them all: what it would have said nobody knows. Raises as the
        indexes do, and Missing if none has the project.
        """
        found: list[Fetched] = []
        has_winner = False
        for each in self._members:
            if has_winner and not each.merge:
                continue
            self._asked.append(each.upstream)
            # Only where its page alone is what is stored.
            is_home = each.upstream.name == self._home and not self._merges
            try:
                answer = each.upstream.pages(name, known if is_home else _NOTHING)
            except Missing:
                continue
            if isinstance(answer, NotModified):
                return answer
            found += answer
            has_winner = has_winner or not each.merge
        if not found:
            raise Missing
        return found


class _Nothing(NamedTuple):
    etag: str | None = None
    last_modified: str | None = None


_NOTHING = _Nothing()
