"""From the bytes of upstream's pages to the model: HTML or JSON, whatever their age and origin.

Pure: nothing here reads a file, the network or the clock.
"""

from eggproxy.model import ProjectDetail, ProjectList
from eggproxy.names import NormalizedName
from eggproxy.parse import content_type as content_types
from eggproxy.parse import detail_html, detail_json, list_html, list_json
from eggproxy.parse.excerpt import Choose
from eggproxy.parse.excerpt import project_detail as excerpt
from eggproxy.parse.nonsense import Nonsense

__all__ = [
    "Choose",
    "Nonsense",
    "ProjectDetail",
    "ProjectList",
    "excerpt",
    "project_detail",
    "project_list",
]


def project_detail(
    body: bytes, *, content_type: str, url: str, project: NormalizedName
) -> ProjectDetail:
    """Read a project's page.

    `content_type` is the whole header, `url` the address that the page came from in the end,
    which relative links are relative to. Raises Nonsense.
    """
    form, charset = content_types.read(content_type)
    if form == "json":
        return detail_json.project_detail(body, url=url, project=project)
    return detail_html.project_detail(body, charset=charset, url=url, project=project)


def project_list(body: bytes, *, content_type: str, url: str) -> ProjectList:
    """Read the project list, of which the projects are read only as they are asked for.

    The arguments are those of `project_detail`. Raises Nonsense, and so may the iteration: only
    its end shows that the page was whole.
    """
    form, charset = content_types.read(content_type)
    if form == "json":
        return list_json.project_list(body)
    return list_html.project_list(body, charset=charset, url=url)
