"""The pages that do something: publish a text, close websockets. Each asks first, and is in the admin's log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ws4channels.admin.forms import AudienceForm, ClosingForm, PublishingForm
from ws4channels.admin.pages import PagesAdmin
from ws4channels.admin.patience import SECONDS, NoAnswer, within
from ws4channels.closing import close_sockets
from ws4channels.connections import UNREACHABLE, RedisError
from ws4channels.publisher import RedisPublisher
from ws4channels.shown import error_on_one_line

CONFIRMED = "confirmed"
"""The name of the button on the page that asks."""


@dataclass(frozen=True)
class Action:
    """A form, a page that asks whether that is meant, and what is done then."""

    name: str
    form_class: type[AudienceForm]
    question: Any
    verb: Any
    do: Callable[[dict[str, Any]], None]
    """Given the form's data. Raises what redis-py raises."""

    def show(self, admin: PagesAdmin, request: HttpRequest) -> HttpResponse:
        """Return the form, the question, or after it the way back to the form."""
        form = (
            self.form_class(request.POST) if request.method == "POST" else self.form_class(initial=request.GET.dict())
        )
        if not form.is_valid():
            return admin.render(request, self.name, "action", form=form, verb=self.verb)
        if CONFIRMED not in request.POST:
            context = {"form": form, "question": self.question, "verb": self.verb, "confirmed": CONFIRMED}
            return admin.render(request, self.name, "confirmation", back=admin.url_of(self.name), **context)
        self._carry_out(admin, request, form)
        return HttpResponseRedirect(admin.url_of(self.name))

    def _carry_out(self, admin: PagesAdmin, request: HttpRequest, form: AudienceForm) -> None:
        data = form.cleaned_data
        try:
            within(SECONDS, lambda: self.do(data))
        except NoAnswer as error:
            outcome, level = _("Redis does not answer (%s): this may happen yet.") % error, messages.WARNING
        except (*UNREACHABLE, RedisError) as error:
            outcome, level = _("Redis fails: %s") % error_on_one_line(error), messages.ERROR
        except ImproperlyConfigured as error:
            outcome, level = str(error), messages.ERROR
        else:
            outcome, level = _("Done."), messages.SUCCESS
        text = f"{form.summary()} {outcome}"
        admin.note(request, form.about(), text)
        admin.message_user(request, text, level)


def _publish(data: dict[str, Any]) -> None:
    RedisPublisher(**data["arguments"]).publish_message(data["message"], data["expire"])


def _close(data: dict[str, Any]) -> None:
    close_sockets(**data["arguments"])


_PUBLISHING = Action("publish", PublishingForm, gettext_lazy("Publish this?"), gettext_lazy("Publish"), _publish)
_CLOSING = Action("close", ClosingForm, gettext_lazy("Close these websockets?"), gettext_lazy("Close"), _close)


def show_publishing(admin: PagesAdmin, request: HttpRequest) -> HttpResponse:
    """Return the page on which a text is published to a key."""
    return _PUBLISHING.show(admin, request)


def show_closing(admin: PagesAdmin, request: HttpRequest) -> HttpResponse:
    """Return the page on which the websockets of a user or session are closed."""
    return _CLOSING.show(admin, request)
