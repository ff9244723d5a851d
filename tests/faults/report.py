"""The tables of docs/reliability.rst, between its markers; all else there is written by hand."""

from collections.abc import Sequence
from pathlib import Path

from tests.faults.cell import Cell, Kind, Outcome, State
from tests.faults.matrix import KINDS, STATES
from tests.faults.results import Row
from tests.faults.verdict import Seen

BEGIN = ".. begin: written by make faults\n"
END = ".. end: written by make faults\n"

TITLES: dict[State, str] = {
    "nothing": "Nothing is stored",
    "page": "The page is stored and fresh; what it names is not",
    "stale": "All is stored; the pages are stale",
    "fresh": "All is stored and fresh",
}
_HEADINGS: dict[Kind, str] = {
    "page": "page",
    "list": "project list",
    "file": "file",
    "metadata": ".metadata",
}


def insert(path: Path, text: str) -> None:
    """Put new tables between the markers of a document. Raises ValueError without markers."""
    old = path.read_text()
    before, _, rest = old.partition(BEGIN)
    _, marker, after = rest.partition(END)
    if not marker:
        raise ValueError(f"{path} lacks a marker")
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def write(when: str, outcomes: Sequence[Outcome], rows: Sequence[Row]) -> str:
    """Write all tables; `when` says of what run they are."""
    wrong = sum(bool(outcome.problems) for outcome in outcomes)
    slow = [outcome for outcome in outcomes if not outcome.recovered]
    parts = [
        when,
        (f"{len(outcomes)} cells, {wrong} with a wrong answer, "
        f"{len(slow)} not back in the time waited."),
        *(_matrix(state, outcomes) for state in STATES),
        *_told(outcomes),
        "Crashes, disks and time\n~~~~~~~~~~~~~~~~~~~~~~~",
        _table(["experiment", "seen", "as promised"],
               [[row.experiment, row.seen, "yes" if row.kept else "**no**"] for row in rows]),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _matrix(state: State, outcomes: Sequence[Outcome]) -> str:
    found = {outcome.cell: outcome for outcome in outcomes if outcome.cell.state == state}
    kinds = [kind for kind in KINDS if any(cell.kind == kind for cell in found)]
    faults = list(dict.fromkeys(cell.fault for cell in found))
    rows = [
        [fault, *(_cell(found.get(Cell(fault, kind, state))) for kind in kinds)] for fault in faults
    ]
    title = TITLES[state]
    head = ["fault", *(_HEADINGS[kind] for kind in kinds)]
    return f"{title}\n{'~' * len(title)}\n\n{_table(head, rows)}" if rows else ""


def _cell(outcome: Outcome | None) -> str:
    if outcome is None:
        return "not asked"
    text = f"{_seen(outcome.first)}, {_seen(outcome.again)}"
    if outcome.other is not None:
        text += f", {_seen(outcome.other)}"
    if outcome.cell.state in {"nothing", "page"}:
        text += f"; {outcome.disk}"
    waited = f"not within {outcome.waited:.0f} s"
    back = waited if outcome.recovery is None else f"after {outcome.recovery:.1f} s"
    return f"{text}; back {back}{' **wrong**' if outcome.problems else ''}"


def _seen(seen: Seen) -> str:
    time = f"{seen.seconds:.1f} s" if seen.seconds >= 0.5 else f"{seen.seconds * 1000:.0f} ms"
    return f"{seen.status} {time}"


def _told(outcomes: Sequence[Outcome]) -> list[str]:
    wrong = [outcome for outcome in outcomes if outcome.problems]
    if not wrong:
        return []
    lines = [
        f"* {' / '.join(each.cell)}: {'; '.join(dict.fromkeys(each.problems))}" for each in wrong
    ]
    return ["What was wrong\n~~~~~~~~~~~~~~", "\n".join(lines)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a list table: its cells may be of any length."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (head, *rows):
        for number, cell in enumerate(row):
            lines.append(f"   {'* -' if number == 0 else '  -'} {cell}")
    return "\n".join(lines)
