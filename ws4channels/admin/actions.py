"""The pages that do something: publish a text, close websockets. Each asks first, and is in the admin's log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ws4channels.admin.answers import ask
from ws4channels.admin.forms import AudienceForm, ClosingForm, PublishingForm
from ws4channels.admin.pages import PagesAdmin
from ws4channels.admin.patience import SECONDS, NoAnswer, NotBegun, within
from ws4channels.closing import close_sockets
from ws4channels.connections import UNREACHABLE, RedisError
from ws4channels.processes.asking import ask_processes
from ws4channels.processes.questions import sockets_of
from ws4channels.publisher import RedisPublisher
from ws4channels.shown import error_on_one_line

CONFIRMED = "confirmed"
"""The name of the button on the page that asks."""

_SECONDS = 0.8
"""How long processes may take to answer."""


@dataclass(frozen=True)
class Action:
    """A form, a page that asks whether that is meant, and what is done then."""

    name: str
    form_class: type[AudienceForm]
    question: Any
    verb: Any
    do: Callable[[dict[str, Any]], None]
    """Given the form's data. Raises what redis-py raises."""
    outlook: Callable[[dict[str, Any]], str] = lambda data: ""
    """Given the form's data, says what to expect of it."""

    def show(self, admin: PagesAdmin, request: HttpRequest) -> HttpResponse:
        """Return the form, the question, or after it the way back to the form."""
        form = (
            self.form_class(request.POST) if request.method == "POST" else self.form_class(initial=request.GET.dict())
        )
        if not form.is_valid():
            return admin.render(request, self.name, "action", form=form, verb=self.verb)
        if CONFIRMED not in request.POST:
            return self._ask(admin, request, form)
        self._carry_out(admin, request, form)
        return HttpResponseRedirect(admin.url_of(self.name))

    def _ask(self, admin: PagesAdmin, request: HttpRequest, form: AudienceForm) -> HttpResponse:
        return admin.render(
            request,
            self.name,
            "confirmation",
            form=form,
            question=self.question,
            outlook=self.outlook(form.cleaned_data),
            verb=self.verb,
            confirmed=CONFIRMED,
            back=admin.url_of(self.name),
        )

    def _carry_out(self, admin: PagesAdmin, request: HttpRequest, form: AudienceForm) -> None:
        data = form.cleaned_data
        try:
            within(SECONDS, lambda: self.do(data))
        except NotBegun as error:
            outcome, level = _("Redis does not answer (%s): nothing was done.") % error, messages.ERROR
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


def _count_listeners(data: dict[str, Any]) -> str:
    """Say how many websockets listen to the key now."""
    answers, failure = ask(lambda client: ask_processes(client, sockets_of([data["key"]]), _SECONDS))
    if answers is None:
        return failure
    count = sum(answers.totals.values())
    return ngettext("%d websocket is subscribed to it now.", "%d websockets are subscribed to it now.", count) % count


def _close(data: dict[str, Any]) -> None:
    close_sockets(**data["arguments"])


_PUBLISHING = Action(
    "publish", PublishingForm, gettext_lazy("Publish this?"), gettext_lazy("Publish"), _publish, _count_listeners
)
_CLOSING = Action("close", ClosingForm, gettext_lazy("Close these websockets?"), gettext_lazy("Close"), _close)


def show_publishing(admin: PagesAdmin, request: HttpRequest) -> HttpResponse:
    """Return the page on which a text is published to a key."""
    return _PUBLISHING.show(admin, request)


def show_closing(admin: PagesAdmin, request: HttpRequest) -> HttpResponse:
    """Return the page on which the websockets of a user or session are closed."""
    return _CLOSING.show(admin, request)
