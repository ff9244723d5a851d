"""What the process for new pages does: reads them, writes them, and tells the server of it."""

import ctypes
import functools
import gc
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import NoReturn

from eggproxy import installers, prefetch
from eggproxy.channels import refreshers
from eggproxy.config import Configuration
from eggproxy.model import ProjectDetail
from eggproxy.outcome import Taken
from eggproxy.refresh import NewPage, Refresher
from eggproxy.server import memory, page_memory, page_words
from eggproxy.server.page_memory import Work
from eggproxy.store import Record
from eggproxy.turns import Turns

_NAME = b"eggproxy-pages"
_STANDARD_ERROR = 2
# Of Linux's prctl.h.
_SET_DEATH_SIGNAL, _SET_NAME = 1, 15

_connection: ContextVar[socket.socket] = ContextVar("connection")


def run(configuration: Configuration, connection: socket.socket, server: int) -> NoReturn:
    """Be the process, as long as the server is there."""
    try:
        _settle(connection, server)
        memory.keep_memory_together()
        takers = refreshers(configuration)
        if configuration.prefetch_metadata:
            for taker in takers.values():
                taker.on_read = _tell
                taker.likely = prefetch.likely
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
        _connection.set(connection)
        connection.sendall(bytes([_taken(takers, turns, work).value]))


def _taken(takers: Mapping[str, Refresher], turns: Turns, work: int) -> Taken:
    try:
        is_told = turns.is_asked_for() and _tell_likely(takers, work)
        with turns.turn(page_memory.size_of(work)) as turn:
            job = _begun(work)
            new = NewPage(job.name, job.pages, job.digest, functools.partial(_give, work))
            return takers[job.channel].take_new(new, turn.give_way, is_told=is_told)
    except Exception:  # noqa: BLE001  the server meets it too, and tells of it
        return Taken.NOT


def _tell_likely(takers: Mapping[str, Refresher], work: int) -> bool:
    """Tell of the files that matter most; what waits is in nobody's memory a second time."""
    job = _begun(work)
    return takers[job.channel].tell_likely(job.name, job.pages)


def _begun(work: int) -> Work:
    """Begin with a page that lies in memory, on behalf of whoever asks for it."""
    job = page_memory.work_in(work)
    installers.enter(job.user_agent)
    prefetch.enter(job.specifier)
    return job


def _give(work: int, page: bytes) -> None:
    """Give the server a page, in the memory where the work was that is being done."""
    page_memory.put_page(work, page)
    page_words.say_number(_connection.get(), page_words.PAGE, len(page))


def _tell(detail: ProjectDetail, record: Record) -> bool:
    """Tell the server what it can fetch meanwhile, if there is anything."""
    wanted = prefetch.next_wanted(detail, record)
    if wanted is not None:
        # First written, then announced: nobody is to wait for what cannot be written.
        said = page_words.encode(wanted)
        page_words.say(_connection.get(), page_words.WANTED, said)
    return wanted is not None


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
