"""Pages of packages of our own, ready on disk, where no web server finds them by itself."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from eggproxy import render
from eggproxy.model import ProjectDetail, ProjectList
from eggproxy.names import NormalizedName
from eggproxy.negotiation import Form
from eggproxy.store import EggsDirectory, Record, Validators, atomic

_HELD = 10_000
_FORMS: tuple[Form, ...] = ("json", "html")


class _Written(NamedTuple):
    """Facts of which a page was made, and how to tell that it is still that page."""

    facts: object
    signatures: tuple[atomic.Signature, ...]


class Site:
    """Rendered pages in a folder; any number of processes and threads may share it."""

    def __init__(self, folder: Path) -> None:
        self._store = EggsDirectory(folder)
        self._lock = threading.Lock()
        self._written: dict[NormalizedName | None, _Written] = {}
        self._is_prepared = False

    def page(self, project: NormalizedName | None, form: Form, *, packed: bool) -> Path:
        """Name the page of a project, or of the project list (None)."""
        return self._store.page(project, form, packed=packed)

    def have(
        self,
        project: NormalizedName,
        facts: Callable[[], object],
        describe: Callable[[], ProjectDetail],
    ) -> None:
        """Have the page of a project on disk as the facts are now.

        `describe` makes the detail of the facts that were taken last. Raises StorageError.
        """
        if self._is_current(project, facts()):
            return
        self._prepare()
        with self._store.lock(project):
            # What others have changed meanwhile counts: no page is ever replaced by an older one.
            now = facts()
            pages = rendered(describe())
            if not self._is_there(project, pages):
                record = Record(url="", validators=Validators())
                self._store.write(project, pages, record, time.time())
            self._note(project, now)

    def have_list(self, facts: str, projects: Callable[[], ProjectList]) -> None:
        """Have the project list on disk as the facts are now. Raises StorageError, Nonsense."""
        if self._is_current(None, facts):
            return
        self._prepare()
        with self._store.lock(None):
            record = self._store.record(None)
            if record is None or record.url != facts:
                pieces = render.project_list(projects())
                record = Record(url=facts, validators=Validators())
                self._store.write_list(pieces, record, time.time())
            self._note(None, facts)

    def drop(self, project: NormalizedName) -> None:
        """Remove the page of a project, so that nobody goes on serving it. Raises StorageError."""
        self._prepare()
        with self._store.lock(project):
            self._written.pop(project, None)
            for form in _FORMS:
                for packed in (True, False):
                    path = self.page(project, form, packed=packed)
                    with atomic.storage_errors(path):
                        path.unlink(missing_ok=True)

    def _prepare(self) -> None:
        if not self._is_prepared:
            self._store.prepare()
            self._is_prepared = True

    def _is_current(self, project: NormalizedName | None, facts: object) -> bool:
        written = self._written.get(project)
        if written is None or written.facts != facts:
            return False
        try:
            return written.signatures == self._signatures(project)
        except OSError:
            return False

    def _is_there(self, project: NormalizedName, pages: Mapping[Form, bytes]) -> bool:
        same = all(
            atomic.holds(self.page(project, form, packed=False), page)
            for form, page in pages.items()
        )
        return same and self._store.checked(project) is not None

    def _note(self, project: NormalizedName | None, facts: object) -> None:
        with self._lock, atomic.storage_errors(self.page(project, "json", packed=False)):
            if len(self._written) >= _HELD:
                self._written.clear()
            self._written[project] = _Written(facts, self._signatures(project))

    def _signatures(self, project: NormalizedName | None) -> tuple[atomic.Signature, ...]:
        return tuple(
            atomic.signature(self.page(project, form, packed=packed))
            for form in _FORMS
            for packed in (True, False)
        )


def rendered(detail: ProjectDetail) -> dict[Form, bytes]:
    """Render a project's page in each form."""
    return {
        "json": render.project_detail_json(detail),
        "html": render.project_detail_html(detail),
    }


def rendered_list(projects: ProjectList) -> dict[Form, bytes]:
    """Render a project list in each form, at once."""
    pieces = list(render.project_list(projects))
    return {form: b"".join(piece[form] for piece in pieces) for form in _FORMS}
