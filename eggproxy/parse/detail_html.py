"""A project's page in HTML (PEP 503), of any age."""

from eggproxy.model import ProjectDetail, ProjectStatus
from eggproxy.names import NormalizedName
from eggproxy.parse import html_text, links
from eggproxy.parse.api_version import api_version
from eggproxy.parse.nonsense import Nonsense
from eggproxy.parse.page import Page


def project_detail(
    body: bytes, *, charset: str, url: str, project: NormalizedName
) -> ProjectDetail:
    """Read a project's page; `url` is its own, for relative links.

    Raises Nonsense for what is no HTML, for a page that breaks off or has links but none to a
    file, as a login page does, and for an API version that is not ours.
    """
    html_text.check(body)
    page = html_text.read(body.decode(charset, "replace"))
    version = api_version(page.metas.get("pypi:repository-version"))
    files = links.files(page.links, html_text.base(page, url))
    if not files and (page.is_for_people or not all(map(links.is_about_project, page.links))):
        raise Nonsense("sent a page with no usable link")
    return ProjectDetail(name=project, files=files, api_version=version, status=_status(page))


def _status(page: Page) -> ProjectStatus | None:
    """Read the status (PEP 792)."""
    status = page.metas.get("pypi:project-status")
    if not status:
        return None
    return ProjectStatus(status=status, reason=page.metas.get("pypi:project-status-reason") or None)
