"""Build a host of ``CHANNEL_LAYERS`` from ``WS4REDIS_CONNECTION``, without copying its values."""

from dataclasses import dataclass, field

import libcst as cst
from libcst import matchers as m

from ws4channels.migration.settings_fixer import assigned_by
from ws4channels.migration.texts import text_of

CONNECTION = "WS4REDIS_CONNECTION"
_OF_A_CONNECTION = ("host", "port", "db", "username", "password", "socket_timeout", "socket_keepalive", "client_name")
_OF_AN_ADDRESS = ("db", "username", "password", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")
# Explicit, because redis-py's own defaults differ from version to version.
_TIMES = ('"socket_timeout": 5', '"health_check_interval": 30')


@dataclass(frozen=True)
class Arguments:
    """The keys of the connection and what is written for each. Not `known`: it is no plain dict."""

    known: bool
    values: dict[str, cst.CSTNode] = field(default_factory=dict)

    @property
    def left_out(self) -> list[str]:
        """The keys that a host of the layer does not take."""
        taken = {*_OF_A_CONNECTION, *_OF_AN_ADDRESS, "ssl", "unix_socket_path", "url"}
        return [name for name in self.values if name not in taken]


def arguments_of(line: cst.SimpleStatementLine) -> Arguments:
    """Return the arguments that a line assigns to ``WS4REDIS_CONNECTION``."""
    statement = next(small for small in line.body if CONNECTION in assigned_by(small))
    pairs = _pairs_of(statement if assigns_item(line) else getattr(statement, "value", statement))
    values = {name: expression for name, expression in pairs if name is not None}
    return Arguments(known=len(values) == len(pairs), values=values)


def assigns_item(line: cst.SimpleStatementLine) -> bool:
    """Tell whether a line assigns ``WS4REDIS_CONNECTION["…"]``, not the whole."""
    item = m.Assign([m.AssignTarget(m.Subscript()), m.ZeroOrMore()])
    return any(m.matches(small, item) for small in line.body)


def _pairs_of(value: cst.CSTNode) -> list[tuple[str | None, cst.CSTNode]]:
    """Return the keys and values of ``{…}`` or ``dict(…)``; a key that is not known is None, as is that of all else."""
    if isinstance(value, cst.Dict):
        return [
            (text_of(each.key) if isinstance(each, cst.DictElement) else None, each.value) for each in value.elements
        ]
    if isinstance(value, cst.Call) and m.matches(value.func, m.Name("dict")):
        return [(arg.keyword.value if arg.keyword is not None else None, arg.value) for arg in value.args]
    return [(None, value)]


def host_of(arguments: Arguments) -> list[str]:
    """Return the source of the items of a host that leads to the same Redis."""
    values = arguments.values
    if not arguments.known or set(values) <= set(_OF_A_CONNECTION):
        return [*_TIMES, f"**{CONNECTION}"]
    if "unix_socket_path" in values:
        address = f"f\"unix://{{{CONNECTION}['unix_socket_path']}}\""
    elif "url" in values:
        address = f'{CONNECTION}["url"]'
    elif "ssl" in values:
        address = _address_of_ssl(values)
    else:
        return [*_TIMES, *_looked_up(values, _OF_A_CONNECTION)]
    return [*_TIMES, f'"address": {address}', *_looked_up(values, _OF_AN_ADDRESS)]


def _looked_up(values: dict[str, cst.CSTNode], names: tuple[str, ...]) -> list[str]:
    return [f'"{name}": {CONNECTION}["{name}"]' for name in names if name in values]


def _address_of_ssl(values: dict[str, cst.CSTNode]) -> str:
    host = f"{{{CONNECTION}['host']}}" if "host" in values else "localhost"
    port = f"{{{CONNECTION}['port']}}" if "port" in values else "6379"
    ssl = values["ssl"]
    if isinstance(ssl, cst.Name) and ssl.value in ("True", "False"):
        scheme = "rediss" if ssl.value == "True" else "redis"
        return f'f"{scheme}://{host}:{port}"'
    return f'("rediss" if {CONNECTION}["ssl"] else "redis") + f"://{host}:{port}"'
