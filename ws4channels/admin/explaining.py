"""The page Explain: why a client hears nothing, as ``manage.py ws4channels_explain`` says it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, HttpResponse

from ws4channels.admin.answers import ask
from ws4channels.admin.forms import ExplainingForm
from ws4channels.admin.pages import PagesAdmin
from ws4channels.admin.shown_keys import shown_key
from ws4channels.exceptions import Ws4ChannelsError
from ws4channels.explain import Explanation, Key, Publishing, explain, explain_publishing
from ws4channels.shown import on_one_line


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
        published, notes = None, []
        if data["publisher"] is not None:
            try:
                published = explain_publishing(explanation=explanation, **data["publisher"])
                notes = published.notes
            except Ws4ChannelsError as error:
                notes = [str(error)]
        return _outcome(explanation, published, notes)

    return answer


def _outcome(explanation: Explanation, published: Publishing | None, notes: list[str]) -> Outcome:
    """Return what the page shows: sessions' keys only in part, also in sentences."""
    written = {} if published is None else published.keys

    def shown(text: str) -> str:
        for key in (*(each.key for each in explanation.keys), *written):
            text = text.replace(on_one_line(key), shown_key(key))
        return text

    gap = None if published is None else published.gap
    return Outcome(
        replace(explanation, steps=[replace(step, text=shown(step.text)) for step in explanation.steps]),
        [(shown_key(each.key), each) for each in explanation.keys],
        [(shown_key(key), count) for key, count in written.items()],
        [shown(note) for note in notes],
        None if gap is None else shown(gap),
        is_published=published is not None,
    )
