"""The example site with everything it needs, in one command that leaves nothing behind."""

import errno
import http.client
import os
import shlex
import signal
import socket
import sys
from contextlib import closing, contextmanager, suppress

import redis
from channels.routing import get_default_application
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from example_project.chat.management.commands.loadusers import PASSWORD, STAFF, USERNAMES
from example_project.redis_server import HOST, RedisServer, RedisServerError

ADDRESS_KEY = "example_project:demo"
"""Where a demo notes its address, in the Redis that it has started: the two end together."""
COMMANDS = (
    "ws4channels_listen broadcast-chat",
    "ws4channels_publish broadcast-chat 'Hello from the terminal'",
    "ws4channels_status",
)
# In the head of the pages: see base.html.
MARK = b'<meta name="application-name" content="ws4channels example project">'


class Command(BaseCommand):
    is_stopping = False
    help = "Start Redis (unless REDIS_URL names one), prepare the database and serve the site until Ctrl-C."

    def add_arguments(self, parser):
        parser.add_argument(
            "--port",
            # argparse converts a default that is a string, so a bad PORT gets the same error as a bad --port.
            default=os.environ.get("PORT") or "8000",
            type=int,
            help="The port to serve on, 0 for any free one. Default: the environment variable PORT, else 8000.",
        )

    def handle(self, *, port, **options):
        # `kill` and a closed terminal do the same as Ctrl-C.
        signal.signal(signal.SIGINT, self.stop)
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
        refuse_second_demo()
        # The port comes first: when it is busy, nothing has been started yet.
        with suppress(KeyboardInterrupt), closing(listen(port)) as listener, running_redis():
            call_command("migrate", verbosity=0, interactive=False)
            call_command("loadusers")
            connections.close_all()
            self.serve(listener)
        self.say("Stopped.")

    def stop(self, *_):
        # Set as well: Python drops an exception that is raised while it finalises an object.
        self.is_stopping = True
        raise KeyboardInterrupt

    def serve(self, listener):
        """Let Daphne take over the socket, and serve until a signal ends it."""
        address = listener.getsockname()
        Server(
            # As runserver does it, so that there are static files with DEBUG=0, too.
            ASGIStaticFilesHandler(get_default_application()),
            endpoints=build_endpoint_description_strings(file_descriptor=listener.detach()),
            ready_callable=lambda: self.welcome(*address),
        ).run()

    def welcome(self, host, port):
        if self.is_stopping:
            raise KeyboardInterrupt
        url = f"http://{host}:{port}/"
        if not os.environ.get("REDIS_URL"):
            with redis.Redis.from_url(settings.REDIS_URL) as client:
                client.set(ADDRESS_KEY, url)
        users = " or ".join(USERNAMES)
        self.say(f"\nOpen {url} in two windows, and sign in as {users}, password: {PASSWORD}")
        self.say(f"\n{STAFF}, with the same password, sees at {url}admin/ what happens.")
        variables = " and ".join(name for name in ("REDIS_URL", "DEMO_DIR") if os.environ.get(name))
        self.say(f"\nTry in another terminal{f', with the same {variables}' if variables else ''}:")
        for command in COMMANDS:
            self.say(f"    {python()} manage.py {command}")
        self.say("\nCtrl-C stops everything.\n")

    def say(self, text):
        self.stdout.write(text)
        self.stdout.flush()


def python():
    """Return what to type for the Python that runs this: a path below the current directory, where it is there."""
    path = os.path.relpath(sys.executable)
    return shlex.quote(sys.executable if path.startswith(os.pardir) else path)


def refuse_second_demo():
    """Raise CommandError that says where the demo is, if one runs already on the Redis of the same directory."""
    if os.environ.get("REDIS_URL"):
        return
    with redis.Redis.from_url(settings.REDIS_URL) as client, suppress(redis.exceptions.ConnectionError):
        address = client.get(ADDRESS_KEY)
        if address:
            raise runs_already(address.decode())


def runs_already(url):
    return CommandError(
        f"The demo runs already at {url}: end it first, or give this one another port and a directory of its own, for "
        f"example `DEMO_DIR=.demo2 make demo PORT=8001`."
    )


def is_demo(port):
    """Say whether the server on this port, which is not ours, serves the example's pages."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    with closing(connection), suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/")
        return MARK in connection.getresponse().read(10_000)
    return False


def listen(port):
    """Return a socket that listens on the port, for Daphne to take over; CommandError when that is not possible."""
    listener = socket.socket()
    # A port with connections in TIME_WAIT counts as free.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(socket.SOMAXCONN)
    except (OSError, OverflowError) as error:
        listener.close()
        if getattr(error, "errno", None) == errno.EADDRINUSE and is_demo(port):
            raise runs_already(f"http://{HOST}:{port}/") from error
        reason = getattr(error, "strerror", None) or error
        raise CommandError(
            f"Can't serve on port {port} ({reason}): choose another, for example "
            f"`make demo PORT=8001` or `python manage.py demo --port 8001`."
        ) from error
    return listener


@contextmanager
def running_redis():
    """Run a Redis server for as long as the context lasts, or check that the one of REDIS_URL answers."""
    if os.environ.get("REDIS_URL"):
        ping(settings.REDIS_URL)
        yield
        return
    try:
        server = RedisServer(unix_socket=settings.DEMO_DIR / "redis.sock").start()
    except RedisServerError as error:
        raise CommandError(
            f"{error} What else you can do: name a server of your own in REDIS_URL, or, if another demo is running "
            f"from '{settings.DEMO_DIR}', give this one a directory of its own in DEMO_DIR."
        ) from error
    with server:
        yield


def ping(url):
    """Raise CommandError unless a Redis server answers at the URL."""
    try:
        with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
            client.ping()
    except redis.exceptions.RedisError as error:
        raise CommandError(
            f"The Redis server of REDIS_URL does not answer ({error}): start it, correct the address, "
            "or unset REDIS_URL to have one started for you."
        ) from error
