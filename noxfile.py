"""The versions that are tested: ``make matrix``, some: ``make matrix ARGS='-s "versions(redis 5, oldest)"'``.

``make matrix ARGS="-t ci"`` is what CI runs: the oldest of everything, on the oldest Python that is installed, with
the tests that need no servers and no browser. The newest of everything is what ``make test`` installs.
"""

import subprocess

import nox

nox.needs_version = ">=2024.4"
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["versions", "pythons"]


def runs(python: str) -> bool:
    """Tell whether a Python is installed. A name on PATH may be a stand-in that starts nothing."""
    try:
        return subprocess.run([f"python{python}", "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
INSTALLED = [python for python in PYTHONS if runs(python)]
# Django 4.2 knows Python up to 3.12, and all of these know 3.10 and 3.11.
BASE = next((python for python in ("3.11", "3.10", "3.12") if python in INSTALLED), None)
OLDEST = next(iter(INSTALLED), None)

STACKS = {
    "oldest": ["Django==4.2.*", "channels==4.1.*", "channels-redis==4.2.*", "daphne==4.2.2"],
    "between": ["Django==5.1.*", "channels==4.2.*", "channels-redis==4.2.*", "daphne==4.2.2"],
    "newest": ["Django", "channels", "channels-redis", "daphne"],
}
REDIS = ["5", "6", "7", "8"]
WITHOUT_BROWSER = ["--ignore=tests/browser", "--ignore=tests/example"]
# What depends on the versions most: clients of Redis, layers, and the interfaces of Django and Channels.
SHORT = [
    "tests/admin",
    "tests/explain",
    "tests/access/test_posts.py",
    "tests/access/test_watching.py",
    "tests/test_apps.py",
    "tests/test_asgi.py",
    "tests/test_closing.py",
    "tests/connections/test_clusters.py",
    "tests/connections/test_connections.py",
    "tests/test_context_processors.py",
    "tests/transports/test_publishing_loop.py",
    "tests/access/test_handshake.py",
    "tests/test_models.py",
    "tests/test_origins.py",
    "tests/test_publisher.py",
    "tests/transports/test_publishing.py",
    "tests/test_redis_store.py",
    "tests/test_routing.py",
    "tests/test_settings.py",
    "tests/test_subscriber.py",
    "tests/transports/test_layer_receiver.py",
    "tests/test_testing.py",
    "tests/transports/test_sharded_pubsub.py",
    "tests/transports/test_transports.py",
]


def run_tests(session: nox.Session, stack: str, redis: str, *tests: str) -> None:
    """Install the versions, say which they are, and run tests with them; session arguments go to pytest."""
    session.install("-r", "requirements/test.txt", *STACKS[stack], f"redis=={redis}.*")
    session.run("python", "-m", "pip", "list", "--disable-pip-version-check", silent=True)
    # Not the coverage of `make test`: each of these runs a part.
    command = ["python", "-m", "pytest", "-q", "-n", "3", "--dist", "worksteal", "--tb=short", *tests]
    env = {"PYTHONDEVMODE": "1"}
    if stack == "oldest":
        where = "from example_project.redis_server import find_redis_server_in_wheel as find; print(find())"
        env["REDIS_SERVER"] = session.run("python", "-c", where, silent=True).strip()
    session.run(*command, *session.posargs, env=env)


@nox.session(python=BASE)
@nox.parametrize(
    ("redis", "stack"),
    [nox.param(redis, stack, id=f"redis {redis}, {stack}") for stack in STACKS for redis in REDIS],
)
def versions(session: nox.Session, redis: str, stack: str) -> None:
    """All tests but those in a browser, with each redis-py on the oldest and the newest Django and Channels."""
    run_tests(session, stack, redis, *WITHOUT_BROWSER)


@nox.session(python=INSTALLED)
def pythons(session: nox.Session) -> None:
    """The same on each Python, with the newest of everything that it can have."""
    run_tests(session, "newest", "8", *WITHOUT_BROWSER)


@nox.session(python=OLDEST, tags=["ci"])
def oldest(session: nox.Session) -> None:
    """The short subset with the oldest of everything, Redis too: the one inside the wheel."""
    run_tests(session, "oldest", "5", *SHORT)
