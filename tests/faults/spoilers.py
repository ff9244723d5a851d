"""Answers that are spoilt: with each of them an upstream lies, or talks nonsense."""

import random
from collections.abc import Callable

from tests.upstream import Answer, Request

NO_HTTP = 0
"""The status of an answer whose body is all that is sent."""

PORTAL = b"""<!DOCTYPE html><html><head><title>Welcome to the airport</title></head><body>
<form action="/login"><input name="room"></form><a href="/terms">Terms of use</a></body></html>"""


def _portal(_request: Request, _answer: Answer) -> Answer:
    return Answer(200, {"Content-Type": "text/html; charset=utf-8"}, PORTAL)


def _empty(_request: Request, _answer: Answer) -> Answer:
    return Answer(200, {"Content-Type": "text/html; charset=utf-8"})


def _loop(request: Request, _answer: Answer) -> Answer:
    return Answer(302, {"Location": request.target})


def _garbage(_request: Request, answer: Answer) -> Answer:
    """Noise of the right length and type, under validators of its own."""
    headers = {"Content-Type": answer.headers.get("Content-Type", "text/html"), "ETag": '"noise"'}
    return Answer(200, headers, random.Random(0).randbytes(max(200, len(answer.body))))  # noqa: S311


def _wrong(request: Request, answer: Answer) -> Answer:
    """Other bytes, as many; what is spoilt in a page nobody could tell."""
    if request.kind not in {"file", "metadata"} or not answer.body:
        return answer
    middle = len(answer.body) // 2
    body = answer.body[:middle] + bytes([answer.body[middle] ^ 1]) + answer.body[middle + 1 :]
    return Answer(answer.status, answer.headers, body)


def _not_http(_request: Request, _answer: Answer) -> Answer:
    return Answer(NO_HTTP, {}, random.Random(1).randbytes(400))  # noqa: S311


SPOILERS: dict[str, Callable[[Request, Answer], Answer]] = {
    "captive portal": _portal,
    "empty 200": _empty,
    "redirect loop": _loop,
    "garbage": _garbage,
    "wrong digest": _wrong,
    "not HTTP": _not_http,
}
"""How an answer is spoilt, by the name of the fault."""
