"""A ModelAdmin that has pages instead of rows: their addresses, their menu, and who may see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.module_loading import import_string

from ws4channels.models import Websockets

VIEW = "view_websockets"
CONTENTS = "view_message_contents"
ACT = "act_on_websockets"

FIRST = "changelist"
"""The name of the page that the admin's index links to."""


@dataclass(frozen=True)
class Page:
    """One page."""

    name: str
    title: Any
    view: str
    """The dotted path of what is called with the `PagesAdmin` and the request of somebody who has the permission.

    It is imported then: the admin imports this package in every process, also where nobody looks at a page."""
    permission: str = VIEW
    """Needed besides that to view websockets at all."""
    is_listed: bool = True
    """Whether it is in the menu."""


class PagesAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Serves `pages`, each with its template ``admin/ws4channels/NAME.html``, to staff with its permission."""

    pages: ClassVar[tuple[Page, ...]] = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds a row."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes a row."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes a row."""
        return False

    def may(self, request: HttpRequest, permission: str) -> bool:
        """Tell whether the client may view websockets, and has another permission of ours."""
        user: Any = request.user
        return self.has_view_permission(request) and bool(user.has_perm(f"{Websockets._meta.app_label}.{permission}"))

    def get_urls(self) -> list[Any]:
        """Return the addresses of the pages, and none of a ModelAdmin's own."""
        return [
            path(
                "" if page.name == FIRST else f"{page.name}/",
                self.admin_site.admin_view(partial(self._serve, page)),
                name=_url_name(page.name),
            )
            for page in self.pages
        ]

    def _serve(self, page: Page, request: HttpRequest) -> HttpResponse:
        if not self.may(request, page.permission):
            raise PermissionDenied(f"The user may not see the page {page.name!r}.")
        request.current_app = self.admin_site.name
        view: View = import_string(page.view)
        return view(self, request)

    def url_of(self, page: str, /, **parameters: str) -> str:
        """Return the address of a page; empty parameters are left out."""
        url = reverse(f"admin:{_url_name(page)}", current_app=self.admin_site.name)
        query = urlencode({key: value for key, value in parameters.items() if value})
        return f"{url}?{query}" if query else url

    def render(self, request: HttpRequest, name: str, template: str = "", **context: Any) -> HttpResponse:
        """Return a page; `template` names one that is not the page's own."""
        (title,) = (page.title for page in self.pages if page.name == name)
        menu = [
            {"title": page.title, "url": self.url_of(page.name), "is_current": page.name == name}
            for page in self.pages
            if page.is_listed and self.may(request, page.permission)
        ]
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "menu": menu}
        return TemplateResponse(request, f"admin/ws4channels/{template or name}.html", {**frame, **context})

    def note(self, request: HttpRequest, about: str, message: str) -> None:
        """Write an entry into the admin's log: what it is about, and what was done."""
        self.log_change(request, Websockets(name=about[:200]), message)


def _url_name(name: str) -> str:
    return f"{Websockets._meta.app_label}_{Websockets._meta.model_name}_{name}"


View = Callable[[PagesAdmin, HttpRequest], HttpResponse]
