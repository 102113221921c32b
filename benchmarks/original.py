"""The original, django-websocket-redis 0.6.0, on uWSGI and gevent: its command line.

Its virtual environment is the one that `tests.against_original` makes and keeps, because it needs versions that nothing
else here can use.
"""

from __future__ import annotations

from pathlib import Path

from tests.against_original.environment import ensure_environment

SITE = Path(__file__).resolve().parent / "original_site"


def command(port: int) -> list[str]:
    """Return the command line of its server on ``port``: one worker, as one process of any other server here.

    Makes its environment first where it is missing, which compiles uWSGI and takes minutes.
    """
    home = ensure_environment()
    return [
        str(home / "bin/uwsgi"),
        f"--http-socket=127.0.0.1:{port}",
        "--http-websockets",
        "--gevent=6000",
        "--processes=1",
        "--master",
        "--die-on-term",
        "--need-app",
        "--listen=1024",
        "--disable-logging",
        f"--virtualenv={home}",
        f"--chdir={SITE}",
        "--module=wsgi_websocket",
    ]
