"""Turns: one at a time, the smallest first."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from eggproxy import turns as turns_module
from eggproxy.turns import PUT_OFF, Turns
from tests.servers import wait_until


def test_turn__smallest_first() -> None:
    """Of those that wait, the one with the least to do is next, and never two at once."""
    turns, order, gate = Turns(), list[int](), threading.Event()

    def work(size: int) -> None:
        with turns.turn(size):
            order.append(size)
            gate.wait(30)

    with ThreadPoolExecutor(5) as pool:
        pool.submit(work, 9)
        wait_until(lambda: order == [9])
        for size in (5, 3, 7, 3):
            pool.submit(work, size)
        wait_until(lambda: len(turns._waiting) == 4)
        assert order == [9]
        gate.set()
    assert order == [9, 3, 3, 5, 7]


def test_turn__is_asked_for() -> None:
    """Work is asked for until it gives way, and so is what waits to begin."""
    turns, begun = Turns(), threading.Event()

    def work() -> None:
        with turns.turn(1):
            begun.set()

    assert not turns.is_asked_for()
    with ThreadPoolExecutor() as pool, turns.turn(2) as turn:
        assert turns.is_asked_for()
        pool.submit(work)
        wait_until(lambda: len(turns._waiting) == 1)
        assert not begun.is_set()
        turn.give_way()
        assert begun.is_set()
        # What is left of it now is only put off.
        assert not turns.is_asked_for()
    assert not turns.is_asked_for()


def test_turn__ends_with_an_error() -> None:
    """A turn that ends with an error is over."""
    turns = Turns()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), turns.turn(1):
            print(1 / 0)  # noqa: T201
    with turns.turn(2):
        assert turns._waiting == []


def halves(turns: Turns, sizes: list[int], first: int) -> list[str]:
    """Do work of these sizes in two halves each, the first begun before the others wait."""
    order, gate = list[str](), threading.Event()

    def work(size: int) -> None:
        with turns.turn(size) as turn:
            order.append(f"{size} begun")
            gate.wait(30)
            turn.give_way()
            order.append(f"{size} done")

    with ThreadPoolExecutor(len(sizes) + 1) as pool:
        pool.submit(work, first)
        wait_until(lambda: len(order) == 1)
        for size in sizes:
            pool.submit(work, size)
        wait_until(lambda: len(turns._waiting) == len(sizes))
        gate.set()
    return order


def test_give_way__all_begin_before_any_is_done() -> None:
    """What nobody waits for is done when all that somebody waits for is."""
    begun = ["5 begun", "3 begun", "9 begun"]
    # The largest finds nobody who waits to begin, and the rest of two smaller ones.
    assert halves(Turns(), [9, 3], 5) == [*begun, "3 done", "5 done", "9 done"]


def test_give_way__not_with_too_much_put_off() -> None:
    """Work whose rest would take too much memory while it waits is done at once."""
    order = halves(Turns(), [PUT_OFF, 3], PUT_OFF - 1)
    assert order[:2] == [f"{PUT_OFF - 1} begun", "3 begun"]
    assert order.index("3 done") < order.index(f"{PUT_OFF} begun")


def test_give_way__to_nobody() -> None:
    """Where nobody waits, it goes on at once."""
    with Turns().turn(5) as turn:
        turn.give_way()


def test_give_way__not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was put off is next after a while, whatever else has come."""
    monkeypatch.setattr(turns_module, "PUT_OFF_FOR", 0.01)
    turns, order, gate = Turns(), list[str](), threading.Event()

    def put_off() -> None:
        with turns.turn(9) as turn:
            order.append("begun")
            wait_until(lambda: len(turns._waiting) == 1)
            turn.give_way()
            order.append("done")

    def work(size: int) -> None:
        with turns.turn(size):
            order.append(f"other {size}")
            gate.wait(30)

    with ThreadPoolExecutor(3) as pool:
        pool.submit(put_off)
        wait_until(lambda: order == ["begun"])
        pool.submit(work, 5)
        wait_until(lambda: order == ["begun", "other 5"])
        pool.submit(work, 3)
        wait_until(lambda: len(turns._waiting) == 2 and turns._waiting[0][1] == 0)
        gate.set()
    assert order == ["begun", "other 5", "done", "other 3"]
