"""Tests of the fixer of templates."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, check_rewrites, fix
from ws4channels.migration.fixers import templates

FIXER = templates.fix
PATH = "chat/templates/chat.html"
WITH_STATIC = "<script src=\"{% static 'js/ws4redis.js' %}\"></script>\n"

REWRITTEN = [
    ('<script src="{{ STATIC_URL }}js/ws4redis.js"></script>\n', "{% load static %}" + WITH_STATIC),
    ('{% load static %}\n<script src="{{STATIC_URL}}js/ws4redis.js"></script>\n', "{% load static %}\n" + WITH_STATIC),
    (
        '{% load i18n static %}<script src="{{ STATIC_URL|safe }}js/ws4redis.js"></script>\n',
        "{% load i18n static %}" + WITH_STATIC,
    ),
    (
        '{% extends "base.html" %}\r\n<script src="{{ STATIC_URL }}js/ws4redis.js"></script>\r\n',
        '{% extends "base.html" %}\r\n{% load static %}\r\n<script src="{% static \'js/ws4redis.js\' %}"></script>\r\n',
    ),
    ("{% load staticfiles %}\n" + WITH_STATIC, "{% load static %}\n" + WITH_STATIC),
    ("{% load i18n staticfiles %}\n" + WITH_STATIC, "{% load i18n static %}\n" + WITH_STATIC),
    ("{% load staticfiles static %}\n" + WITH_STATIC, "{% load static %}\n" + WITH_STATIC),
    ("{%load admin_static%}\n" + WITH_STATIC, "{%load static%}\n" + WITH_STATIC),
    ("{% load static from staticfiles %}\n" + WITH_STATIC, "{% load static %}\n" + WITH_STATIC),
    (
        "{% load i18n %}{% load staticfiles %}{{ WEBSOCKET_URI }}\n",
        "{% load i18n %}{% load static %}{{ WEBSOCKET_URI }}\n",
    ),
    (
        "<script src='{{ STATIC_URL }}js/ws4redis.js'>",
        "{% load static %}<script src='{% static \"js/ws4redis.js\" %}'>",
    ),
]


@pytest.mark.parametrize(("before", "after"), REWRITTEN)
def test_client_is_loaded_by_the_static_tag(before: str, after: str) -> None:
    """The tag replaces STATIC_URL, its library is loaded once, and old libraries have the new one's name."""
    assert list(check_rewrites(FIXER, before, after, PATH).findings) == []


@pytest.mark.parametrize(
    "text",
    [
        "{% load static %}\n" + WITH_STATIC,
        "{% load static from static %}\n" + WITH_STATIC,
        '<script src="/static/js/ws4redis.js"></script>\n',
        '<script src="{{ STATIC_URL }}chat/ws4redis.js"></script>\n',
        '<script src="{{ STATIC_URL }}js/jquery.js"></script>\n',
        '<script src="{{ MEDIA_URL }}js/ws4redis.js"></script>\n',
        "WS4Redis({uri: '{{ WEBSOCKET_URI }}a', heartbeat_msg: {{ WS4REDIS_HEARTBEAT }}}, jQuery);\n",
        "var ws = new WS4Redis({uri: '{{ WEBSOCKET_URI }}a'}, $);\n",
        "new WebSocket('{{ WEBSOCKET_URI }}a?subscribe-user');\n",
        "if (e.data === {{ WS4REDIS_HEARTBEAT|safe }}) {}\n",
        "{% load i18n %}{{ WEBSOCKET_URI }}\n",
        "{% load my_staticfiles %}{{ WEBSOCKET_URI }}\n",
        "<p>staticfiles</p>{{ WEBSOCKET_URI }}\n",
        "<p>Nothing of ours</p>\n",
        "",
    ],
)
def test_other_templates_stay(text: str) -> None:
    """What works is left: other scripts, calls with jQuery, raw websockets."""
    check_leaves(FIXER, text, PATH)


@pytest.mark.parametrize("path", ["chat/jinja2/chat.html", "chat/chat.css", "chat/chat.py", "chat/chat.j2"])
def test_other_files_stay(path: str) -> None:
    """Jinja has no `load`, and other files are no templates."""
    check_leaves(FIXER, '<script src="{{ STATIC_URL }}js/ws4redis.js"></script>\n', path)


def test_old_library_elsewhere_is_left_and_mentioned() -> None:
    """Templates that have nothing to do with websockets are their owner's to change."""
    text = "<html>\n{% load staticfiles %}\n"
    fixed = fix(FIXER, text, PATH)
    assert fixed.text == text
    (finding,) = fixed.findings
    assert finding.line == 2
    assert finding.todo.startswith("Write {% load static %}. ")
