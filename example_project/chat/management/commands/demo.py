"""The example site with everything it needs, in one command that leaves nothing behind."""

import os
import signal
import socket
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

from example_project.chat.management.commands.loadusers import PASSWORD, USERNAMES
from example_project.redis_server import HOST, RedisServer, RedisServerError


class Command(BaseCommand):
    is_stopping = False
    help = "Start Redis (unless REDIS_URL names one), prepare the database and serve the site until Ctrl-C."

    def add_arguments(self, parser):
        parser.add_argument(
            "--port",
            # argparse converts a default that is a string as it does an argument: a bad PORT gets the same answer.
            default=os.environ.get("PORT") or "8000",
            type=int,
            help="The port to serve on, 0 for any free one. Default: the environment variable PORT, else 8000.",
        )

    def handle(self, *, port, **options):
        # `kill` ends us as Ctrl-C does, and so does closing the terminal.
        signal.signal(signal.SIGINT, self.stop)
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
        # The port comes first: when it is busy, nothing has been started yet.
        with suppress(KeyboardInterrupt), closing(listen(port)) as listener, running_redis():
            call_command("migrate", verbosity=0, interactive=False)
            call_command("loadusers")
            connections.close_all()
            self.serve(listener)
        self.say("Stopped.")

    def stop(self, *_):
        # Noted as well: Python drops an exception that comes up while it finalises some object.
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
        users = " or ".join(USERNAMES)
        self.say(f"\nOpen http://{host}:{port}/ in two windows, and sign in as {users}, password: {PASSWORD}")
        self.say("Ctrl-C stops everything.\n")

    def say(self, text):
        self.stdout.write(text)
        self.stdout.flush()


def listen(port):
    """Return a socket that listens on the port, for Daphne to take over; CommandError when it can't."""
    listener = socket.socket()
    # As every server: a port whose last connections are still winding down is free.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(socket.SOMAXCONN)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise CommandError(
            f"Can't serve on port {port} ({reason}): choose another, for example "
            f"`make demo PORT=8001` or `python manage.py demo --port 8001`."
        ) from error
    return listener


@contextmanager
def running_redis():
    """Run a Redis server for as long as the context lasts, or make sure that the one of REDIS_URL answers."""
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
