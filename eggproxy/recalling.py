"""What is stored and fresh, recalled for a request: all that a hit has to decide."""

import functools
import math
from collections.abc import Mapping
from urllib.parse import parse_qs

from eggproxy import paths, policy, responses
from eggproxy.access import Access
from eggproxy.channels import Channel
from eggproxy.errors import EggProxyError
from eggproxy.hot import HotAnswers, Key, Prepared
from eggproxy.negotiation import Preference, prefer
from eggproxy.packages import Packages
from eggproxy.paths import ChannelTarget
from eggproxy.responses import Request

# Clients send some dozens of different Accept headers; an attacker may send any number.
cached_preference = functools.lru_cache(maxsize=512)(prefer)


@functools.lru_cache(maxsize=4096)
def _cached_target(raw_path: bytes, mounted: str | None, channels: frozenset[str]) -> paths.Target:
    target = paths.resolve(paths.decode(raw_path), mounted=mounted, channels=channels)
    return target.target if isinstance(target, ChannelTarget) else target


class Recaller:
    """Recalls answers for those who may have them, while nothing has to be decided."""

    def __init__(
        self,
        hot: HotAnswers,
        access: Access,
        packages: Packages,
        channels: Mapping[str, Channel],
    ) -> None:
        self._hot = hot
        self._access = access
        self._packages = packages
        self._pages = [channel.pages for channel in channels.values()]
        self._channel_names = frozenset(channels)

    def recall(self, request: Request) -> Prepared | None:
        """Recall what is stored and fresh; None if anything has to be decided."""
        if request.method not in {"GET", "HEAD"} or request.query or request.is_excessive:
            return None
        if not (self._access.is_open or self._may_recall(request)):
            return None
        prepared = self._hot.get(hot_key(request))
        if prepared is None or not self.may_answer(prepared):
            return None
        return prepared

    def holds(self, key: Key, prepared: Prepared) -> bool:
        """Say whether an answer recalled before may be given again, if its file is as it was."""
        return (
            self._access.is_open
            and prepared.decided_by is None
            and self._hot.keeps(key, prepared)
            and self.may_answer(prepared)
        )

    def _may_recall(self, request: Request) -> bool:
        """Say whether who asks may surely read; else it has to be decided, which may take time."""
        if len(request.raw_path) > paths.MAX_PATH:
            return False
        try:
            target = _cached_target(request.raw_path, request.mounted, self._channel_names)
        except EggProxyError:
            return False
        return all(self._access.recall(project, request) for project in policy.reads(target))

    def may_answer(self, prepared: Prepared) -> bool:
        """Say whether an answer that is ready may be given now.

        Fresh as it may be, in an outage a page could name files that cannot be had.
        """
        if self._packages.is_due():
            # Once a second somebody has to look for what was put into the folder by hand.
            return False
        if prepared.fresh_until == math.inf:
            return True
        if len(self._pages) == 1:
            return self._pages[0].may_be_hot()
        return all(pages.may_be_hot() for pages in self._pages)


def hot_key(request: Request) -> Key:
    """Give what an answer is prepared for."""
    return request.raw_path, request.mounted, preference_of(request)


def preference_of(request: Request) -> Preference:
    """Say which representation a request prefers."""
    accept = request.accept
    encoding = request.accept_encoding
    if len(accept or "") + len(encoding or "") > responses.MAX_HEADER:
        # It is about to be refused, and must not be remembered.
        accept = encoding = None
    form = None
    if "format=" in request.query:
        form = parse_qs(request.query).get("format", [None])[0]
        # A + that is not quoted means a space there, and media types have none.
        form = form.replace(" ", "+") if form else None
    return cached_preference(accept, encoding, form)
