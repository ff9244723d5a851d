"""The table: one line for each thing measured, with its target."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

TITLES = ("what", "eggproxy", "reference", "ratio", "target", "")


@dataclass(frozen=True)
class Row:
    """One line: figures as text with their units, and the value that is judged, if one is."""

    what: str
    ours: str
    reference: str = ""
    # What the target is about: the ratio, or the figure itself in the target's unit.
    value: float | None = None
    target: float | None = None
    better: Literal["more", "less"] = "less"
    # The unit of the target; "x" is a ratio and shown in a column of its own.
    unit: str = "x"

    @property
    def verdict(self) -> str:
        """Say whether the target is reached: ok, miss, or nothing where there is none."""
        if self.value is None or self.target is None:
            return ""
        reached = self.value >= self.target if self.better == "more" else self.value <= self.target
        return "ok" if reached else "miss"

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of the line, in the order of `TITLES`."""
        ratio = f"{self.value:.3f}x" if self.value is not None and self.unit == "x" else ""
        sign = ">=" if self.better == "more" else "<="
        target = f"{sign} {self.target:g}{self.unit}" if self.target is not None else ""
        return (self.what, self.ours, self.reference, ratio, target, self.verdict)


def show(rows: Iterable[Row], title: str) -> None:
    """Print the table on standard output, wide enough to be read in a file too."""
    table = Table(*TITLES, title=title, title_justify="left", box=None, pad_edge=False)
    for column in table.columns[1:5]:
        column.justify = "right"
    for row in rows:
        style = {"ok": "green", "miss": "bold red"}.get(row.verdict, "")
        table.add_row(*(Text(cell) for cell in row.cells[:5]), Text(row.verdict, style))
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)
