"""
Work outside any server, as management commands, daemons and task workers do it.

`python -m tests.against_original.site.scripts NAME` reads a JSON value from its input and writes one to its output.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import django
import redis

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.models import Group  # noqa: E402
from django.core.management import call_command  # noqa: E402

from tests.against_original.site.audiences import carry_out  # noqa: E402
from tests.against_original.site.legacy import RedisMessage  # noqa: E402
from tests.against_original.site.lobby import IMPORTED_EARLY  # noqa: E402

PEOPLE = {
    "john": ["chatters", "editors"],
    "mary": ["chatters"],
    "ann.lee@example.org": [],
    "zoë": ["café"],
    "12": [],
    "sub:user": ["a:b"],
}


def prepare(_: Any) -> Any:
    """Make the database, with everybody's password `secret`."""
    call_command("migrate", verbosity=0)
    for username, groups in PEOPLE.items():
        user = get_user_model().objects.create_user(username, password="secret")
        user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
    return sorted(PEOPLE)


def publish(orders: list[dict[str, Any]]) -> Any:
    """Publish one order after the other."""
    return [carry_out(order) for order in orders]


def publish_early(message: str) -> Any:
    """Publish through a publisher that was built when its module was imported."""
    try:
        IMPORTED_EARLY.publish_message(RedisMessage(message))
    except redis.exceptions.ConnectionError:
        return "redis.exceptions.ConnectionError"
    return sorted(IMPORTED_EARLY._publishers)


SCRIPTS: dict[str, Callable[[Any], Any]] = {"prepare": prepare, "publish": publish, "publish_early": publish_early}

if __name__ == "__main__":
    json.dump(SCRIPTS[sys.argv[1]](json.load(sys.stdin)), sys.stdout)
