"""A site with Django's admin, and the people who may see more or less of our pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from ws4channels.admin import health
from ws4channels.admin.pages import ACT, CONTENTS, VIEW
from ws4channels.admin.patience import Latest
from ws4channels.status import look

Visit = Callable[..., Client]


@pytest.fixture(autouse=True)
def no_earlier_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """What came too late for an earlier test's page is not shown in this one's."""
    monkeypatch.setattr(health, "_latest", Latest(look))


@pytest.fixture(autouse=True)
def site_with_admin(settings: Any) -> None:
    """The settings of a site whose pages are those of Django's admin."""
    settings.ROOT_URLCONF = "tests.admin.urls"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.csrf.CsrfViewMiddleware"]
    (engine,) = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "APP_DIRS": True}]


@pytest.fixture
def visit(transactional_db: None) -> Visit:
    """Return the client of a member of staff with the given permissions."""

    def visit(*permissions: str, username: str = "paula", **options: Any) -> Client:
        user, _ = User.objects.get_or_create(username=username, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        assert user.user_permissions.count() == len(set(permissions))
        client = Client(**options)
        client.force_login(user)
        return client

    return visit


@pytest.fixture
def staff(visit: Visit) -> Client:
    """The client of somebody who may do everything."""
    return visit(VIEW, CONTENTS, ACT)
