"""What all HTML pages have in common, and the one writer that escapes what goes into them."""

import re
from html import escape

from eggproxy.model import API_VERSION
from eggproxy.render.versions import version_text

# Text that means the same quoted, escaped or as it stands. Nearly all names and digests are such,
# and a page has thousands of them.
_is_plain = re.compile(r"[\w.+!=,()~:/ -]*\Z", re.ASCII).match

FOOT = "</body>\n</html>\n"


def head(title: str, version: tuple[int, int], more: str = "") -> str:
    """Write a page up to its links; `more` are further lines of its head."""
    # PEP 833 freezes the HTML form at 1.4.
    claim = meta("pypi:repository-version", version_text(min(version, API_VERSION)))
    title = escaped(title)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{claim}{more}'
        f"<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n"
    )


def meta(name: str, content: str) -> str:
    """Write a `<meta>` of a page's head."""
    return f'<meta name="{name}" content="{escaped(content)}">\n'


def escaped(text: str) -> str:
    """Escape for text and attributes alike."""
    return text if _is_plain(text) else escape(text)
