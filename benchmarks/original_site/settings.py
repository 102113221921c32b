"""Settings of the original's site; runs in its own virtual environment, see `benchmarks.original`."""

import os

SECRET_KEY = "benchmarks only"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["ws4redis"]
WEBSOCKET_URL = "/ws/"
WS4REDIS_CONNECTION = {"host": "127.0.0.1", "port": int(os.environ["BENCH_REDIS_PORT"]), "db": 0}
WS4REDIS_HEARTBEAT = os.environ.get("BENCH_HEARTBEAT") or None
