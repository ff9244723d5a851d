"""Our warnings in Apache's error log, with their level."""

import importlib
import logging
from typing import Any

# Apache's levels are those of syslog.
_LEVELS = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7


class ErrorLog(logging.Handler):
    """Writes records to the error log of Apache's main server."""

    def __init__(self) -> None:
        super().__init__()
        self._apache: Any = importlib.import_module("mod_python.apache")

    @classmethod
    def install(cls, logger: logging.Logger) -> None:
        """Let a logger write there, and nowhere else."""
        logger.addHandler(cls())
        logger.setLevel(logging.INFO)
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, a line for each of its own."""
        level = next((number for least, number in _LEVELS if record.levelno >= least), _DEBUG)
        try:
            for line in self.format(record).splitlines():
                self._apache.log_error(f"eggproxy: {line}", level, self._apache.main_server)
        except Exception:  # noqa: BLE001  the base class knows what to do then
            self.handleError(record)
