"""Who may read and upload: users, tokens, rules, and the one decision that all routes ask for."""

from eggproxy.access.guard import Access

__all__ = ["Access"]
