"""Tests of `ws4channels.exceptions`."""

from __future__ import annotations

import inspect

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import BadHeaderError

from ws4channels import exceptions

ERRORS = [each for _, each in inspect.getmembers(exceptions, inspect.isclass) if each.__module__ == exceptions.__name__]


@pytest.mark.parametrize(
    ("error", "standard"),
    [
        (exceptions.ConfigurationError, ImproperlyConfigured),
        (exceptions.AudienceTypeError, TypeError),
        (exceptions.AudienceValueError, ValueError),
        (exceptions.MessageTypeError, TypeError),
        (exceptions.MessageValueError, ValueError),
        (exceptions.WebSocketError, OSError),
        (exceptions.FrameTooLargeException, exceptions.WebSocketError),
        (exceptions.HandshakeError, BadHeaderError),
        (exceptions.UpgradeRequiredError, exceptions.HandshakeError),
    ],
)
def test_error_is_caught_as_a_standard_type(error: type[Exception], standard: type[Exception]) -> None:
    """Code that knows nothing of this package catches its errors by the type that it expects."""
    with pytest.raises(standard, match=r"^because$"):
        raise error("because")


@pytest.mark.parametrize("error", ERRORS)
def test_one_base_catches_everything(error: type[Exception]) -> None:
    """Every error of this package is a Ws4ChannelsError."""
    with pytest.raises(exceptions.Ws4ChannelsError, match=r"^because$"):
        raise error("because")


def test_the_originals_names_are_there() -> None:
    """A site imports the original's exceptions under their names."""
    names = {each.__name__ for each in ERRORS}
    assert {"WebSocketError", "FrameTooLargeException", "HandshakeError", "UpgradeRequiredError"} <= names
