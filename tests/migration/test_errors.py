"""Tests of the command's error."""

from ws4channels.migration.errors import MigrationError


def test_error_is_its_text() -> None:
    """The text is what the command prints."""
    assert str(MigrationError("Why.")) == "Why."
