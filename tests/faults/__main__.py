"""`python -m tests.faults [--full]`: all experiments, and their tables in docs/reliability.rst."""

import argparse
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from eggproxy import __version__
from tests.faults import matrix, report, results
from tests.faults.cell import TIMEOUT, Outcome
from tests.faults.results import Row

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.rst"


def main() -> int:
    """Run everything, tell of it meanwhile, and write the tables; 1 if a promise is not kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--full", action="store_true", help="all cells, large files, an hour")
    parser.add_argument(
        "--only", choices=["matrix", "crashes"], help="write nothing, do this alone"
    )
    options = parser.parse_args()
    began = time.monotonic()
    outcomes: list[Outcome] = []
    rows: list[Row] = []
    if options.only != "crashes":
        chosen = matrix.cells() if options.full else matrix.selection()
        patience = 90 if options.full else 15
        outcomes = matrix.run(chosen, wait=15, patience=patience, tell=_tell_cell)
    if options.only != "matrix":
        rows = results.run(full=options.full, tell=_tell_row)
    if options.only is None:
        when = _when(time.monotonic() - began, full=options.full)
        report.insert(DOCUMENT, report.write(when, outcomes, rows))
    return 1 if any(each.problems for each in outcomes) or not all(row.kept for row in rows) else 0


def _when(seconds: float, *, full: bool) -> str:
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=DOCUMENT.parent,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return (
        f"{'The full run' if full else 'A short run'} of {datetime.now(tz=UTC):%Y-%m-%d}, eggproxy "
        f"{__version__} ({revision or 'no revision'}), Python {platform.python_version()}, "
        f"{platform.system()}, ``timeout = {TIMEOUT:.0f}``, in {seconds / 60:.0f} minutes."
    )


def _tell_cell(outcome: Outcome) -> None:
    problems = f" WRONG: {'; '.join(outcome.problems)}" if outcome.problems else ""
    _say(f"{' / '.join(outcome.cell)}: {outcome.first.status}{problems}")


def _tell_row(row: Row) -> None:
    _say(f"{row.experiment}: {row.seen}{'' if row.kept else ' NOT AS PROMISED'}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
