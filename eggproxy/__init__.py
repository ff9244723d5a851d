"""A caching proxy for Python package indexes, over one directory that is itself a static index."""

__version__ = "0.1.0"
