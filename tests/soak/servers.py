"""What a soak runs: two Daphnes on ports that they keep over restarts, behind nginx if there is one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from example_project.redis_server import HOST, free_port
from tests.live.nginx import nginx
from tests.live.processes import ServerProcess
from tests.live.servers import APPLICATION, Surroundings, look_for_program

_SITE = """\
upstream site {{ {servers} }}
server {{
    listen {host}:{port};
    location / {{
        proxy_pass http://site;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
        proxy_read_timeout 120s;
    }}
}}
"""


class Server:
    """One Daphne: started, restarted at the same port, stopped."""

    def __init__(self, surroundings: Surroundings, settings: dict[str, Any]) -> None:
        self.address = (HOST, free_port())
        self.logs: list[Path] = []
        self._surroundings = surroundings
        self._environment = surroundings.environment(settings)
        self._process: ServerProcess | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        host, port = self.address
        command = [sys.executable, "-m", "daphne", "-b", host, "-p", str(port), APPLICATION]
        log = self._surroundings.new_path(".log")
        self.logs.append(log)
        self._process = ServerProcess(command, self._environment, log, lambda output: "Listening on TCP" in output)
        self._process.start()

    def stop(self) -> None:
        """End it by SIGTERM, and return when it has ended."""
        if self._process is not None:
            self._process.stop()

    @property
    def process(self) -> psutil.Process:
        """The process that runs now."""
        assert self._process is not None
        assert self._process.process is not None
        return psutil.Process(self._process.process.pid)

    def sockets(self) -> int:
        """Return how many connections of clients it has."""
        connections = self.process.net_connections("tcp")
        return sum(each.status == psutil.CONN_ESTABLISHED and each.laddr[1] == self.address[1] for each in connections)


@contextmanager
def running_servers(surroundings: Surroundings, settings: dict[str, Any]) -> Iterator[list[Server]]:
    """Run both servers."""
    with ExitStack() as stack:
        servers = [Server(surroundings, settings) for _ in range(2)]
        for server in servers:
            stack.callback(server.stop)
            server.start()
        yield servers


@contextmanager
def entrance(surroundings: Surroundings, servers: list[Server]) -> Iterator[list[tuple[str, int]]]:
    """Yield where clients connect: at nginx, or where there is none, at the servers."""
    program = look_for_program("nginx")
    if program is None:
        yield [server.address for server in servers]
        return
    prefix = surroundings.new_path("-nginx")
    prefix.mkdir()
    upstreams = " ".join(f"server {host}:{port} max_fails=0;" for host, port in (each.address for each in servers))
    port = free_port()
    configuration = _SITE.format(servers=upstreams, host=HOST, port=port)
    with nginx(surroundings, program, prefix, port, configuration):
        yield [(HOST, port)]
