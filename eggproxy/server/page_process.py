"""New pages, read and written in a process of their own beside the one that answers.

A page of thousands of files keeps a core busy for a tenth of a second, in which a process of Python
does nothing else. So the server hands what upstream has sent to this process and goes on; what it
gets back is on disk. Whatever goes wrong there, the server does the work itself, as it does where
there is no such process, and tells what is to be told.
"""

import ctypes
import functools
import gc
import logging
import mmap
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from contextvars import ContextVar
from typing import NoReturn, Self

import msgspec

from eggproxy import installers, prefetch
from eggproxy.channels import refreshers
from eggproxy.config import Configuration
from eggproxy.model import ProjectDetail
from eggproxy.names import NormalizedName
from eggproxy.outcome import Taken
from eggproxy.refresh import NewPage, Refresher
from eggproxy.server import memory
from eggproxy.store import Record
from eggproxy.transfer import Wanted
from eggproxy.turns import Turn, Turns
from eggproxy.upstream import Fetched

log = logging.getLogger("eggproxy")

WORTH = 50_000
"""Bytes of a page from which on it is worth the way to another process and back."""

PATIENCE = 60.0
"""Seconds after which a page is given up there: the largest take two."""

_NAME = b"eggproxy-pages"
_STANDARD_ERROR = 2
# Of Linux's prctl.h.
_SET_DEATH_SIGNAL, _SET_NAME = 1, 15


class _Work(msgspec.Struct, frozen=True):
    """A page that is new, and of which channel it is."""

    channel: str
    name: NormalizedName
    pages: list[Fetched]
    digest: str
    user_agent: str
    specifier: str


_WORK = b"j"

_connection: ContextVar[socket.socket] = ContextVar("connection")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Work).decode
_decode_wanted = msgspec.msgpack.Decoder(Wanted).decode

# What is said before the page is in place: what will most likely be asked for next, and the page.
_WANTED, _PAGE = b"w", b"p"


class PageProcess:
    """The process, seen from the server; safe to share among threads."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self._pid = pid
        self._connection = connection
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
            _run(configuration, theirs, server)
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
        work = _Work(channel, new.name, list(new.pages), new.digest, *known)
        connection = self._begun(work)
        if connection is None:
            return Taken.NOT
        try:
            with connection:
                return self._done(connection, fetch_ahead, new.give)
        except ConnectionError:
            # It may be that it has failed with this page only.
            if self._has_ended():
                self._give_up()
        except (OSError, ValueError):
            # A DecodeError is a ValueError.
            self._give_up()
        return Taken.NOT

    def _begun(self, work: _Work) -> socket.socket | None:
        """Hand a page over, and give the connection by which it is told what becomes of it.

        Not by the connection, through which a large page would go in twenty pieces, after each of
        which this thread would wait for its turn. None where that cannot be done.
        """
        with ExitStack() as undo:
            try:
                ours, theirs = socket.socketpair()
                undo.enter_context(ours).settimeout(PATIENCE)
                with theirs:
                    self._send(work, theirs)
            except ConnectionError:
                self._give_up()
            except OSError as error:
                # Too many open files, perhaps, or too many pages on their way there.
                log.debug("%s: read by the server itself: %s", work.name, error)
            else:
                undo.pop_all()
                return ours
        return None

    def _send(self, work: _Work, theirs: socket.socket) -> None:
        with open(os.memfd_create("page"), "wb", buffering=0) as sent:  # noqa: PTH123
            rest = memoryview(_encode(work))
            while rest:
                rest = rest[sent.write(rest) :]
            descriptors = [theirs.fileno(), sent.fileno()]
            # Not waiting where nobody listens: the page's lock is held.
            socket.send_fds(self._connection, [_WORK], descriptors, socket.MSG_DONTWAIT)

    def _done(
        self,
        connection: socket.socket,
        fetch_ahead: Callable[[Wanted], None],
        give: Callable[[bytes], None],
    ) -> Taken:
        """Wait until a page has been taken. Raises OSError, ValueError."""
        while True:
            word = self._word(connection)
            if word == _WANTED:
                _fetch(fetch_ahead, _decode_wanted(_said(connection)))
            elif word == _PAGE:
                give(bytes(_said(connection)))
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


def _said(connection: socket.socket) -> bytearray:
    """Take what follows a word, whole. Raises OSError."""
    said = _receive(connection)
    if said is None:
        raise ConnectionResetError
    return said


def _fetch(fetch_ahead: Callable[[Wanted], None], wanted: Wanted) -> None:
    try:
        fetch_ahead(wanted)
    except Exception:
        # The page itself must not suffer.
        log.exception("%s: cannot be fetched ahead; please report it", wanted.filename)


def _run(configuration: Configuration, connection: socket.socket, server: int) -> NoReturn:
    """Be the process, as long as the server is there."""
    try:
        _settle(connection, server)
        memory.keep_memory_together()
        takers = refreshers(configuration)
        if configuration.prefetch_metadata:
            for taker in takers.values():
                taker.on_read = _tell
        memory.relieve_collector()
        turns = Turns()
        while True:
            word, descriptors, _flags, _address = socket.recv_fds(connection, 1, 2)
            if not word:
                break
            _start(functools.partial(_take, takers, turns), descriptors)
    except OSError:
        # The server has gone.
        pass
    finally:
        os._exit(0)


def _start(take: Callable[[int, int], None], descriptors: list[int]) -> None:
    """Begin with a page; if that cannot be done, the server hears that its connection ends."""
    try:
        told, work = descriptors
        threading.Thread(target=take, args=(told, work), daemon=True).start()
    except (ValueError, RuntimeError):
        # Too many open files, or threads.
        for descriptor in descriptors:
            os.close(descriptor)


def _take(takers: Mapping[str, Refresher], turns: Turns, told: int, work: int) -> None:
    """Take a page that lies in memory, and tell over a connection what becomes of it."""
    with (
        suppress(OSError),
        open(work, "rb", buffering=0),
        socket.socket(fileno=told) as connection,
    ):
        # What waits is in nobody's memory a second time.
        with turns.turn(os.fstat(work).st_size) as turn:
            taken = _taken(takers, turn, connection, work)
        connection.sendall(bytes([taken.value]))


def _taken(
    takers: Mapping[str, Refresher], turn: Turn, connection: socket.socket, work: int
) -> Taken:
    try:
        with mmap.mmap(work, 0, prot=mmap.PROT_READ) as sent:
            job = _decode(sent)
        installers.enter(job.user_agent)
        prefetch.enter(job.specifier)
        _connection.set(connection)
        give = functools.partial(_say, connection, _PAGE)
        new = NewPage(job.name, job.pages, job.digest, give)
        return takers[job.channel].take_new(new, turn.give_way)
    except Exception:  # noqa: BLE001  the server meets it too, and tells of it
        return Taken.NOT


def _tell(detail: ProjectDetail, record: Record) -> None:
    """Tell the server what it can fetch meanwhile."""
    wanted = prefetch.next_wanted(detail, record)
    if wanted is not None:
        # First written, then announced: nobody is to wait for what cannot be written.
        _say(_connection.get(), _WANTED, _encode(wanted))


def _say(connection: socket.socket, word: bytes, what: bytes) -> None:
    connection.sendall(word)
    _send(connection, what)


def _settle(connection: socket.socket, server: int) -> None:
    """Leave to the server what is the server's: its sockets, its signals."""
    signal.set_wakeup_fd(-1)
    # Whoever ends all of them means the server, which needs its pages until it has ended.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # When the server is gone, so is its lock on what is written here: an instant before.
    prctl = ctypes.CDLL(None).prctl
    prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    prctl(_SET_NAME, _NAME, 0, 0, 0)
    if os.getppid() != server:
        raise ProcessLookupError
    # What is inherited and never used again is not looked at, nor closed a second time.
    gc.freeze()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  numbers, not paths
        if int(name) > _STANDARD_ERROR and int(name) != connection.fileno():
            with suppress(OSError):
                os.close(int(name))


def _send(connection: socket.socket, data: bytes) -> None:
    connection.sendall(len(data).to_bytes(8, "big"))
    connection.sendall(data)


def _receive(connection: socket.socket) -> bytearray | None:
    """Take what was sent; None when there is nobody any more who could send."""
    head = _exactly(connection, 8)
    return None if head is None else _exactly(connection, int.from_bytes(head, "big"))


def _exactly(connection: socket.socket, size: int) -> bytearray | None:
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        count = connection.recv_into(rest)
        if not count:
            return None
        rest = rest[count:]
    return data
