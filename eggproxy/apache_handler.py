"""Apache's mod_python: `PythonFixupHandler eggproxy.apache_handler::fixup_handler`.

Loading this module loads next to nothing: mod_python puts the directory of its handler, which is
the eggs directory, at the head of `sys.path`, and whoever then tries `import simplejson` would get
the folder of that project for an (empty) package. So it is hidden first, then the rest is loaded.
"""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from eggproxy.flights import launch

if TYPE_CHECKING:
    from eggproxy.apache_request import ApacheRequest


def fixup_handler(req: "ApacheRequest") -> int:
    """Answer a request, or tell Apache which file to serve; see `eggproxy.apache_fronts.handle`."""
    directory = req.hlist.directory
    if directory not in _hidden:
        hide(directory)
    return (_handle.loaded or _handle.load())(req)


def preload() -> None:
    """Load all that is needed, for `PythonImport eggproxy.apache_handler::preload INTERPRETER`."""
    _handle.load()


def hide(directory: str | None) -> None:
    """Let imports pass over a directory that mod_python has put into `sys.path`."""
    if directory and directory not in _hidden:
        _hidden.add(directory)
        sys.path_importer_cache[directory] = _Nothing()


class _Nothing:
    """Finds no module."""

    def find_spec(self, *_arguments: object) -> None:
        """Find nothing."""

    def invalidate_caches(self) -> None:
        """Have nothing to invalidate."""


class _Lazy:
    """The handler proper, which is loaded with the first request; `loaded` from then on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.loaded: Callable[[ApacheRequest], int] | None = None

    def load(self) -> "Callable[[ApacheRequest], int]":
        """Load it, in a thread that Python made: see `eggproxy.flights`."""
        with self._lock:
            if self.loaded is None:
                future: Future[Callable[[ApacheRequest], int]] = Future()
                launch(_import_handler, future, name="import")
                self.loaded = future.result()
            return self.loaded


def _import_handler() -> "Callable[[ApacheRequest], int]":
    from eggproxy.apache_fronts import Fronts  # noqa: PLC0415  see above

    return Fronts().handle


_hidden: set[str | None] = set()
_handle = _Lazy()
