"""New pages, read and written in a process of their own beside the one that answers.

A page of thousands of files keeps a core busy for a tenth of a second, in which a process of Python
does nothing else. So the server hands what upstream has sent to this process and goes on; what it
gets back is on disk. Whatever goes wrong there, the server does the work itself, as it does where
there is no such process, and tells what is to be told.
"""

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Self

from eggproxy import installers, prefetch
from eggproxy.config import Configuration
from eggproxy.outcome import Taken
from eggproxy.refresh import NewPage
from eggproxy.server import page_memory, page_words, page_work
from eggproxy.server.page_memory import PageMemory, Work
from eggproxy.transfer import Wanted

log = logging.getLogger("eggproxy")

WORTH = 50_000
"""Bytes of a page from which on it is worth the way to another process and back."""

PATIENCE = 60.0
"""Seconds after which a page is given up there: the largest take two."""


class PageProcess:
    """The process, seen from the server; safe to share among threads."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self._pid = pid
        self._connection = connection
        self._memory = PageMemory()
        self._lock = threading.Lock()
        self._alive = True
        self._last_word = 0.0

    @classmethod
    def start(cls, configuration: Configuration) -> Self | None:
        """Fork the process; before there are threads. None where it could outlive the server."""
        if sys.platform != "linux":
            return None
        ours, theirs = socket.socketpair()
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            page_work.run(configuration, theirs, server)
        theirs.close()
        return cls(pid, ours)

    def take(
        self,
        channel: str,
        fetch_ahead: Callable[[Wanted], None],
        new: NewPage,
    ) -> Taken:
        """Have a page that is new read and put in place, or leave that to the caller.

        The caller holds the page's lock. `fetch_ahead` is told as soon as it is known what whoever
        asks for the page will most likely ask for next.
        """
        size = sum(len(page.body) for page in new.pages)
        if not self._alive or size < WORTH or any(page.detail for page in new.pages):
            return Taken.NOT
        known = installers.current(), prefetch.current()
        work = Work(channel, new.name, list(new.pages), new.digest, *known)
        try:
            with ExitStack() as held:
                begun = self._begun(work, held)
                if begun is not None:
                    return self._done(*begun, fetch_ahead, new.give)
        except ConnectionError:
            # It may be that it has failed with this page only.
            if self._has_ended():
                self._give_up()
        except (OSError, ValueError):
            # A DecodeError is a ValueError.
            self._give_up()
        return Taken.NOT

    def _begun(self, work: Work, held: ExitStack) -> tuple[socket.socket, int] | None:
        """Hand a page over; `held` is both, as long as the process is at it.

        Gives the connection by which it is told what becomes of the page, and the memory that it
        lies in. None where that cannot be done.
        """
        try:
            memory = held.enter_context(self._memory.lent())
            page_memory.put_work(memory, work)
            ours, theirs = socket.socketpair()
            held.enter_context(ours).settimeout(PATIENCE)
            with theirs:
                # Not waiting where nobody listens: the page's lock is held.
                descriptors = [theirs.fileno(), memory]
                socket.send_fds(
                    self._connection, [page_words.WORK], descriptors, socket.MSG_DONTWAIT
                )
        except ConnectionError:
            self._give_up()
        except OSError as error:
            # Too many open files, perhaps, or too many pages on their way there.
            log.debug("%s: read by the server itself: %s", work.name, error)
        else:
            return ours, memory
        return None

    def _done(
        self,
        connection: socket.socket,
        memory: int,
        fetch_ahead: Callable[[Wanted], None],
        give: Callable[[bytes], None],
    ) -> Taken:
        """Wait until a page has been taken. Raises OSError, ValueError."""
        while True:
            word = self._word(connection)
            if word == page_words.WANTED:
                _fetch(fetch_ahead, page_words.decode_wanted(page_words.said(connection)))
            elif word == page_words.PAGE:
                give(page_memory.read(memory, page_words.said_number(connection)))
            else:
                return Taken(int.from_bytes(word, "big"))

    def _word(self, connection: socket.socket) -> bytes:
        """Wait for the next word; as long as others hear something, this one has not its turn."""
        while True:
            began = time.monotonic()
            try:
                word = connection.recv(1)
            except TimeoutError:
                if self._last_word < began:
                    raise
                continue
            if not word:
                raise ConnectionResetError
            self._last_word = time.monotonic()
            return word

    def _has_ended(self) -> bool:
        try:
            return not self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _give_up(self) -> None:
        """See that it writes nothing any more."""
        with self._lock:
            if not self._alive:
                return
            self._alive = False
            # Not closed: another thread may be about to use it.
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
            # It may be at work for ever; who ended it otherwise, has.
            with suppress(OSError):
                os.kill(self._pid, signal.SIGKILL)
            with suppress(OSError):
                os.waitpid(self._pid, 0)
        log.warning(
            "the process for new pages (pid %d) has ended; the server reads them itself until it "
            "is restarted: somebody may have killed it, or the machine lacked memory",
            self._pid,
        )


def _fetch(fetch_ahead: Callable[[Wanted], None], wanted: Wanted) -> None:
    try:
        fetch_ahead(wanted)
    except Exception:
        # The page itself must not suffer.
        log.exception("%s: cannot be fetched ahead; please report it", wanted.filename)
