"""A mixed load of pages, files and metadata, whose clients check all that they get."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence

from tests.distributions import make_wheel
from tests.faults.verdict import Seen, Truth, look
from tests.upstream import Upstream


class Publisher:
    """Publishes projects with small files, and new releases of them, and knows the truth."""

    def __init__(self, upstream: Upstream, projects: int, *, size: int) -> None:
        self.truth = Truth()
        self.names = [f"project-{number}" for number in range(projects)]
        self._upstream = upstream
        self._size = size
        self._lock = threading.Lock()
        self._releases: Counter[str] = Counter()
        for name in self.names:
            self.release(name)

    def release(self, name: str) -> None:
        """Publish a new release of a project."""
        with self._lock:
            self._releases[name] += 1
            version = f"{self._releases[name]}.0"
            wheel = make_wheel(name, version, size=self._size)
            # The truth first: a page may be read in the same moment.
            self.truth.add(name, wheel.filename, wheel.content)
            self.truth.add(name, f"{wheel.filename}.metadata", wheel.metadata)
            # Pages are written from this dictionary in other threads: it is never changed.
            project = self._upstream.projects.get(name)
            if project is not None:
                project.files = dict(project.files)
            self._upstream.add(name, wheel.filename, wheel.content, metadata=wheel.metadata)


class Clients:
    """Threads that ask the proxies in turn until `stop`; `problems` are wrong answers.

    A 404 is always wrong: upstream has all that its pages name. With `steadfast` an answer that was
    once a 200 must be one for ever; without, every answer that comes at all must be one. They wait
    `pause` seconds after each answer, and give up waiting after `patience` seconds.
    """

    def __init__(
        self, publisher: Publisher, urls: Sequence[str], *, steadfast: bool, pause: float = 0.0
    ) -> None:
        self.problems: list[str] = []
        self.statuses: Counter[int | str] = Counter()
        self.slowest = 0.0
        self._publisher = publisher
        self._urls = urls
        self._steadfast = steadfast
        self._pause = pause
        self._had: set[str] = set()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, count: int, *, patience: float) -> None:
        """Begin, with so many clients."""
        for number in range(count):
            thread = threading.Thread(target=self._ask, args=(number, patience), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Let all end what they are at."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int, patience: float) -> None:
        chance = random.Random(number + time.monotonic_ns())  # noqa: S311
        while not self._stopping.is_set():
            url = chance.choice(self._urls)
            page = f"/pypi/{chance.choice(self._publisher.names)}/"
            if chance.random() < 0.05:
                page = "/pypi/"
            seen = self._look(url, page, patience)
            for path in _some_files(page, seen, chance):
                self._look(url, path, patience)
            self._stopping.wait(self._pause)

    def _look(self, url: str, path: str, patience: float) -> Seen:
        known = path in self._had
        seen = look(url, path, patience)
        self.statuses[seen.status] += 1
        wrong = self._publisher.truth.wrong(path, seen)
        if wrong:
            self.problems.append(f"{path}: {wrong}")
        if seen.status == 200:
            self._had.add(path)
        if known:
            self.slowest = max(self.slowest, seen.seconds)
        if self._is_lost(seen, known=known):
            self.problems.append(f"{path}: {seen.status} {seen.body[:200]!r}")
        return seen

    def _is_lost(self, seen: Seen, *, known: bool) -> bool:
        if self._steadfast:
            return seen.status == 404 or (known and seen.status != 200)
        return isinstance(seen.status, int) and seen.status != 200


def _some_files(page: str, seen: Seen, chance: random.Random) -> list[str]:
    """Choose a file that a page lists, and its metadata."""
    if seen.status != 200 or page == "/pypi/":
        return []
    try:
        files = json.loads(seen.body)["files"]
    except (ValueError, KeyError):
        return []
    if not files:
        return []
    file = chance.choice(files)
    paths = [f"{page}{file['filename']}"]
    paths += [f"{paths[0]}.metadata"] if file.get("core-metadata") else []
    return paths[: chance.randint(0, len(paths))]
