"""nginx with the module nchan, in C: writes its configuration and becomes nginx, with one worker.

Run as ``python -m benchmarks.other_servers.nchan PORT MODULE``, with MODULE the path of ``ngx_nchan_module.so``, the
port of Redis in ``BENCH_REDIS_PORT``, and a directory for its files in ``BENCH_DIRECTORY``. A message is posted to
``/publish/CHANNEL``, goes through Redis, and reaches the sockets of ``/ws/CHANNEL``; nothing is kept.
"""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

CONFIGURATION = """
load_module {module};
user {user};
worker_processes 1;
worker_rlimit_nofile 12000;
daemon off;
pid {directory}/nchan-{port}.pid;
error_log stderr error;
events {{ worker_connections 12000; }}
http {{
    access_log off;
    client_body_temp_path {directory}/nchan-{port}-body;
    proxy_temp_path {directory}/nchan-{port}-proxy;
    fastcgi_temp_path {directory}/nchan-{port}-fastcgi;
    uwsgi_temp_path {directory}/nchan-{port}-uwsgi;
    scgi_temp_path {directory}/nchan-{port}-scgi;
    keepalive_requests 1000000000;
    upstream redis {{
        nchan_redis_server redis://127.0.0.1:{redis_port};
        nchan_redis_storage_mode nostore;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        location ~ ^/ws/(.+)$ {{
            nchan_subscriber websocket;
            nchan_channel_id $1;
            nchan_subscriber_first_message newest;
            nchan_redis_pass redis;
        }}
        location ~ ^/publish/(.+)$ {{
            nchan_publisher;
            nchan_channel_id $1;
            nchan_redis_pass redis;
        }}
    }}
}}
"""


def main(port: str, module: str) -> None:
    directory = Path(os.environ["BENCH_DIRECTORY"])
    file = directory / f"nchan-{port}.conf"
    redis_port = os.environ["BENCH_REDIS_PORT"]
    user = getpass.getuser()
    file.write_text(
        CONFIGURATION.format(module=module, user=user, directory=directory, port=port, redis_port=redis_port), "utf-8"
    )
    os.execvp("nginx", ["nginx", "-e", "stderr", "-c", str(file), "-p", str(directory)])


if __name__ == "__main__":
    main(*sys.argv[1:])
