"""From the model to the bytes of pages, in HTML and JSON.

Links are relative to the page's own folder, so that the same bytes serve every front end, every
prefix, and a plain static server.
"""

from eggproxy.render.detail_html import project_detail_html
from eggproxy.render.detail_json import project_detail_json
from eggproxy.render.links import link
from eggproxy.render.lists import project_list
from eggproxy.render.versions import claimed_version

__all__ = ["claimed_version", "link", "project_detail_html", "project_detail_json", "project_list"]
