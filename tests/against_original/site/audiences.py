"""Arguments of a publisher that JSON can't hold, and the one way in which views and scripts publish."""

from typing import Any

from django.contrib.auth import get_user_model

from tests.against_original.site.legacy import SELF, RedisMessage, RedisPublisher
from tests.against_original.site.lobby import LobbyPublisher

PUBLISHERS = {"plain": RedisPublisher, "lobby": LobbyPublisher}


def as_python(value: Any) -> Any:
    """Turn `{"self": true}`, `{"user": name}`, `{"set": […]}` and the like into what they stand for."""
    if isinstance(value, list):
        return [as_python(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, argument),) = value.items()
    return {
        "self": lambda: SELF,
        "user": lambda: get_user_model().objects.get(username=argument),
        "tuple": lambda: tuple(as_python(argument)),
        "set": lambda: set(as_python(argument)),
        "generator": lambda: (item for item in as_python(argument)),
        "usernames": lambda: get_user_model().objects.filter(username__in=argument).values_list("username", flat=True),
    }[kind]()


def as_message(order: dict[str, Any]) -> Any:
    """Return the message of an order in the form that it asks for."""
    content = bytes.fromhex(order["hex"]) if "hex" in order else order["message"]
    form = order.get("form", "RedisMessage")
    return {"RedisMessage": RedisMessage, "bytes": lambda text: text.encode(), "str": str}[form](content)


# What sites catch. The classes' own names are not public, what they derive from is.
CAUGHT = ("ValueError", "TypeError", "NameError", "AttributeError", "ConnectionError")


def family(error: Exception) -> str:
    """Return the well-known classes that an exception is an instance of."""
    return " and ".join(cls.__name__ for cls in type(error).__mro__ if cls.__name__ in CAUGHT) or type(error).__name__


def carry_out(order: dict[str, Any], request: Any = None) -> dict[str, Any]:
    """Publish as the order says; return the keys, and what kind of exception came if one came."""
    arguments = {name: as_python(value) for name, value in order.get("audience", {}).items()}
    if request is not None:
        arguments["request"] = request
    keys: list[str] = []
    try:
        publisher = PUBLISHERS[order.get("publisher", "plain")](facility=order["facility"], **arguments)
        keys = sorted(publisher._publishers)
        options = {"expire": order["expire"]} if "expire" in order else {}
        getattr(publisher, order.get("method", "publish_message"))(as_message(order), **options)
    except Exception as error:  # any exception is what the check wants to see
        return {"keys": keys, "error": family(error)}
    return {"keys": keys, "error": None}
