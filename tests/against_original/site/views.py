"""Pages that sign people in, publish and fetch; each does one thing that real sites do, and answers with JSON."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import engines

from tests.against_original.site.audiences import carry_out
from tests.against_original.site.legacy import RedisPublisher, private_settings

PYTHON = Path(sys.prefix, "bin", "python")
CONTEXT_TEMPLATE = "{{ WEBSOCKET_URI }}\n{{ WS4REDIS_HEARTBEAT }}"


def ready(request: HttpRequest) -> HttpResponse:
    """Say that the server answers."""
    return HttpResponse("ready")


def visit(request: HttpRequest) -> JsonResponse:
    """Give an anonymous visitor a session."""
    request.session["visited"] = True
    request.session.save()
    return JsonResponse({"session_key": request.session.session_key})


def sign_in(request: HttpRequest) -> JsonResponse:
    """Sign a user in as any login form does."""
    user = authenticate(request, username=request.POST["username"], password=request.POST["password"])
    login(request, user)
    request.session.save()
    return whoami(request)


def sign_out(request: HttpRequest) -> JsonResponse:
    """Sign the user out."""
    logout(request)
    return whoami(request)


def write_memberof(request: HttpRequest) -> JsonResponse:
    """Write the names of the visitor's groups into the session, as sites with rooms of their own do."""
    request.session["ws4redis:memberof"] = json.loads(request.body)
    request.session.save()
    return whoami(request)


def whoami(request: HttpRequest) -> JsonResponse:
    """Tell who the visitor is."""
    return JsonResponse(
        {
            "user": request.user.get_username(),
            "session_key": request.session.session_key,
            "memberof": request.session.get("ws4redis:memberof"),
        }
    )


def publish(request: HttpRequest) -> JsonResponse:
    """Publish what the body says."""
    order: dict[str, Any] = json.loads(request.body)
    return JsonResponse(carry_out(order, request if order.get("with_request") else None))


def publish_from_process(request: HttpRequest) -> HttpResponse:
    """Let a plain process publish what the body says; a server of one thread is blocked for that long."""
    command = [PYTHON, "-m", "tests.against_original.site.scripts", "publish"]
    result = subprocess.run(command, input=request.body, capture_output=True, check=True, timeout=60)
    return HttpResponse(result.stdout, content_type="application/json")


def fetch(request: HttpRequest) -> JsonResponse:
    """Fetch the kept message of a facility."""
    options = {"audience": request.GET["audience"]} if "audience" in request.GET else {}
    message = RedisPublisher().fetch_message(request, request.GET["facility"], **options)
    return JsonResponse({"type": type(message).__name__, "hex": message and message.hex()})


def use_connection(request: HttpRequest) -> JsonResponse:
    """Read a key through the Redis client of a publisher without arguments."""
    value = RedisPublisher()._connection.get(request.GET["key"])
    return JsonResponse({"type": type(value).__name__, "hex": value and value.hex()})


def read_private_settings(request: HttpRequest) -> JsonResponse:
    """Show the settings that other code reads from the package's own module."""
    names = ["WEBSOCKET_URL", "WS4REDIS_CONNECTION", "WS4REDIS_EXPIRE", "WS4REDIS_PREFIX", "WS4REDIS_HEARTBEAT"]
    return JsonResponse({name: getattr(private_settings, name) for name in names})


def assign_setting(request: HttpRequest) -> JsonResponse:
    """Assign to an attribute of the package's own settings module."""
    setattr(private_settings, request.POST["name"], request.POST.get("value"))
    return JsonResponse({})


def show_context(request: HttpRequest) -> HttpResponse:
    """Render what the context processor puts into templates."""
    template = engines["django"].from_string(CONTEXT_TEMPLATE)
    return HttpResponse(template.render({}, request), content_type="text/plain")
