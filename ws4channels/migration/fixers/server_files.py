"""Reports what in the files of servers belongs to the original's websockets. These files are never rewritten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ws4channels.migration import layout
from ws4channels.migration.fixer import Facts, Finding, Fixed, Fixer, SourceFile

_NAMES = re.compile(
    r"""
    .*\.(?:ini|conf|cfg|vhost|service|socket|nginx|sh|bash|yml|yaml|j2|template|tmpl|xml|toml)
    | Procfile(?:\..*)? | (?:.*[._-])?Dockerfile(?:[._-].*)? | .*nginx.* | .*supervisor.* | .*uwsgi.*
    | crontab | Makefile
    """,
    re.X | re.I,
)
# Read elsewhere, and full of words that mean nothing here.
_OTHERS = {"setup.cfg", "pyproject.toml", "tox.ini", "pytest.ini", "mypy.ini"}

DAPHNE = "daphne -b 127.0.0.1 -p 8001 {asgi}"


@dataclass(frozen=True)
class Rule:
    """Lines of one kind: how they are recognised, what they are, and what replaces them."""

    line: re.Pattern[str]
    what: str
    todo: str


RULES = (
    Rule(
        re.compile(r"\buwsgi\b(?=.*(?:--gevent|--http-websockets|websocket|ws4redis))", re.I),
        "This starts uWSGI for websockets",
        f"Start Daphne instead, which serves pages as well: {DAPHNE}.",
    ),
    Rule(
        re.compile(r"^\s*(?:module|wsgi-file|wsgi|mount|<module>)\b.*(?:websocket|ws4redis)", re.I),
        "This uWSGI serves websockets",
        f"Remove this instance, and start Daphne instead: {DAPHNE}.",
    ),
    Rule(
        re.compile(r"^\s*(?:-\s*)?(?:http-websockets|gevent(?:-monkey-patch|-early-monkey-patch)?)\s*[=:]", re.I),
        "This makes uWSGI serve websockets",
        f"Remove it. Websockets are served by Daphne: {DAPHNE}.",
    ),
    Rule(
        re.compile(r"^\s*\[program:[^\]]*(?:websocket|ws4redis|\bws\b)[^\]]*\]|^(?:websocket|ws)s?:", re.I),
        "This is the process for websockets",
        f"Let it start Daphne: {DAPHNE}.",
    ),
    Rule(
        re.compile(r"^\s*location\s[^{]*(?:/ws\b|websocket)", re.I),
        "nginx sends websockets to a server of their own",
        "Pass them to Daphne, with the headers of docs/deployment/nginx.conf: Host, Upgrade, Connection, "
        "X-Forwarded-For, X-Forwarded-Proto.",
    ),
    Rule(
        re.compile(r"^\s*(?:uwsgi_pass|proxy_pass)\s[^;]*(?:websocket|ws4redis)", re.I),
        "nginx passes websockets on to the original's server",
        "Name Daphne's address here, and use proxy_pass: Daphne does not speak uwsgi's protocol.",
    ),
    Rule(
        re.compile(r"^\s*(?:ProxyPass|ProxyPassReverse|RewriteRule)\s.*\bwss?://", re.I),
        "Apache passes websockets on to the original's server",
        "Name Daphne's address here, as in docs/deployment/apache.conf.",
    ),
    Rule(
        re.compile(r"ws4redis\.(?:uwsgi_runserver|django_runserver|wsgi_server)|django-websocket-redis", re.I),
        "This names the original",
        "Name ws4channels instead where a package is installed; where a server is started, start Daphne.",
    ),
)


class ServerFilesFixer(Fixer):
    """Finds lines about websockets in files of uWSGI, nginx, Apache, supervisor, systemd, Docker and their like."""

    def wants(self, file: SourceFile, facts: Facts) -> bool:
        """Tell whether the file looks like one for a server, by its name."""
        return file.name not in _OTHERS and not file.is_python and _NAMES.fullmatch(file.name) is not None

    def fix(self, file: SourceFile, facts: Facts) -> Fixed:
        """Return the file as it is, and what was found in it."""
        return Fixed(file.text, list(_found_in(file, facts)))


def _found_in(file: SourceFile, facts: Facts) -> Iterator[Finding]:
    asgi = asgi_application(facts)
    for number, line in enumerate(file.lines, 1):
        if line.lstrip().startswith(("#", ";", "//")):
            continue
        for rule in RULES:
            if rule.line.search(line):
                yield Finding(file.path, number, f"{rule.what}: {line.strip()}", rule.todo.format(asgi=asgi))
                break


def asgi_application(facts: Facts) -> str:
    """Return what Daphne is to serve, as its command line takes it."""
    settings = next(iter([*layout.app_modules(facts), *facts.settings]), None)
    module = "PROJECT.asgi" if settings is None else facts.name_of(layout.asgi_of(facts, settings.path))
    return f"{module}:application"
