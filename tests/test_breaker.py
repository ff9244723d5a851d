"""When a host is left alone, and when it is asked again."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eggproxy.upstream.breaker import DOUBTS, FIRST, JITTER, LONGEST, LONGEST_ASKED, Breaker
from eggproxy.upstream.circuit import HOSTS, Circuit, Circuits
from eggproxy.upstream.faults import NotAskedError, OutageError

PATIENCE = 21.0
URL = "https://index.example/simple/foo/"


class Clock:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
def breaker() -> Breaker:
    """Have a host of which nothing bad is known."""
    return Breaker(PATIENCE)


@pytest.fixture
def down(breaker: Breaker) -> Breaker:
    """Have a host that was found to be down at 0, without any jitter."""
    breaker.failed(0, 0)
    return breaker


def probe(breaker: Breaker, now: float) -> None:
    """Ask in vain."""
    assert breaker.admit(now) == 0
    breaker.failed(now, 0)


# The state machine.


def test_lapsed__is_doubtful_until_it_answers(down: Breaker) -> None:
    """After a long silence nobody knows: that is no outage, and no reason to trust either."""
    assert not down.is_doubtful(FIRST)
    assert (down.is_open(9), down.is_doubtful(9), down.admit(9)) == (False, True, 0)
    down.succeeded()
    assert not down.is_doubtful(9)


def test_closed__everybody_asks(breaker: Breaker) -> None:
    """A host that is well is asked by everybody, at any time."""
    assert [breaker.admit(now) for now in (0, 0, 0.1, 1e9)] == [0, 0, 0, 0]
    assert not breaker.is_open(0)


def test_open__nobody_asks(down: Breaker) -> None:
    """A host that failed is left alone for a while, and who comes is told for how long."""
    assert down.is_open(0.5)
    assert [down.admit(0), down.admit(0.5)] == [FIRST, FIRST - 0.5]


def test_due__one_asks(down: Breaker) -> None:
    """Then one asks, and the others still do not."""
    assert down.pause(FIRST) == 0
    assert [down.admit(FIRST), down.admit(FIRST), down.admit(FIRST + 9)] == [0, FIRST, FIRST]
    assert down.is_open(FIRST + 9)


def test_due__success_ends_it(down: Breaker) -> None:
    """One success, and everybody asks."""
    down.admit(FIRST)
    down.succeeded()
    assert [down.admit(FIRST), down.admit(FIRST), down.is_open(FIRST)] == [0, 0, False]


def test_due__who_asks_does_not_come_back(down: Breaker) -> None:
    """If whoever asks never tells what came of it, another one may ask after a while."""
    down.admit(FIRST)
    assert down.admit(FIRST + PATIENCE - 0.1) > 0
    assert down.is_open(FIRST + PATIENCE - 0.1)
    assert down.admit(FIRST + PATIENCE) == 0


def test_failed__the_interval_grows(breaker: Breaker) -> None:
    """Each failure of who asks doubles the interval, up to a minute."""
    now, intervals = 0.0, []
    for _interval in range(8):
        probe(breaker, now)
        intervals.append(breaker.pause(now))
        now += intervals[-1]
    assert intervals == [2, 4, 8, 16, 32, LONGEST, LONGEST, LONGEST]


def test_failed__begins_anew_after_a_success(down: Breaker) -> None:
    """After a success the next failure is the first one."""
    probe(down, FIRST)
    down.succeeded()
    probe(down, 50)
    assert down.pause(50) == FIRST


def test_failed__of_many_at_once_the_first_counts(down: Breaker) -> None:
    """Twenty who were under way when it went down make no outage of twenty steps."""
    for chance in (0, 0.5, 1) * 6:
        down.failed(0.1, chance)
    assert down.pause(0.1) == FIRST - 0.1


def test_failed__jitter(breaker: Breaker) -> None:
    """No two processes need ask in step."""
    breaker.failed(0, 1)
    assert breaker.pause(0) == FIRST * (1 + JITTER)


@pytest.mark.parametrize(("wish", "granted"), [(1, FIRST), (45, 45), (1e9, LONGEST_ASKED)])
def test_failed__its_own_wish(breaker: Breaker, wish: float, granted: float) -> None:
    """A host that says when to come again is left alone until then, if that is not for ever."""
    breaker.failed(0, 0, wish)
    assert breaker.pause(0) == granted


def test_lapsed__too_old_to_go_by(down: Breaker) -> None:
    """If nobody came for long, nobody knows: then everybody asks, as of any other host."""
    assert down.is_open(2 * FIRST - 0.1)
    assert not down.is_open(2 * FIRST)
    assert [down.admit(2 * FIRST), down.admit(2 * FIRST)] == [0, 0]
    down.failed(1000, 0)
    assert down.pause(1000) == FIRST


def test_doubted__one_page_is_no_outage(breaker: Breaker) -> None:
    """However often one page makes no sense, that is no matter of the host."""
    for _ in range(50):
        breaker.doubted(0, 0, "foo")
        breaker.doubted(0, 0, None)
    assert not breaker.is_open(0)


def test_doubted__several_in_a_row(breaker: Breaker) -> None:
    """Several different pages in a row are an outage; one that makes sense breaks the row."""
    for page in "ab":
        breaker.doubted(0, 0, page)
    breaker.succeeded()
    for page in "cd":
        breaker.doubted(0, 0, page)
    assert not breaker.is_open(0)
    breaker.doubted(0, 0, "e")
    assert breaker.is_open(0)
    assert DOUBTS == 3


def test_doubted__still_so(breaker: Breaker) -> None:
    """If what comes still makes no sense, the outage goes on, whatever was asked for."""
    for page in "abc":
        breaker.doubted(0, 0, page)
    breaker.admit(FIRST)
    breaker.doubted(FIRST, 0, None)
    assert breaker.pause(FIRST) == 2 * FIRST


def test_doubted__but_there_again(down: Breaker) -> None:
    """A host that was unreachable and answers, be it a 500 for one page, is there again."""
    down.admit(FIRST)
    down.doubted(FIRST, 0, "foo")
    assert not down.is_open(FIRST)


WHAT = st.sampled_from(["admit", "fail", "succeed", "doubt"])
EVENTS = st.lists(st.tuples(WHAT, st.floats(0, 90)))


@given(EVENTS)
def test_ever__asked_again_in_time(events: list[tuple[str, float]]) -> None:
    """Whatever happens, the next question is never further off than the longest interval."""
    breaker, now = Breaker(PATIENCE), 0.0
    for number, (event, seconds) in enumerate(events):
        now += seconds
        match event:
            case "admit":
                assert 0 <= breaker.admit(now) <= LONGEST * (1 + JITTER)
            case "fail":
                breaker.failed(now, 1)
            case "succeed":
                breaker.succeeded()
            case _:
                breaker.doubted(now, 1, str(number))
        assert breaker.pause(now) == 0 or breaker.is_open(now)


# At work among threads.


def outage(circuit: Circuit, **facts: float) -> OutageError:
    """Ask in vain."""
    with pytest.raises(OutageError) as caught, circuit.asking(URL):
        raise OutageError(URL, "cannot be reached", **facts)
    return caught.value


def test_circuit__says_when_to_come(caplog: pytest.LogCaptureFixture) -> None:
    """Who is not let ask is told why, and when to come, which is in a second at least."""
    clock = Clock()
    circuit = Circuit("index.example", PATIENCE, clock)
    assert int(outage(circuit).headers["Retry-After"]) == 5
    clock.now += FIRST - 0.001
    with pytest.raises(NotAskedError, match="cannot be reached; it is asked again in 1 s") as no:
        circuit.asking(URL).__enter__()
    assert no.value.headers == {"Retry-After": "1"}
    assert circuit.is_down()
    assert caplog.text.count("upstream index.example cannot be reached: left alone") == 1


def test_circuit__a_long_wish_is_told_at_once() -> None:
    """Who has just been told 429 and when to come again, tells that on."""
    circuit = Circuit("index.example", PATIENCE, Clock())
    assert outage(circuit, asked_for=90).headers == {"Retry-After": "90"}


def test_circuit__the_end_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """The log has the beginning and the end of an outage, once each."""
    clock = Clock()
    circuit = Circuit("index.example", PATIENCE, clock)
    for interval in (FIRST, 2 * FIRST):
        outage(circuit)
        clock.now += interval * (1 + JITTER)
    with circuit.asking(URL):
        circuit.succeeded()
    circuit.succeeded()
    beginning, end = (record.getMessage() for record in caplog.records)
    assert "left alone" in beginning
    assert end == "upstream index.example answers again"


def test_circuit__one_of_many_threads_asks() -> None:
    """Of many threads that come when an interval is over, exactly one asks."""
    clock = Clock()
    circuit = Circuit("index.example", PATIENCE, clock)
    outage(circuit)
    clock.now += 1.25 * FIRST
    start = threading.Barrier(16)

    def ask() -> bool:
        start.wait()
        try:
            with circuit.asking(URL):
                return True
        except NotAskedError:
            return False

    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(ask) for _ in range(16)]
        assert sum(future.result() for future in asked) == 1


def test_circuits__one_for_each_host_and_not_too_many() -> None:
    """A host has one circuit, and pages that name any number of hosts fill no memory."""
    circuits = Circuits(PATIENCE)
    first = circuits.to("a", "a")
    assert circuits.to("a", "a") is first
    for number in range(HOSTS):
        circuits.to("x", number)
    assert len(circuits._by_host) == HOSTS
