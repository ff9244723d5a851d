"""Requests that Apache has sent before, word for word, and that have the same answer still.

Most of what a stored page costs inside Apache is Python looking at the request. Where all that
matters of it is as it was, and the folder of the page is as it was, there is nothing to look at.
"""

import time
from collections.abc import Callable, Mapping

from eggproxy.apache_request import ApacheRequest
from eggproxy.hot import Key, Prepared
from eggproxy.recalling import Recaller

MAX_KNOWN = 4096
"""How many requests are known at a time."""

LONGEST = 1000
"""How many characters of a request are kept; those of installers take some 300."""

SETTLED = 2.0
"""Seconds for which a folder must have been seen unchanged. Apache tells times in whole seconds,
and a file system's clock is not ours: only after that must another change show another time."""

MOMENT = 0.1
"""Seconds for which it is not asked again whether the answer may be given, as the folder is the
same: an outage, for example, may begin that much later."""

# Whoever sends one of these is answered otherwise, or may be.
_SPECIAL = ("If-None-Match", "Range", "If-Range", "Authorization", "CDN-Loop")

Words = tuple[str | None, ...]
"""All that tells one plain request from another."""


class _Answer:
    """An answer, and what the folder that it lies in looked like."""

    __slots__ = ("changed", "good_until", "inode", "key", "prepared", "recaller", "since")

    def __init__(
        self, recaller: Recaller, key: Key, prepared: Prepared, req: ApacheRequest, now: float
    ) -> None:
        self.recaller = recaller
        self.key = key
        self.prepared = prepared
        self.inode = req.finfo.inode
        self.changed = req.finfo.ctime
        self.since = now
        self.good_until = 0.0


class KnownRequests:
    """The answers to plain requests, by their words; safe to share among threads.

    `clock` gives seconds, and never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: dict[Words, _Answer] = {}

    def recall(self, req: ApacheRequest, words: Words) -> Prepared | None:
        """Recall the answer to a plain request, if nobody has to look at anything."""
        answer = self._answers.get(words)
        if answer is None:
            return None
        # Apache has looked at it for this very request.
        folder = req.finfo
        if folder.ctime != answer.changed or folder.inode != answer.inode:
            return None
        now = self._clock()
        if now < answer.good_until:
            return answer.prepared
        if now - answer.since < SETTLED or not answer.recaller.holds(answer.key, answer.prepared):
            return None
        answer.good_until = now + MOMENT
        return answer.prepared

    def note(
        self, req: ApacheRequest, words: Words, recaller: Recaller, key: Key, prepared: Prepared
    ) -> None:
        """Note the answer to a plain request, if it lies in the folder that Apache looked at."""
        folder = req.filename.rstrip("/")
        if prepared.body is None or prepared.place.rpartition("/")[0] != folder:
            return
        known = self._answers.get(words)
        if (
            known is not None
            and known.prepared is prepared
            and (known.changed, known.inode) == (req.finfo.ctime, req.finfo.inode)
        ):
            # It is on its way to being settled.
            return
        if sum(len(word or "") for word in words) > LONGEST:
            return
        if len(self._answers) >= MAX_KNOWN:
            self._answers.clear()
        self._answers[words] = _Answer(recaller, key, prepared, req, self._clock())


def words_of(req: ApacheRequest, options: Mapping[str, str]) -> Words | None:
    """Take what matters of a request; None if it is not a plain one."""
    header = req.headers_in.get
    if req.method != "GET" or req.header_only:
        return None
    for name in _SPECIAL:
        if header(name) is not None:
            return None
    option = options.get
    return (
        *(req.unparsed_uri, header("Accept"), header("Accept-Encoding"), req.hlist.directory),
        *(option("URLPrefix"), option("EggProxyConfig"), option("EggsDirectory")),
    )
