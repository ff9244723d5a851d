"""nginx, one worker, serving ready files: the upstream, and the limit to compare with."""

import os
from pathlib import Path

from bench.programs import Program

# A page is negotiated as the index does it; `/html/` is an index that knows no JSON.
CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
pid {work}/nginx-{port}.pid;
error_log {work}/nginx-{port}.error.log;
events {{ worker_connections 1024; }}
http {{
    access_log {work}/nginx-{port}.access.log;
    client_body_temp_path {work}/nginx-{port}.body;
    proxy_temp_path {work}/nginx-{port}.proxy;
    fastcgi_temp_path {work}/nginx-{port}.fastcgi;
    uwsgi_temp_path {work}/nginx-{port}.uwsgi;
    scgi_temp_path {work}/nginx-{port}.scgi;
    types {{ text/html html; application/vnd.pypi.simple.v1+json json; }}
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    # No connection is made anew within a measurement.
    keepalive_requests 10000000;
    gzip_static on;
    gzip_vary on;
    map "$uri $http_accept" $page {{
        default index.html;
        "~^/html/" index.html;
        "~application/vnd\\.pypi\\.simple\\.v1\\+json" index.json;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        root {root};
        location / {{ rewrite "^(?<folder>.*/)$" $folder$page break; }}
    }}
}}
"""


def start_nginx(root: Path, port: int, work: Path) -> Program:
    """Start nginx over a directory, as a program that can be watched.

    Folders are answered with their `index.json` or `index.html`, ready-made `.gz` if accepted.
    """
    path = work / f"nginx-{port}.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    path.write_text(CONFIGURATION.format(user=user, work=work, port=port, root=root))
    command = ["nginx", "-e", f"{work}/nginx-{port}.error.log", "-p", str(work), "-c", str(path)]
    return Program(command, work / f"nginx-{port}.log")
