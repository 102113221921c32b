"""The page Explain: why a client hears nothing, as ``manage.py ws4channels_explain`` says it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from ws4channels.admin.answers import ask
from ws4channels.admin.forms import ExplainingForm
from ws4channels.admin.pages import PagesAdmin
from ws4channels.admin.shown_keys import shown_key
from ws4channels.exceptions import Ws4ChannelsError
from ws4channels.explain import Explanation, Key, explain, explain_publishing


@dataclass(frozen=True)
class Outcome:
    """What is said of a client, and of a publisher if one was given."""

    explanation: Explanation
    keys: list[tuple[str, Key]]
    """Each as it is shown, and what is known of it."""
    written: list[tuple[str, int | None]]
    """The publisher's keys with the number of processes that listen."""
    notes: list[str]
    gap: str | None = None
    is_published: bool = False


def show_explanation(admin: PagesAdmin, request: HttpRequest) -> HttpResponse:
    """Return the form, and the explanation. The form is posted: the site's hooks run, with what they do."""
    form = ExplainingForm(request.POST) if request.method == "POST" else ExplainingForm(initial=request.GET.dict())
    if not form.is_valid():
        return admin.render(request, "explain", form=form)
    outcome, failure = ask(_explaining(form.cleaned_data))
    return admin.render(request, "explain", form=form, outcome=outcome, failure=failure)


def _explaining(data: dict[str, Any]) -> Callable[[Any], Outcome]:
    def answer(client: Any) -> Outcome:
        explanation = explain(data["url"], **data["asked"])
        keys = [(shown_key(each.key), each) for each in explanation.keys]
        if data["publisher"] is None:
            return Outcome(explanation, keys, [], [])
        try:
            published = explain_publishing(explanation=explanation, **data["publisher"])
        except Ws4ChannelsError as error:
            return Outcome(explanation, keys, [], [str(error)])
        written = [(shown_key(key), count) for key, count in published.keys.items()]
        return Outcome(explanation, keys, written, published.notes, published.gap, is_published=True)

    return answer
