"""Tests of the report about calls of is_authenticated."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, fix
from ws4channels.migration.fixer import Severity
from ws4channels.migration.fixers.signed_in import SignedInFixer

FIXER = SignedInFixer()


@pytest.mark.parametrize("owner", ["request.user", "user", "self.request.user", "current_user"])
@pytest.mark.parametrize("name", ["is_authenticated", "is_anonymous"])
def test_call_is_reported(owner: str, name: str) -> None:
    """A call on a user is said with its line; the file stays."""
    text = f"def view(request):\n    if not {owner}.{name}():\n        return\n"
    fixed = fix(FIXER, text)
    assert fixed.text == text
    (finding,) = fixed.findings
    assert (finding.line, finding.severity) == (2, Severity.MUST)


@pytest.mark.parametrize(
    "text",
    [
        "if request.user.is_authenticated:\n    pass\n",
        "user = request.user.is_anonymous\n",
        "class Auth(Authentication):\n    def is_authenticated(self, request):\n        return True\n",
        "auth.is_authenticated(request)\n",
        "auth.is_authenticated()\n",
        "is_authenticated()\n",
        "x = 'user.is_authenticated()'\n",
        "if callable(user.is_authenticated):\n    user.is_authenticated()\nelse:\n    user.is_authenticated\n",
    ],
)
def test_others_are_left(text: str) -> None:
    """Attributes, and methods of what is no user, get no word."""
    check_leaves(FIXER, text)


def test_call_beside_a_guard_is_reported() -> None:
    """Only what the guard guards is right on every Django."""
    text = "if callable(user.is_authenticated):\n    user.is_authenticated()\nelse:\n    user.is_authenticated()\n"
    assert [finding.line for finding in fix(FIXER, text).findings] == [4]
