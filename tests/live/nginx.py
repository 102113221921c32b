"""A real nginx, started with the configuration of one site."""

from __future__ import annotations

import os
import socket
from contextlib import AbstractContextManager
from pathlib import Path

from example_project.redis_server import HOST
from tests.live.processes import ServerProcess
from tests.live.servers import Surroundings

# What a distribution's /etc/nginx/nginx.conf has around a site's file, here with every path inside the prefix.
_NGINX_CONF = """\
{user}daemon off;
pid nginx.pid;
error_log stderr notice;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    types {{ text/css css; text/javascript js; }}
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include example.conf;
}}
"""


def nginx(
    surroundings: Surroundings, program: str, prefix: Path, port: int, configuration: str
) -> AbstractContextManager[ServerProcess]:
    """Run nginx in the directory `prefix` with a site's `configuration`, which has it listen at `port`."""
    (prefix / "example.conf").write_text(configuration, "utf-8")
    # Started by root, nginx would leave root's directories to a user who may not read them.
    user = "user root;\n" if os.geteuid() == 0 else ""
    (prefix / "nginx.conf").write_text(_NGINX_CONF.format(user=user), "utf-8")
    command = [program, "-p", f"{prefix}/", "-c", "nginx.conf"]
    return ServerProcess(command, surroundings.environment(), surroundings.new_path(".log"), lambda _: _answers(port))


def _answers(port: int) -> bool:
    """Tell whether somebody accepts connections on a port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
