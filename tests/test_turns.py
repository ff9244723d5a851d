"""Turns: one at a time, the smallest first."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from eggproxy.turns import Turns
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


def test_turn__ends_with_an_error() -> None:
    """A turn that ends with an error is over."""
    turns = Turns()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), turns.turn(1):
            print(1 / 0)  # noqa: T201
    with turns.turn(2):
        assert turns._waiting == []
