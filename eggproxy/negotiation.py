"""Which representation of a page a client gets (PEP 691; RFC 9110, section 12).

Never a 406: clients that cannot use what they get say so better than a status does.
"""

from typing import Literal, NamedTuple

Form = Literal["html", "json"]

TEXT_HTML = "text/html"
HTML_V1 = "application/vnd.pypi.simple.v1+html"
JSON_V1 = "application/vnd.pypi.simple.v1+json"
LATEST = {
    "application/vnd.pypi.simple.latest+html": HTML_V1,
    "application/vnd.pypi.simple.latest+json": JSON_V1,
}


class Preference(NamedTuple):
    """The representation that suits a request best."""

    media_type: str = TEXT_HTML
    gzip: bool = False

    @property
    def form(self) -> Form:
        """The form in which that representation is stored."""
        return "json" if self.media_type == JSON_V1 else "html"

    @property
    def content_type(self) -> str:
        """Content-Type to send: HTML names its charset, JSON has none (RFC 8259)."""
        return self.media_type if self.form == "json" else f"{self.media_type}; charset=utf-8"


def prefer(accept: str | None, accept_encoding: str | None, form: str | None = None) -> Preference:
    """Choose a representation.

    `accept` and `accept_encoding` are the request's headers, or None; `form` is the value of
    `?format=`, a media type that beats the Accept header (PEP 691).
    """
    wanted = LATEST.get(form or "", form)
    if wanted not in {TEXT_HTML, HTML_V1, JSON_V1}:
        wanted = _media_type(accept)
    return Preference(wanted, accepts_gzip(accept_encoding))


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Say whether gzip was asked for; who sends no Accept-Encoding gets plain bytes."""
    if not accept_encoding:
        return False
    weights = _weights(accept_encoding)
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _media_type(accept: str | None) -> str:
    """Most expressive type among the best; wildcards never stand for the JSON form.

    easy_install and buildout send no Accept or `*/*` and can read HTML only.
    """
    if not accept:
        return TEXT_HTML
    weights = _weights(accept)
    for alias, concrete in LATEST.items():
        weights[concrete] = max(weights.get(concrete, 0.0), weights.get(alias, 0.0))
    text = weights.get(TEXT_HTML, weights.get("text/*", weights.get("*/*", 0.0)))
    if 0 < weights[JSON_V1] >= max(weights[HTML_V1], text):
        return JSON_V1
    better = weights[HTML_V1] > text or (TEXT_HTML not in weights and 0 < weights[HTML_V1] >= text)
    return HTML_V1 if better else TEXT_HTML


def _weights(header: str) -> dict[str, float]:
    """Read a header of weighted choices; a weight that is no number counts as a refusal."""
    weights: dict[str, float] = {}
    for item in header.lower().split(","):
        choice, *parameters = (part.strip() for part in item.split(";"))
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                weight = _weight(value)
        weights[choice] = max(weight, weights.get(choice, 0.0))
    return weights


def _weight(value: str) -> float:
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0
