"""The configuration: where it is written, what it may say, and the values that come of it.

Only front ends use this package. Nothing is read on import.
"""

from eggproxy.config.configuration import Configuration, apart_error, directory_error, load
from eggproxy.config.indexes import IndexSettings
from eggproxy.config.keys import KEYS, Key
from eggproxy.config.rules import AccessRule, ProjectRule

__all__ = [
    "KEYS",
    "AccessRule",
    "Configuration",
    "IndexSettings",
    "Key",
    "ProjectRule",
    "apart_error",
    "directory_error",
    "load",
]
