"""Names of upstream's projects, found out without telling upstream any of ours."""

import logging

from eggproxy import parse
from eggproxy.access import Access
from eggproxy.channels import channels
from eggproxy.config import Configuration
from eggproxy.health import Health
from eggproxy.names import NormalizedName, normalize
from eggproxy.negotiation import JSON_V1
from eggproxy.packages import Packages


def upstream_names(
    configuration: Configuration, packages: Packages, *, online: bool
) -> set[NormalizedName] | None:
    """Name upstream's projects, by its list; None if no list is stored.

    Only with `online` upstream is asked for it. Raises EggProxyError where that fails.
    """
    names: set[NormalizedName] = set()
    is_known = False
    for channel in channels(configuration, Health(), packages, Access()).values():
        if online:
            logging.getLogger("eggproxy").addHandler(logging.NullHandler())
            channel.store.prepare()
            channel.pages.revalidate(None)
        page = channel.store.page(None, "json", packed=False)
        try:
            body = page.read_bytes()
        except OSError:
            continue
        listed = parse.project_list(body, content_type=JSON_V1, url="https://index.invalid/")
        names |= {normalize(project.name) for project in listed.projects}
        is_known = True
    return names if is_known else None
