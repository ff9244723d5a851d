"""What an index leaves out of its pages, found out in the background and kept in the record."""

from eggproxy.completion.completer import Completer
from eggproxy.completion.project import ProjectCompletion

__all__ = ["Completer", "ProjectCompletion"]
