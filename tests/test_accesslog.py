"""One line for each request."""

import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eggproxy.accesslog import AccessLog, line, timestamp

NOW = "2026-01-02T03:04:05+0000"


def written(**facts: Any) -> str:
    """Write a line about a request like most."""
    usual: dict[str, Any] = {
        "now": NOW,
        "client": "127.0.0.1",
        "method": "GET",
        "path": b"/pypi/foo/",
        "status": 200,
        "size": 314,
        "cache_status": "hit",
        "seconds": 0.00123,
        "agent": b"pip/26.3",
    }
    return line(**usual | facts)


def test_line__all_columns() -> None:
    """A line says when, who, what, how it was answered, how long it took."""
    assert written() == f"{NOW} 127.0.0.1 GET /pypi/foo/ 200 314 [hit] 1.2ms pip/26.3\n"


def test_line__nothing_to_say() -> None:
    """What is not known is a dash."""
    said = written(size="-", cache_status="", agent=b"-")
    assert said == f"{NOW} 127.0.0.1 GET /pypi/foo/ 200 - [-] 1.2ms -\n"


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.binary(max_size=40), st.text(max_size=10), st.binary(max_size=200))
def test_line__is_one_printable_line(path: bytes, method: str, agent: bytes) -> None:
    """Control characters, in whatever place, neither break the line nor reach a terminal."""
    said = written(path=path, method=method, agent=agent)
    assert said.endswith("\n")
    assert said[:-1].isprintable()


def test_line__long_agents_are_cut() -> None:
    """A client cannot fill the disk with its name."""
    assert len(written(agent=b"x" * 100_000)) < 300


def test_timestamp__iso() -> None:
    """Times are in ISO 8601, with their offset."""
    assert re.fullmatch(r"2023-11-1[45]T\d\d:\d\d:\d\d[+-]\d{4}", timestamp(1_700_000_000))


@pytest.fixture
def calls() -> list[tuple[float, Callable[[], None]]]:
    """Hold what the log wants to be called later."""
    return []


def test_access_log__several_at_a_time(calls: list[tuple[float, Callable[[], None]]]) -> None:
    """Lines are gathered, in order, and one call is asked for, within a tenth of a second."""
    reading, writing = os.pipe()
    log = AccessLog(writing)
    for entry in ("one\n", "zwö\n", "three\n"):
        log.add(entry, lambda seconds, call: calls.append((seconds, call)))
    ((seconds, flush),) = calls
    assert seconds <= 0.1
    flush()
    os.close(writing)
    with os.fdopen(reading, "rb") as lines:
        assert lines.read().decode() == "one\nzwö\nthree\n"


def test_access_log__again_after_a_flush(calls: list[tuple[float, Callable[[], None]]]) -> None:
    """After a flush the next line asks for the next call; a flush of nothing writes nothing."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  a name, not a path
        log = AccessLog(nowhere.fileno())
        for _ in range(2):
            log.add("line\n", lambda seconds, call: calls.append((seconds, call)))
            log.flush()
            log.flush()
    assert len(calls) == 2


def test_access_log__nobody_reads() -> None:
    """A log that cannot be written stops nothing, and is not kept in memory."""
    reading, writing = os.pipe()
    os.close(reading)
    log = AccessLog(writing)
    log.add("line\n", lambda *_: None)
    log.flush()
    os.close(writing)
    assert log._lines == []


def test_access_log__now() -> None:
    """The time of a line is that of the clock, in the form of all lines."""
    log = AccessLog()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", log.now())
