"""The command `manage.py demo`."""

import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import psutil
import pytest
from websockets.sync.client import connect

from example_project.redis_server import HOST, RedisServer, free_port
from tests.waiting import SCALE, wait_until

from .site import ROOT, Demo, environment, manage

pytestmark = [pytest.mark.live, pytest.mark.slow]


@pytest.fixture(scope="module")
def prepared_directory():
    """Where the demo keeps its state, short enough for a unix socket; the database is made once for the module."""
    with tempfile.TemporaryDirectory(prefix="demo-", dir="/tmp") as directory:
        env = environment(DEMO_DIR=directory)
        for command in ("migrate", "loadusers"):
            done = manage(command, env=env)
            assert done.returncode == 0, done.stderr
        yield Path(directory)


@pytest.fixture
def directory(prepared_directory):
    """The demo's state directory, without what an earlier test left but with its database."""
    for path in prepared_directory.glob("*.log"):
        path.unlink()
    assert not (prepared_directory / "redis.sock").exists()
    return prepared_directory


@pytest.fixture(scope="module")
def running(prepared_directory):
    """A running demo in a directory of its own, for tests that do not end it."""
    with tempfile.TemporaryDirectory(prefix="demo-", dir="/tmp") as directory:
        shutil.copytree(
            prepared_directory, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("redis*", "tmp")
        )
        with Demo(Path(directory)) as demo:
            demo.url()
            yield demo


def remains(demo: Demo) -> list[Path]:
    """Return what a demo that ended left besides its database."""
    return [*demo.temporary.iterdir(), *(path for path in [demo.redis_socket] if path.exists())]


def is_ended(process: psutil.Process) -> bool:
    """Say whether the process has ended; its parent may not have collected its status yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_demo_serves_pages_and_static_files(running):
    """The printed URL answers, and so do the style sheet and the scripts that the page names."""
    with httpx.Client(base_url=running.url(), timeout=20 * SCALE, trust_env=False) as client:
        page = client.get("/")
        assert page.status_code == 200
        for path in ("/static/chat/chat.css", "/static/chat/chat.js", "/static/js/ws4redis.js"):
            assert path in page.text
            assert client.get(path).status_code == 200
        assert "sign in as john or mary, password: secret" in running.text()


def test_demo_serves_static_files_without_debug(directory):
    """Static files are served with DEBUG=0, too: there is no other server."""
    with Demo(directory, DEBUG="0") as demo:
        assert httpx.get(f"{demo.url()}/static/js/ws4redis.js", trust_env=False).status_code == 200


def test_demo_starts_with_an_empty_directory(tmp_path_factory):
    """The first run creates the database and the users."""
    with tempfile.TemporaryDirectory(prefix="demo-", dir="/tmp") as directory, Demo(Path(directory)) as demo:
        with httpx.Client(base_url=demo.url(), timeout=20 * SCALE, trust_env=False) as client:
            client.get("/login/")
            fields = {"username": "mary", "password": "secret", "csrfmiddlewaretoken": client.cookies["csrftoken"]}
            assert client.post("/login/", data=fields).headers["location"] == "/"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_signal_leaves_nothing(directory, number):
    """Ctrl-C, kill and a closed terminal end the demo, and all that it started."""
    with Demo(directory) as demo:
        demo.url()
        family = demo.family()
        assert any("redis-server" in process.name() for process in family)
        with connect(f"ws{demo.url().removeprefix('http')}/ws/broadcast-chat?subscribe-broadcast"):
            assert demo.end(number) == 0
        wait_until(lambda: all(map(is_ended, family)), "processes of the demo live on")
        assert remains(demo) == []
        assert demo.text().endswith("Stopped.\n")
        assert "Traceback" not in demo.text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_signal_while_starting_leaves_nothing(directory, number):
    """Ctrl-C after Redis started and before the site did leaves no process and no file."""
    with Demo(directory) as demo:
        wait_until(demo.redis_socket.exists, "the embedded Redis did not start")
        family = demo.family()
        assert demo.end(number) == 0
        wait_until(lambda: all(map(is_ended, family)), "processes of the demo live on")
        assert remains(demo) == []


def test_killed_demo_leaves_nothing(directory):
    """After SIGKILL the demo's Redis ends, too."""
    with Demo(directory) as demo:
        demo.url()
        family = demo.family()
        assert demo.end(signal.SIGKILL) == -signal.SIGKILL
        wait_until(lambda: all(map(is_ended, family)), "processes of the demo live on")
        assert remains(demo) == []


def test_stale_socket_file_is_replaced(directory):
    """A socket file that a crash of the whole machine left does not stop the demo from starting."""
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(directory / "redis.sock"))
    with Demo(directory) as demo:
        assert httpx.get(demo.url(), trust_env=False).status_code == 200
        demo.end(signal.SIGINT)
        assert remains(demo) == []


@pytest.mark.parametrize("told_by", ["argument", "environment"])
def test_busy_port_is_reported_before_anything_starts(directory, told_by):
    """One sentence says that the port is busy and how to choose another; Redis is not started."""
    with socket.create_server((HOST, 0)) as other:
        port = str(other.getsockname()[1])
        arguments = ["--port", port] if told_by == "argument" else []
        done = manage("demo", *arguments, env=environment(DEMO_DIR=str(directory), PORT=port))
    assert done.returncode == 1
    assert done.stderr == (
        f"CommandError: Can't serve on port {port} ({os.strerror(errno.EADDRINUSE)}): choose another, "
        "for example `make demo PORT=8001` or `python manage.py demo --port 8001`.\n"
    )
    assert done.stdout == ""


@pytest.mark.parametrize("port", ["http", "70000"])
def test_impossible_port_is_refused(directory, port):
    """A port that is no port number is shown, and nothing starts."""
    done = manage("demo", env=environment(DEMO_DIR=str(directory), PORT=port))
    assert done.returncode in {1, 2}
    assert port in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_second_demo_in_the_same_directory_says_where_the_first_is(running):
    """A demo that runs already goes on, and the second one prints its address, whatever port it is to have."""
    url = running.url()
    for port in ("0", url.rpartition(":")[2]):
        done = manage("demo", "--port", port, env=environment(DEMO_DIR=str(running.directory)))
        assert done.returncode == 1
        assert done.stderr == (
            f"CommandError: The demo runs already at {url}/: end it first, or give this one another port and a "
            "directory of its own, for example `DEMO_DIR=.demo2 make demo PORT=8001`.\n"
        )
    assert httpx.get(url, trust_env=False).status_code == 200


def test_second_demo_on_the_port_of_another_directory_says_where_the_first_is(running, tmp_path):
    """A demo with another state directory, or another Redis, is recognised by its pages."""
    url = running.url()
    done = manage("demo", "--port", url.rpartition(":")[2], env=environment(DEMO_DIR=str(tmp_path)))
    assert done.returncode == 1
    assert done.stderr.startswith(f"CommandError: The demo runs already at {url}/: ")


def test_redis_of_another_program_in_the_directory_is_left_alone(directory):
    """A Redis on the demo's socket that no demo has started is not taken over."""
    with RedisServer(unix_socket=directory / "redis.sock") as server:
        done = manage("demo", "--port", "0", env=environment(DEMO_DIR=str(directory)))
        assert server.is_running()
    assert done.returncode == 1
    assert done.stderr == (
        f"CommandError: Another server already listens on '{directory}/redis.sock'. What else you can do: name a "
        f"server of your own in REDIS_URL, or, if another demo is running from '{directory}', give this one a "
        "directory of its own in DEMO_DIR.\n"
    )


def test_printed_commands_work(running):
    """The three commands to try are printed as they can be typed, and do what they are for."""
    wait_until(lambda: "Ctrl-C" in running.text(), "the demo did not print everything")
    assert "Try in another terminal, with the same DEMO_DIR:" in running.text()
    listen, publish, status = re.findall(r"^    (.* manage.py ws4channels_.*)$", running.text(), re.M)
    with connect(
        f"ws{running.url().removeprefix('http')}/ws/broadcast-chat?subscribe-broadcast&heartbeat=0"
    ) as websocket:
        assert typed(publish, running).returncode == 0
        assert websocket.recv(20 * SCALE) == "Hello from the terminal"
    assert "Hello from the terminal" in typed(f"{listen} --count 1", running).stdout
    assert typed(status, running).returncode in {0, 1}  # 1: a warning, of a socket that is used for the first time


def typed(command: str, demo: Demo) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell in the project's directory does."""
    return subprocess.run(
        command, shell=True, cwd=ROOT, env=demo.env, capture_output=True, text=True, timeout=60 * SCALE, check=False
    )


def test_log_shows_who_connects_publishes_and_disconnects(directory):
    """There is one line for each, with the user's name and without the text."""
    with Demo(directory) as demo:
        url = demo.url()
        with httpx.Client(base_url=url, timeout=20 * SCALE, trust_env=False) as client:
            client.get("/login/")
            token = {"csrfmiddlewaretoken": client.cookies["csrftoken"]}
            client.post("/login/", data={"username": "john", "password": "secret", **token})
            token = {"csrfmiddlewaretoken": client.cookies["csrftoken"]}
            client.post("/user/", data={"recipient": "mary", "text": "a secret text", **token})
            cookie = {"Cookie": f"sessionid={client.cookies['sessionid']}"}
        path = "/ws/broadcast-chat?subscribe-broadcast&publish-broadcast&publish-user"
        with connect(f"ws{url.removeprefix('http')}{path}", additional_headers=cookie) as websocket:
            websocket.send("another secret text")
            websocket.recv(20 * SCALE)
        wait_until(lambda: "disconnected from" in demo.text(), "the end of the websocket was not logged")
    logged = re.findall(r"^\d\d:\d\d:\d\d INFO example_project.chat.activity: (.*)$", demo.text(), re.M)
    assert [re.sub(r"\d+ bytes", "N bytes", line) for line in logged] == [
        "john published N bytes to 'user-chat' by a view",
        "john connected to 'broadcast-chat' with publish-broadcast, subscribe-broadcast",
        "john published N bytes to 'broadcast-chat' over the websocket",
        "john disconnected from 'broadcast-chat'",
    ]
    assert "secret text" not in demo.text()


def test_refused_pages_leave_no_traceback(running):
    """A visitor who may not read the metrics is refused, with one line in the log."""
    assert httpx.get(f"{running.url()}/metrics", trust_env=False).status_code == 403
    wait_until(lambda: "Forbidden: /metrics" in running.text(), "the refusal was not logged")
    assert "Traceback" not in running.text()


def test_make_demo_says_in_one_line_that_it_could_not_install(tmp_path):
    """Without a network there is no page of pip's output, but a sentence, and nothing is started."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    unreachable = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": f"http://{HOST}:{free_port()}/", "PIP_RETRIES": "0"}
    unreachable |= {"PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}
    done = subprocess.run(
        ["make", "demo", f"VENV={tmp_path / 'venv'}", f"PYTHON={sys.executable}"],
        cwd=ROOT,
        env=environment(DEMO_DIR=str(tmp_path), MAKEFLAGS="", MAKELEVEL="0", **unreachable),
        capture_output=True,
        text=True,
        timeout=120 * SCALE,
        check=False,
    )
    assert done.returncode == 2
    installing, failed = done.stdout.splitlines()
    assert installing == f"Installing what the demo needs into {tmp_path / 'venv'}: about half a minute."
    assert failed.startswith("Could not install (no network?): ERROR: Could not find a version that satisfies")
    assert "Traceback" not in done.stderr


def test_redis_url_is_used(directory):
    """With REDIS_URL set no Redis is started, and the sockets' messages pass through the one it names."""
    with RedisServer() as server, server.client() as client, Demo(directory, REDIS_URL=server.url) as demo:
        url = f"ws{demo.url().removeprefix('http')}/ws/broadcast-chat?subscribe-broadcast"
        with connect(url):
            wait_until(
                lambda: "example_project:channel_layer" in {entry["name"] for entry in client.client_list()},
                "the channel layer did not connect to the given server",
            )
        assert demo.family() == [demo.process]
        assert not demo.redis_socket.exists()


def test_unreachable_redis_url_is_reported(directory):
    """One sentence says that the given server does not answer and what to do; Daphne is not started."""
    env = environment(DEMO_DIR=str(directory), REDIS_URL=f"redis://:hidden@{HOST}:{free_port()}")
    done = manage("demo", "--port", "0", env=env)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: The Redis server of REDIS_URL does not answer (")
    assert done.stderr.endswith("or unset REDIS_URL to have one started for you.\n")
    assert done.stderr.count("\n") == 1
    assert "hidden" not in done.stderr
    assert done.stdout == ""


def test_redis_url_that_is_no_url_is_reported(directory):
    """A REDIS_URL that is no URL is found by the system checks, before anything starts."""
    done = manage("demo", "--port", "0", env=environment(DEMO_DIR=str(directory), REDIS_URL="nonsense"))
    assert done.returncode == 1
    assert "ws4channels.E003" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
