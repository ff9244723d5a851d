"""Which representation of a page a client gets."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eggproxy.negotiation import HTML_V1, JSON_V1, TEXT_HTML, Preference, accepts_gzip, prefer

LATEST_JSON = "application/vnd.pypi.simple.latest+json"
LATEST_HTML = "application/vnd.pypi.simple.latest+html"
PIP = f"{JSON_V1}, {HTML_V1}; q=0.1, text/html; q=0.01"
UV = f"{JSON_V1}, {HTML_V1};q=0.2, text/html;q=0.01"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

repeatable = settings(derandomize=True, deadline=None, max_examples=60)
KNOWN = (JSON_V1, HTML_V1, TEXT_HTML, LATEST_JSON, LATEST_HTML, "*/*", "text/*", "image/png")
weights = st.sampled_from(["", ";q=0", ";q=0.5", "; Q=1", ";q=x", ";q=", ";q=nan", ";level=1;q=.3"])
headers = st.lists(st.builds(str.__add__, st.sampled_from(KNOWN), weights), max_size=5)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        # Who names nothing, or nothing that is here, reads HTML: old buildout, easy_install.
        *((None, TEXT_HTML), ("", TEXT_HTML), ("*/*", TEXT_HTML), (BROWSER, TEXT_HTML)),
        *(("image/png", TEXT_HTML), ("application/*", TEXT_HTML), (",;=,", TEXT_HTML)),
        # Who names JSON and wants nothing more than it, gets it.
        *((PIP, JSON_V1), (UV, JSON_V1), (JSON_V1, JSON_V1), (JSON_V1.upper(), JSON_V1)),
        *((f"text/html, {JSON_V1}", JSON_V1), (f"*/*, {JSON_V1}", JSON_V1)),
        *((f"{JSON_V1};q=0.9, */*;q=0.1", JSON_V1), (f"{JSON_V1};charset=utf-8", JSON_V1)),
        # Who wants something else more, or no JSON, does not.
        *((f"{JSON_V1};q=0.1, text/html", TEXT_HTML), (f"{JSON_V1};q=0", TEXT_HTML)),
        *((f"{JSON_V1};q=0, */*", TEXT_HTML), (f"{JSON_V1};q=junk, {HTML_V1}", HTML_V1)),
        *((f"{JSON_V1};q=0.5, */*", TEXT_HTML), (f"{JSON_V1};q=nan", TEXT_HTML)),
        # The versioned HTML only where plain HTML is not named, or wanted less.
        *((HTML_V1, HTML_V1), (f"{HTML_V1}, */*", HTML_V1), (f"{HTML_V1}, text/html", TEXT_HTML)),
        *((f"{HTML_V1}, text/html;q=0.5", HTML_V1), (f"{HTML_V1};q=0.1, */*", TEXT_HTML)),
        # `latest` is answered with what is the latest.
        *((LATEST_JSON, JSON_V1), (LATEST_HTML, HTML_V1)),
        *((f"{LATEST_JSON};q=0.2, {LATEST_HTML}", HTML_V1), (f"{LATEST_JSON}, {PIP}", JSON_V1)),
    ],
)
def test_prefer__accept(accept: str | None, media_type: str) -> None:
    """The most expressive of the types that the client wants most."""
    assert prefer(accept, None) == Preference(media_type)


@pytest.mark.parametrize(
    ("form", "media_type"),
    [(JSON_V1, JSON_V1), (HTML_V1, HTML_V1), (TEXT_HTML, TEXT_HTML), (LATEST_JSON, JSON_V1)],
)
def test_prefer__form_beats_accept(form: str, media_type: str) -> None:
    """What `?format=` names wins (PEP 691)."""
    for accept in (None, PIP, "text/html"):
        assert prefer(accept, None, form).media_type == media_type


@pytest.mark.parametrize("form", [None, "", "json", "*/*", "image/png", "x" * 5000])
def test_prefer__unknown_form_is_passed_over(form: str | None) -> None:
    """A format that is none leaves the choice to the Accept header."""
    assert prefer(PIP, None, form).media_type == JSON_V1
    assert prefer(None, None, form).media_type == TEXT_HTML


@pytest.mark.parametrize(
    ("media_type", "form", "content_type"),
    [
        (TEXT_HTML, "html", "text/html; charset=utf-8"),
        (HTML_V1, "html", f"{HTML_V1}; charset=utf-8"),
        (JSON_V1, "json", JSON_V1),
    ],
)
def test_preference__content_type(media_type: str, form: str, content_type: str) -> None:
    """HTML names its charset, JSON has none; both HTML types are stored once."""
    preference = Preference(media_type)
    assert (preference.form, preference.content_type) == (form, content_type)


@pytest.mark.parametrize(
    "header",
    ["gzip", "gzip, deflate, br", "GZIP", "x-gzip", "*", "br;q=1, gzip;q=0.1", "identity;q=0, *"],
)
def test_accepts_gzip__asked_for(header: str) -> None:
    """Who names gzip, or any coding, gets gzip."""
    assert accepts_gzip(header)
    assert prefer(None, header).gzip


@pytest.mark.parametrize(
    "header", [None, "", "identity", "br", "gzip;q=0", "gzip;q=0, *", "*;q=0", "gzip;q=x", "gzi"]
)
def test_accepts_gzip__not_asked_for(header: str | None) -> None:
    """Who does not, or refuses it, gets plain bytes."""
    assert not accepts_gzip(header)
    assert not prefer(None, header).gzip


@repeatable
@given(headers, st.randoms(use_true_random=False))
def test_prefer__order_means_nothing(items: list[str], random: Random) -> None:
    """The same types in another order have the same answer."""
    shuffled = random.sample(items, len(items))
    assert prefer(",".join(items), None) == prefer(",".join(shuffled), None)


@repeatable
@given(headers)
def test_prefer__never_what_was_not_named(items: list[str]) -> None:
    """Whoever does not name the JSON form never gets it, however the weights are."""
    others = [item for item in items if "json" not in item]
    assert prefer(", ".join(others), None).media_type in {TEXT_HTML, HTML_V1}


@repeatable
@given(st.text(max_size=60), st.text(max_size=60), st.none() | st.text(max_size=20))
def test_prefer__any_text(accept: str, encoding: str, form: str | None) -> None:
    """No header is too odd for an answer."""
    assert prefer(accept, encoding, form).media_type in {TEXT_HTML, HTML_V1, JSON_V1}
