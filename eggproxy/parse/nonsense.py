"""What is raised for an answer that cannot be what was asked for."""


class Nonsense(Exception):  # noqa: N818 (it reads as it is said: `except parse.Nonsense`)
    """Upstream answered with success, but not with an index page.

    `why` is a clause that follows upstream's address in a sentence: "sent broken JSON".
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def quoted(text: str) -> str:
    """Quote a word of upstream's for a `why`: one line, ASCII, not long."""
    return f'"{text[:40]}"'.encode("ascii", "replace").decode().replace("\n", " ")
