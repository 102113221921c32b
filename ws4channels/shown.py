"""What log lines, errors and terminals show of values that may be hostile or secret.

`on_one_line` is for what clients sent, `error_on_one_line` for exceptions, `without_secrets` for settings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_LOGIN = re.compile(r"://.*@", re.S)
"""Up to the last "@": a password may hold characters that should have been percent-encoded."""
_PASSWORD_IN_QUERY = re.compile(r"([?&][^=&]*password=)[^&'\"\s]*")


def on_one_line(value: str | bytes) -> str:
    """Return text without line breaks, terminal escapes or other control characters; bytes with their number."""
    if isinstance(value, bytes):
        return f"<{len(value)} bytes> {''.join(map(_shown_byte, value))}"
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in value)


def _shown_byte(byte: int) -> str:
    return chr(byte) if 32 <= byte < 127 and byte != ord("\\") else f"\\x{byte:02x}"


def error_on_one_line(error: BaseException) -> str:
    """Return an error's type and text on one line, without the login of a URL in it; some errors have no text."""
    text = on_one_line(without_secrets(str(error)))
    return f"{type(error).__name__}: {text}".removesuffix(": ")


def without_secrets(value: Any) -> Any:
    """Return a copy of a setting, such as ``WS4REDIS_CONNECTION``, without passwords and logins in URLs."""
    if isinstance(value, str):
        return _PASSWORD_IN_QUERY.sub(r"\1…", _LOGIN.sub("://…@", value))
    if isinstance(value, bytes):
        return without_secrets(value.decode("latin-1")).encode("utf-8") if b"://" in value else value
    if isinstance(value, Mapping):
        return {name: _shown_item(name, item) for name, item in value.items()}
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(map(without_secrets, value))
    return value


def _shown_item(name: object, item: Any) -> Any:
    return "…" if "password" in str(name) and item else without_secrets(item)
