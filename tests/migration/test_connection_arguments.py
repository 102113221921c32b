"""Tests of reading WS4REDIS_CONNECTION; what is made of it is tested with the fixer of channel layers."""

from __future__ import annotations

import libcst as cst
import pytest

from ws4channels.migration.connection_arguments import arguments_of, assigns_item


def line(value: str) -> cst.SimpleStatementLine:
    """Return the line that assigns a value."""
    return cst.ensure_type(cst.parse_statement(f"WS4REDIS_CONNECTION{value}"), cst.SimpleStatementLine)


@pytest.mark.parametrize(
    ("value", "known", "names"),
    [
        (" = {'host': a, \"port\": 1}", True, ["host", "port"]),
        (" = dict(host=a)", True, ["host"]),
        (" = {}", True, []),
        (": dict = {'host': 1}", True, ["host"]),
        (" = {**BASE, 'db': 1}", False, ["db"]),
        (" = {name: 1}", False, []),
        (" = dict(BASE, db=1)", False, ["db"]),
        (" = load(db=1)", False, []),
        (" = OTHER", False, []),
        ("['db'] = {'host': 1}", False, []),
    ],
)
def test_keys_are_read(value: str, known: bool, names: list[str]) -> None:
    """The keys of a dict are known if all of them are written there."""
    arguments = arguments_of(line(value))
    assert (arguments.known, list(arguments.values)) == (known, names)


def test_items_are_told_from_the_whole() -> None:
    """An assignment to an item changes what is there."""
    assert assigns_item(line("['db'] = 1"))
    assert not assigns_item(line(" = {'db': 1}"))


def test_arguments_without_a_place_in_a_host_are_named() -> None:
    """What a host of the layer does not take is listed."""
    assert arguments_of(line(" = {'host': 1, 'decode_responses': True, 'ssl_ca_certs': 1}")).left_out == [
        "decode_responses"
    ]
